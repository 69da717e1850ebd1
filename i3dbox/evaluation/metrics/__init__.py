"""Figures from scores: functions (scores float N x K, labels int N, or N x K of 0 and 1 where a
sample has several) -> dict of name -> float or array.

One file per family. An array has one value per class, or is classes x classes. A sample with a
score that is not finite counts as wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ...averages import softmax
from ...errors import ConfigError
from ...registry import METRICS, as_cfg

DEFAULT = ('top_k_accuracy', 'mean_class_accuracy')
DEFAULT_OF_SEVERAL = ('mean_average_precision', 'mmit_mean_average_precision')
# a metric of one's own adds the names of its figures
LOWER_IS_BETTER = {'ece', 'ece_low', 'ece_high'}


def evaluate(metrics: Iterable[str | dict], scores: np.ndarray, labels: np.ndarray) -> dict:
    """Returns all figures of `metrics` (of METRICS, by name or as dicts with arguments)."""
    figures = {}
    for metric in metrics:
        figures.update(METRICS.build(as_cfg(metric), scores=scores, labels=labels))
    return figures


def default_metrics(several: bool) -> tuple[str, ...]:
    """Returns the metrics of samples with one label each, or with several."""
    return DEFAULT_OF_SEVERAL if several else DEFAULT


def one_label(labels: np.ndarray, metric: str) -> np.ndarray:
    """Returns labels as an array. Raises ConfigError where a sample has several."""
    labels = np.asarray(labels)
    if labels.ndim == 2:
        raise ConfigError(
            f'{metric} is of videos with one label; for several there are '
            f'{", ".join(DEFAULT_OF_SEVERAL)}'
        )
    return labels


def better(name: str, value: float, than: float | None, by: float = 0.0) -> bool:
    """Whether one value of the figure `name` is better than another, by more than `by`.

    Any number is better than none, be it None or NaN.
    """
    if math.isnan(value):
        return False
    if than is None or math.isnan(than):
        return True
    return value < than - by if name in LOWER_IS_BETTER else value > than + by


def confidences(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the probability of each prediction, 0 where scores are not finite (float64 N); and
    whether it is right (bool N).
    """
    labels = one_label(labels, 'calibration_error')
    finite = np.isfinite(np.asarray(scores)).all(1)
    probabilities = softmax(np.where(finite[:, None], scores, 0))
    return probabilities.max(1) * finite, (probabilities.argmax(1) == labels) & finite
