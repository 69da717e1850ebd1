"""How much of a figure is owed to the choice of the test videos."""

from __future__ import annotations

import math
import statistics

import numpy as np

from ...argument_checks import at_least_one, in_range
from ...registry import METRICS, as_cfg
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

    A share of samples, as top-1 accuracy, has Wilson's score interval (1927), which is right for
    few samples and for shares of 0 and 1 too. For other figures the samples are drawn anew, with
    replacement, `resamples` times, and the interval lies between the percentiles (Efron's
    percentile bootstrap). It tells how much of a figure is owed to the choice of the test videos;
    that videos of one group resemble each other, and how training went, it does not know.

    Args:
        metric (str or dict): of METRICS.
        level (float): of confidence.
        resamples (int), seed (int): of the bootstrap.
    """
    scores = np.asarray(scores)
    labels = np.asarray(labels)
    in_range('bootstrap', 0.5, 1 - 1e-9, level=level)
    at_least_one('bootstrap', resamples=resamples)
    if getattr(METRICS.get(as_cfg(metric)['type']), 'is_share', False):
        figures = evaluate([metric], scores, labels)
        return {
            f'{name}_{end}': bound
            for name, share in figures.items()
            for end, bound in zip(('low', 'high'), wilson(share, len(labels), level))
        }
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


def wilson(share: float, number: int, level: float = 0.95) -> tuple[float, float]:
    """Returns the ends of Wilson's score interval (1927, JASA 22, 209) for the probability behind a
    share of `number` samples.
    """
    z = statistics.NormalDist().inv_cdf((1 + level) / 2)
    center = (share + z * z / (2 * number)) / (1 + z * z / number)
    half = z * math.sqrt(share * (1 - share) / number + (z / (2 * number)) ** 2)
    half /= 1 + z * z / number
    # rounding must not put the share itself outside
    return max(min(center - half, share), 0.0), min(max(center + half, share), 1.0)
