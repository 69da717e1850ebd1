"""How often the right class is among the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...registry import METRICS
from . import one_label
from .confusion import confusion_matrix


@METRICS.register
def top_k_accuracy(
    scores: np.ndarray, labels: np.ndarray, topk: Sequence[int] = (1, 5)
) -> dict[str, float]:
    """Computes the share of samples whose label is among the k highest scores, for each k:
    'top1_acc', 'top5_acc'.

    Among equal scores the lower class counts as higher, so that the figure does not depend on a
    sort's whims. A k above the number of classes counts as that number.
    """
    scores = np.asarray(scores)
    labels = one_label(labels, 'top_k_accuracy')
    own = scores[np.arange(len(labels)), labels][:, None]
    ahead = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < labels[:, None]))
    rank = np.where(np.isfinite(scores).all(1), ahead.sum(1), scores.shape[1] + max(topk))
    return {f'top{k}_acc': float((rank < k).mean()) for k in topk}


# every figure is how many of the samples are right, which has an interval of its own
top_k_accuracy.is_share = True


@METRICS.register
def mean_class_accuracy(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Computes the mean over the classes that occur in `labels` of the top-1 accuracy in each:
    'mean_class_acc'.
    """
    counts = confusion_matrix(scores, one_label(labels, 'mean_class_accuracy'))['confusion_matrix']
    occurring = np.bincount(labels, minlength=len(counts))
    return {
        'mean_class_acc': float(
            np.mean(counts.diagonal()[occurring > 0] / occurring[occurring > 0])
        )
    }
