"""How much of a figure is owed to the choice of the test videos."""

from __future__ import annotations

import numpy as np

from ...registry import METRICS
from . import evaluate


@METRICS.register
def bootstrap(
    scores: np.ndarray,
    labels: np.ndarray,
    metric: str | dict = 'top_k_accuracy',
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, float]:
    """Computes confidence intervals of another metric's figures: 'top1_acc_low', 'top1_acc_high',
    ...

    The samples are drawn anew, with replacement, `resamples` times, and the interval lies between
    the percentiles (Efron's percentile bootstrap). It tells how much of a figure is owed to the
    choice of the test videos; that videos of one group resemble each other, and how training went,
    it does not know.

    Args:
        metric (str or dict): of METRICS.
        level (float): of confidence.
    """
    scores = np.asarray(scores)
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    values = {}
    for _ in range(resamples):
        drawn = rng.integers(0, len(labels), len(labels))
        for name, value in evaluate([metric], scores[drawn], labels[drawn]).items():
            if np.ndim(value) == 0:
                values.setdefault(name, []).append(value)
    ends = (1 - level) / 2, (1 + level) / 2
    return {
        f'{name}_{end}': float(np.quantile(drawn, q))
        for name, drawn in values.items()
        for end, q in zip(('low', 'high'), ends)
    }
