"""CutMix."""

from __future__ import annotations

import numpy as np

from ...argument_checks import above_zero
from ...registry import BLENDINGS
from . import Mixture


@BLENDINGS.register
class CutmixBlending:
    """Puts a box of another clip into each, through all frames; labels count by area.

    The box has the frame's form, its area is 1 - Beta(alpha, alpha), its centre lies anywhere, and
    what lies outside of the frame is cut off (Yun et al., "CutMix", 2019, their code).

    Args:
        alpha (float): the larger, the nearer to half of each.
    """

    def __init__(self, alpha: float = 0.2):
        above_zero('CutmixBlending', alpha=alpha)
        self.alpha = alpha

    def __call__(self, rng: np.random.Generator, height: int, width: int) -> Mixture:
        side = np.sqrt(1 - rng.beta(self.alpha, self.alpha))
        vertical = _span(rng, height, int(height * side))
        return Mixture(box=(*vertical, *_span(rng, width, int(width * side))))


def _span(rng, size, length):
    """Returns the ends of `length` pixels about any of `size`, as far as they are among them."""
    centre = int(rng.integers(size))
    return max(centre - length // 2, 0), min(centre + length // 2, size)
