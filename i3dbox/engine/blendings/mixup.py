"""Mixup."""

from __future__ import annotations

import numpy as np

from ...argument_checks import above_zero
from ...registry import BLENDINGS
from . import Mixture


@BLENDINGS.register
class MixupBlending:
    """Adds two clips, and their labels, by a share drawn from Beta(alpha, alpha) (Zhang et al.,
    "mixup", 2018).

    Args:
        alpha (float): the larger, the nearer to half of each.
    """

    def __init__(self, alpha: float = 0.2):
        above_zero('MixupBlending', alpha=alpha)
        self.alpha = alpha

    def __call__(self, rng: np.random.Generator, height: int, width: int) -> Mixture:
        return Mixture(float(rng.beta(self.alpha, self.alpha)))
