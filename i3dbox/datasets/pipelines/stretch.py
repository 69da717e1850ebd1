"""Resizing as TensorFlow and PyTorch do it, for figures that are compared with those of programs in
them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...argument_checks import as_size, at_least_one
from ...registry import PIPELINES
from .spatial import map_frames


@PIPELINES.register
class Stretch:
    """Resizes frames bilinearly, without rounding and without looking at more pixels where it
    makes them smaller.

    Needs: imgs. Writes: imgs (float32), img_shape.

    Pixel i of n lies at i * old / n, as in TensorFlow 1's resize_bilinear, which the code of the
    Frechet Video Distance calls (Unterthiner et al., arXiv 1812.01717); with `half_pixels` at
    (i + 0.5) * old / n - 0.5, as in PyTorch's interpolate(mode='bilinear', align_corners=False).

    Args:
        size (int or tuple): (width, height) whatever the frames' shape, or an int for a square.
        half_pixels (bool): see above.
        keep_ratio (bool): `size`, an int, is of the short side; the long one follows, rounded up.

    Raises:
        ConfigError: a size that is none of these.
    """

    needs = ('imgs',)
    per_frame = True

    def __init__(
        self,
        size: int | Sequence[int],
        half_pixels: bool = False,
        keep_ratio: bool = False,
    ):
        if keep_ratio:
            at_least_one('Stretch', size=size)
        self.size = size if keep_ratio else as_size('Stretch', size)
        self.half_pixels = half_pixels
        self.keep_ratio = keep_ratio

    def __call__(self, results: dict) -> dict:
        results['imgs'] = map_frames(results['imgs'], self._stretched)
        results['img_shape'] = results['imgs'][0].shape[:2]
        return results

    def _stretched(self, image):
        image = np.asarray(image, np.float32)
        width, height = self._following(image) if self.keep_ratio else self.size
        for axis, size in ((0, height), (1, width)):
            old = image.shape[axis]
            shift = 0.5 if self.half_pixels else 0.0
            positions = np.maximum((np.arange(size) + shift) * (old / size) - shift, 0)
            low = positions.astype(int)
            high = np.minimum(low + 1, old - 1)
            share = (positions - low).astype(np.float32)
            share = share.reshape((-1, 1, 1) if axis == 0 else (-1, 1))
            image = image.take(low, axis) * (1 - share) + image.take(high, axis) * share
        return image

    def _following(self, image):
        height, width = image.shape[:2]
        scale = self.size / min(height, width)
        if height < width:
            return math.ceil(width * scale), self.size
        return self.size, math.ceil(height * scale)
