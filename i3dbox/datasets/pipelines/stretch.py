"""Resizing as TensorFlow 1 does it, for figures that are compared with those of its programs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...argument_checks import as_size
from ...registry import PIPELINES
from .spatial import map_frames


@PIPELINES.register
class Stretch:
    """Resizes frames to one size whatever their shape, bilinearly and without rounding.

    Needs: imgs. Writes: imgs (float32), img_shape.

    Pixel i of n lies at i * old / n, as in TensorFlow 1's resize_bilinear, which the code of the
    Frechet Video Distance calls (Unterthiner et al., arXiv 1812.01717).

    Args:
        size (int or tuple): (width, height), or an int for a square.

    Raises:
        ConfigError: a size that is none of these.
    """

    needs = ('imgs',)
    per_frame = True

    def __init__(self, size: int | Sequence[int]):
        self.size = as_size('Stretch', size)

    def __call__(self, results: dict) -> dict:
        results['imgs'] = map_frames(results['imgs'], self._stretched)
        results['img_shape'] = self.size[::-1]
        return results

    def _stretched(self, image):
        image = np.asarray(image, np.float32)
        for axis, size in ((0, self.size[1]), (1, self.size[0])):
            positions = np.arange(size) * (image.shape[axis] / size)
            low = positions.astype(int)
            high = np.minimum(low + 1, image.shape[axis] - 1)
            share = (positions - low).astype(np.float32)
            share = share.reshape((-1, 1, 1) if axis == 0 else (-1, 1))
            image = image.take(low, axis) * (1 - share) + image.take(high, axis) * share
        return image
