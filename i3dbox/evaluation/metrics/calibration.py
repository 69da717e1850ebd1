"""How far a network knows how sure it can be."""

from __future__ import annotations

import numpy as np

from ...registry import METRICS
from . import confidences


@METRICS.register
def calibration_error(scores: np.ndarray, labels: np.ndarray, bins: int = 15) -> dict[str, float]:
    """Computes the expected calibration error, 'ece': how far the network's confidence is from its
    accuracy, on average.

    Confidence is the highest softmax of the logits. Source: Guo et al., "On Calibration of Modern
    Neural Networks", arXiv 1706.04599: `bins` bins of equal width.
    """
    confidence, correct = confidences(scores, labels)
    indices = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(correct[indices == b].sum() - confidence[indices == b].sum()) for b in range(bins)]
    return {'ece': float(np.sum(gaps) / len(correct))}
