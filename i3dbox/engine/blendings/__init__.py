"""How the samples of a batch are blended, as mmaction2 calls it: mixup and its like.

A part is called with (rng, height, width) and returns a Mixture; one file each.
"""

from __future__ import annotations

from typing import NamedTuple


class Mixture(NamedTuple):
    """What a clip keeps of its own beside another's.

    Attributes:
        share: of each pixel outside of the box, from 0 to 1.
        box: top, bottom, left, right in pixels: what comes from the other whole.
    """

    share: float = 1.0
    box: tuple[int, int, int, int] = (0, 0, 0, 0)

    def of_label(self, height: int, width: int) -> float:
        """Returns the share of the clip's own label, in frames of height x width pixels."""
        top, bottom, left, right = self.box
        return self.share * (1 - (bottom - top) * (right - left) / (height * width))
