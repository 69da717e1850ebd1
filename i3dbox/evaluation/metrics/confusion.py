"""Which classes are taken for which."""

from __future__ import annotations

import numpy as np

from ...registry import METRICS
from . import one_label
from .average_precision import average_precisions


@METRICS.register
def confusion_matrix(scores: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Counts of samples by label (row) and prediction (column), int64 K x K: 'confusion_matrix'.

    Samples whose scores are not finite have no prediction and are left out.
    """
    scores = np.asarray(scores)
    labels = one_label(labels, 'confusion_matrix')
    finite = np.isfinite(scores).all(1)
    counts = np.zeros((scores.shape[1],) * 2, np.int64)
    np.add.at(counts, (labels[finite], scores[finite].argmax(1)), 1)
    return {'confusion_matrix': counts}


@METRICS.register
def per_class(scores: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Computes 'precision', 'recall' (the class's accuracy) and 'support' (its samples), float64 K
    each; where samples have several labels, 'average_precision' and 'support'.

    Precision is NaN for a class that is never predicted, the others for one that has no samples.
    """
    if np.ndim(labels) == 2:
        found = average_precisions(scores, labels)
        return dict(average_precision=found, support=np.sum(labels, 0, np.float64))
    counts = confusion_matrix(scores, labels)['confusion_matrix']
    support = np.bincount(labels, minlength=len(counts)).astype(np.float64)
    with np.errstate(invalid='ignore'):
        return {
            'precision': counts.diagonal() / counts.sum(0),
            'recall': counts.diagonal() / support,
            'support': support,
        }
