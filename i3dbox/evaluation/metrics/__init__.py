"""Figures from scores: functions (scores float N x K, labels int N) -> dict of name -> float or
array.

One file a family. An array has one value a class, or is classes x classes. A sample with a score
that is not finite counts as wrong.
"""

import math

import numpy as np

from ...averages import softmax
from ...registry import METRICS, as_cfg

DEFAULT = ('top_k_accuracy', 'mean_class_accuracy')
LOWER_IS_BETTER = {
    'ece',
    'ece_low',
    'ece_high',
}  # a metric of one's own adds the names of its figures


def evaluate(metrics, scores, labels):
    """All figures of `metrics` (of METRICS, by name or as dicts with arguments)."""
    figures = {}
    for metric in metrics:
        figures.update(METRICS.build(as_cfg(metric), scores=scores, labels=labels))
    return figures


def better(name, value, than, by=0.0):
    """Whether one value of the figure `name` is better than another, by more than `by`.

    Any number is better than none, be it None or NaN.
    """
    if math.isnan(value):
        return False
    if than is None or math.isnan(than):
        return True
    return value < than - by if name in LOWER_IS_BETTER else value > than + by


def confidences(scores, labels):
    """The probability of each prediction, 0 where scores are not finite (float64 N); and whether it
    is right (bool N).
    """
    finite = np.isfinite(np.asarray(scores)).all(1)
    probabilities = softmax(np.where(finite[:, None], scores, 0))
    return probabilities.max(1) * finite, (probabilities.argmax(1) == labels) & finite
