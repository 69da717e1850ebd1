"""How well scores put the right ones first, whatever the threshold."""

from __future__ import annotations

import numpy as np

from ...registry import METRICS


@METRICS.register
def mean_average_precision(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Computes the mean over the classes that occur of the average precision,
    'mean_average_precision': of all samples in the order of the class's score.

    Labels are int N, or N x K of 0 and 1 where a sample has several. What scores alike comes at
    once. A sample with a score that is not finite comes last.
    """
    found = average_precisions(scores, labels)
    there = found[~np.isnan(found)]
    return {'mean_average_precision': float(np.mean(there)) if there.size else float('nan')}


@METRICS.register
def mmit_mean_average_precision(scores: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Computes the mean over the samples of the average precision of their classes,
    'mmit_mean_average_precision': of all classes in the order of the sample's scores (the figure of
    Multi-Moments in Time).

    Labels and ties: as of mean_average_precision. Samples without a class are left out.
    """
    scores, truth = _ranked(scores, labels)
    found = [average_precision(*sample) for sample in zip(scores, truth) if sample[1].any()]
    return {'mmit_mean_average_precision': float(np.mean(found)) if found else float('nan')}


def average_precisions(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the average precision of each class, float64 K, NaN where no sample has it; scores,
    labels: as of mean_average_precision.
    """
    scores, truth = _ranked(scores, labels)
    return np.array(
        [
            average_precision(scores[:, label], truth[:, label])
            if truth[:, label].any()
            else np.nan
            for label in range(scores.shape[1])
        ]
    )


def average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """Returns the sum over thresholds of the precision times what the recall gains, as
    scikit-learn does.

    Args:
        scores: float N. truth: bool N, of which one at least is True.
    """
    order = np.argsort(-scores, kind='stable')
    hits = np.cumsum(truth[order])
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # of equal scores
    recall = hits[last] / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0) * hits[last] / (last + 1)))


def _ranked(scores, labels):
    """Returns scores with the lowest number where a row is not finite, and labels as bool N x K."""
    scores = np.asarray(scores, np.float64)
    labels = np.asarray(labels)
    low = np.finfo(np.float64).min
    scores = np.where(np.isfinite(scores).all(1, keepdims=True), scores, low)
    truth = labels > 0 if labels.ndim == 2 else labels[:, None] == np.arange(scores.shape[1])
    return scores, truth
