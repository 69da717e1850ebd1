"""Mirrored frames."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ...argument_checks import at_least, in_range, one_of
from ...errors import ConfigError
from ...registry import PIPELINES
from .spatial import SizedCrop, map_frames

_AXES = {'horizontal': 1, 'vertical': 0}  # as cv2.flip counts them


@PIPELINES.register
class Flip:
    """Mirrors a sample by chance; never in test mode.

    Needs: imgs, modality, test_mode, rng; with flip_label_map, label. Writes: imgs, flip, label.

    Mirrored flow also has one component negated: motion to the left has become motion to the right,
    or upwards downwards. In 8 bits, where 0 and 255 are -bound and bound, that is v -> 255 - v.

    Args:
        flip_ratio (float): the probability.
        direction (str): 'horizontal', left to right, or 'vertical', upside down.
        flip_label_map (dict): label -> label of what has become another class by it, as 'left hand
            up' becomes 'right hand up'; others stay.

    Raises:
        ConfigError: an argument that is none of the above.
    """

    needs = ('imgs', 'modality', 'test_mode', 'rng')

    def __init__(
        self,
        flip_ratio: float = 0.5,
        direction: str = 'horizontal',
        flip_label_map: dict[int, int] | None = None,
    ):
        in_range('Flip', 0, 1, flip_ratio=flip_ratio)
        one_of('Flip', tuple(_AXES), direction=direction)
        if not isinstance(flip_label_map or {}, dict):
            raise ConfigError(f'Flip: flip_label_map is a dict of labels; got {flip_label_map!r}')
        for pair in (flip_label_map or {}).items():
            for label in pair:
                at_least('Flip', 0, flip_label_map=label)
        self.flip_ratio = flip_ratio
        self.direction = direction
        self.flip_label_map = flip_label_map
        self.changes_label = bool(flip_label_map)

    def __call__(self, results: dict) -> dict:
        results['flip'] = not results['test_mode'] and bool(
            results['rng'].random() < self.flip_ratio
        )
        if results['flip']:
            results['imgs'] = mirrored(results['imgs'], results['modality'], self.direction)
            if self.flip_label_map:
                results['label'] = self._mirrored(results['label'])
        return results

    def _mirrored(self, label):
        if isinstance(label, (list, tuple)):  # of several labels
            return tuple(map(self._mirrored, label))
        return self.flip_label_map.get(label, label)


@PIPELINES.register
class TenCrop(SizedCrop):
    """Cuts out the corners and the middle, and mirrors each of them left to right.

    Needs: imgs, num_clips, test_mode, rng, modality. Writes: imgs, num_clips, img_shape.

    Makes num_clips ten times as many: of the corners upper left, upper right, lower left, lower
    right, and the middle, all clips, and then all clips mirrored. Flow is mirrored as in Flip.

    Args:
        size (int or tuple): (width, height).

    Raises:
        ConfigError: a size below 1. DataError: (when called) the frames are smaller.
    """

    needs = (*SizedCrop.needs, 'modality')

    def places(self, room_x: int, room_y: int, results: dict) -> list[tuple[int, int]]:
        # in whole quarters of the room, as mmaction2 has them
        x, y = room_x // 4, room_y // 4
        return [(0, 0), (4 * x, 0), (0, 4 * y), (4 * x, 4 * y), (2 * x, 2 * y)]

    def __call__(self, results: dict) -> dict:
        before = len(results['imgs'])
        results = super().__call__(results)
        imgs = []
        for first in range(0, len(results['imgs']), before):
            crop = results['imgs'][first : first + before]
            imgs += [*crop, *mirrored(crop, results['modality'])]
        results.update(imgs=imgs, num_clips=2 * results['num_clips'])
        return results


def mirrored(
    imgs: Sequence[np.ndarray], modality: str, direction: str = 'horizontal'
) -> list[np.ndarray]:
    """Returns frames (uint8 H x W x C) mirrored, each distinct array once; of flow (C = 2), with
    its component across the mirror negated. Frames that flow is yet to be computed of are RGB.
    """
    axis = _AXES[direction]
    is_flow = modality == 'Flow' and imgs[0].shape[2] == 2

    def mirror(img):
        img = cv2.flip(img, axis)  # a copy: packing a view with a negative stride takes far longer
        if is_flow:
            np.subtract(255, img[..., 1 - axis], out=img[..., 1 - axis])
        return img

    return map_frames(imgs, mirror)
