"""Changes of size and place. All frames of a sample are changed alike.

Sizes in arguments are (width, height), or an int for a square; img_shape is (height, width).
Crops are views of the frames, and no step writes into a frame, for a looped video has it several
times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from ...argument_checks import as_size, at_least_one, in_range, one_of
from ...errors import ConfigError, DataError
from ...registry import PIPELINES

_INTERPOLATIONS = {
    'nearest': cv2.INTER_NEAREST,
    'bilinear': cv2.INTER_LINEAR,
    'bicubic': cv2.INTER_CUBIC,
    'area': cv2.INTER_AREA,
    'lanczos': cv2.INTER_LANCZOS4,
}


def map_frames(imgs: Sequence[np.ndarray], function: Callable[[np.ndarray], Any]) -> list:
    """Applies `function` to each distinct array of a list once; returns a list. Raises ConfigError
    for an array of all, as PackClips makes one.
    """
    if isinstance(imgs, np.ndarray):
        raise ConfigError(
            'a step that changes frames takes a list of them, and stands in front of PackClips'
        )
    done = {}
    for img in imgs:
        if id(img) not in done:
            done[id(img)] = function(img)
    return [done[id(img)] for img in imgs]


def _crop(imgs, left, top, width, height):
    return map_frames(imgs, lambda img: img[top : top + height, left : left + width])


def _draw(rng, end):
    """Draws an int in [0, end). One number of the generator whatever the size, so that samples that
    differ in size (RGB and flow) stay in step.
    """
    return int(rng.random() * end)


@PIPELINES.register
class Resize:
    """Resizes the frames.

    Needs: imgs. Writes: imgs, img_shape.

    Values of flow stay as they are: after a resize they still tell the motion in pixels of the size
    at which flow was computed. So compute flow at the size that the network is trained at.

    Args:
        scale (tuple): (width, height). With keep_ratio, the largest size of the same shape whose
            long side is at most the longer and whose short side is at most the shorter of the two;
            -1 or inf stands for no limit, so (-1, 256) makes the short side 256, as in mmaction.
        short_side (int): plainer for scale=(-1, short_side).
        keep_ratio (bool): keep the shape.
        interpolation (str): 'nearest', 'bilinear', 'bicubic', 'area' or 'lanczos'.

    Raises:
        ConfigError: an argument that is none of the above.
    """

    needs = ('imgs',)
    per_frame = True

    def __init__(
        self,
        scale: Sequence[float] | None = None,
        short_side: int | None = None,
        keep_ratio: bool = True,
        interpolation: str = 'bilinear',
    ):
        if (scale is None) == (short_side is None):
            raise ConfigError('Resize takes either scale=(width, height) or short_side=...')
        if short_side is not None:
            at_least_one('Resize', short_side=short_side)
            scale = (-1, short_side)
        try:
            width, height = (math.inf if side == -1 else side for side in scale)
            limited = min(width, height) if keep_ratio else width + height
            valid = min(width, height) >= 1 and math.isfinite(limited)
        except (TypeError, ValueError):
            valid = False
        if not valid:
            raise ConfigError(
                f'Resize: scale is (width, height), and one of them may be -1 with keep_ratio; '
                f'got {scale!r}'
            )
        one_of('Resize', tuple(_INTERPOLATIONS), interpolation=interpolation)
        self.scale = (width, height)
        self.keep_ratio = keep_ratio
        self.interpolation = interpolation

    def __call__(self, results: dict) -> dict:
        height, width = results['imgs'][0].shape[:2]
        size = self._new_size(width, height)
        if size != (width, height):
            flag = _INTERPOLATIONS[self.interpolation]
            results['imgs'] = map_frames(
                results['imgs'], lambda img: cv2.resize(img, size, interpolation=flag)
            )
        results['img_shape'] = size[::-1]
        return results

    def _new_size(self, width, height):
        if not self.keep_ratio:
            return tuple(map(int, self.scale))
        factor = min(max(self.scale) / max(width, height), min(self.scale) / min(width, height))
        return max(int(width * factor + 0.5), 1), max(int(height * factor + 0.5), 1)


@PIPELINES.register
class RandomRescale:
    """Resizes the frames so that their short side has a random length; in test mode the middle one.

    Needs: imgs, test_mode, rng. Writes: imgs, img_shape.

    Args:
        scale_range (tuple of int): the shortest and the longest short side.
        interpolation (str): of Resize.

    Raises:
        ConfigError: an argument that is none of the above.
    """

    needs = ('imgs', 'test_mode', 'rng')

    def __init__(self, scale_range: Sequence[int], interpolation: str = 'bilinear'):
        if not isinstance(scale_range, (tuple, list)) or len(scale_range) != 2:
            raise ConfigError(
                f'RandomRescale: scale_range is (shortest, longest); got {scale_range!r}'
            )
        for side in scale_range:
            at_least_one('RandomRescale', scale_range=side)
        low, high = sorted(scale_range)
        one_of('RandomRescale', tuple(_INTERPOLATIONS), interpolation=interpolation)
        self.scale_range = low, high
        self.interpolation = interpolation

    def __call__(self, results: dict) -> dict:
        low, high = self.scale_range
        side = (low + high) // 2
        if not results['test_mode']:
            side = low + _draw(results['rng'], high - low + 1)
        return Resize(short_side=side, interpolation=self.interpolation)(results)


class SizedCrop:
    """A crop of a given size. A subclass says in `places` where: a list of (left, top)."""

    needs = ('imgs', 'num_clips', 'test_mode', 'rng')

    def __init__(self, size: int | Sequence[int]):
        self.size = as_size(type(self).__name__, size)

    def __call__(self, results: dict) -> dict:
        imgs = results['imgs']
        height, width = imgs[0].shape[:2]
        room = width - self.size[0], height - self.size[1]
        if min(room) < 0:
            raise DataError(
                f'{results.get("name", "a sample")}: {type(self).__name__} to {self.size[0]} x '
                f'{self.size[1]} does not fit the frames, which are {width} x {height}; '
                'put Resize in front of it'
            )
        places = self.places(*room, results)
        results['imgs'] = [img for place in places for img in _crop(imgs, *place, *self.size)]
        results['num_clips'] *= len(places)
        results['img_shape'] = self.size[::-1]
        return results


@PIPELINES.register
class CenterCrop(SizedCrop):
    """Cuts out the middle.

    Needs: imgs, num_clips, test_mode, rng. Writes: imgs, img_shape.

    Args:
        size (int or tuple): (width, height).
        rounded (bool): where the middle begins between two pixels, begin at the even one, as
            torchvision does; default: at the first, as mmaction2.

    Raises:
        ConfigError: a size below 1. DataError: (when called) the frames are smaller.
    """

    per_frame = True

    def __init__(self, size: int | Sequence[int], rounded: bool = False):
        super().__init__(size)
        self.rounded = rounded

    def places(self, room_x: int, room_y: int, results: dict) -> list[tuple[int, int]]:
        if self.rounded:
            return [(round(room_x / 2), round(room_y / 2))]
        return [(room_x // 2, room_y // 2)]


@PIPELINES.register
class RandomCrop(SizedCrop):
    """Cuts out a random place; in test mode the middle. Everything else is as in CenterCrop."""

    def places(self, room_x: int, room_y: int, results: dict) -> list[tuple[int, int]]:
        if results['test_mode']:
            return [(room_x // 2, room_y // 2)]
        return [(_draw(results['rng'], room_x + 1), _draw(results['rng'], room_y + 1))]


@PIPELINES.register
class ThreeCrop(SizedCrop):
    """Cuts out three places along the longer side: start, middle and end; across it, the middle.

    Triples num_clips: first all clips of the first place, then those of the second and third.
    Everything else is as in CenterCrop.
    """

    def places(self, room_x: int, room_y: int, results: dict) -> list[tuple[int, int]]:
        if room_x >= room_y:
            return [(left, room_y // 2) for left in (0, room_x // 2, room_x)]
        return [(room_x // 2, top) for top in (0, room_y // 2, room_y)]


class _RandomAreaCrop:
    """A crop of varying size. A subclass says in `area` which: (left, top, width, height).

    To be followed by Resize(scale=..., keep_ratio=False), as in mmaction. In test mode it takes the
    largest square in the middle.
    """

    needs = ('imgs', 'test_mode', 'rng')

    def __call__(self, results: dict) -> dict:
        height, width = results['imgs'][0].shape[:2]
        if results['test_mode']:
            area = _middle_square(width, height)
        else:
            area = self.area(width, height, results['rng'])
        results['imgs'] = _crop(results['imgs'], *area)
        results['img_shape'] = (area[3], area[2])
        return results


@PIPELINES.register
class MultiScaleCrop(_RandomAreaCrop):
    """Cuts out an area whose sides are the short side times one of `scales` each (TSN's
    augmentation).

    Needs: imgs, test_mode, rng. Writes: imgs, img_shape.
    Follow it by Resize(scale=input_size, keep_ratio=False). In test mode it takes the largest
    square in the middle.

    Args:
        input_size (int or tuple): (width, height) of the network's input; a side that comes within
            3 pixels of it becomes it, so that Resize need not touch it.
        scales (tuple of float): in (0, 1].
        max_wh_scale_gap (int): how many places apart in `scales` width and height may be.
        random_crop (bool): anywhere; else one of the four corners and the middle
            (num_fixed_crops=5), or of those and 8 places between them (13).
        num_fixed_crops (int): 5 or 13.

    Raises:
        ConfigError: an argument that is none of the above.
    """

    # in quarters of the room: middle and corners; edges' middles and the inner square's corners
    _PLACES = (
        (2, 2),
        (0, 0),
        (4, 0),
        (0, 4),
        (4, 4),
        (0, 2),
        (4, 2),
        (2, 4),
        (2, 0),
        (1, 1),
        (3, 1),
        (1, 3),
        (3, 3),
    )

    def __init__(
        self,
        input_size: int | Sequence[int],
        scales: Sequence[float] = (1, 0.875, 0.75, 0.66),
        max_wh_scale_gap: int = 1,
        random_crop: bool = False,
        num_fixed_crops: int = 5,
    ):
        self.input_size = as_size('MultiScaleCrop', input_size)
        if not isinstance(scales, (tuple, list)) or not scales:
            raise ConfigError(f'MultiScaleCrop: scales is a list of numbers; got {scales!r}')
        for scale in scales:
            in_range('MultiScaleCrop', 0.01, 1, scales=scale)
        in_range('MultiScaleCrop', 0, len(scales), max_wh_scale_gap=max_wh_scale_gap)
        one_of('MultiScaleCrop', (5, 13), num_fixed_crops=num_fixed_crops)
        self.scales = scales
        self.random_crop = random_crop
        self.num_fixed_crops = num_fixed_crops
        self.pairs = [
            (i, j)
            for i in range(len(scales))
            for j in range(len(scales))
            if abs(i - j) <= max_wh_scale_gap
        ]

    def area(self, width: int, height: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
        pair = self.pairs[_draw(rng, len(self.pairs))]
        short = min(width, height)
        sides = []
        for scale_index, wanted in zip(pair, self.input_size):
            side = max(int(short * self.scales[scale_index]), 1)
            sides.append(wanted if abs(side - wanted) < 3 and wanted <= short else side)
        room_x = width - sides[0]
        room_y = height - sides[1]
        if self.random_crop:
            return _draw(rng, room_x + 1), _draw(rng, room_y + 1), *sides
        x, y = self._PLACES[_draw(rng, self.num_fixed_crops)]
        return room_x * x // 4, room_y * y // 4, *sides


@PIPELINES.register
class RandomResizedCrop(_RandomAreaCrop):
    """Cuts out an area of random size and shape (Inception's augmentation).

    Needs: imgs, test_mode, rng. Writes: imgs, img_shape.
    Follow it by Resize(scale=..., keep_ratio=False), as in mmaction. In test mode, and where ten
    tries do not fit, it takes the largest square in the middle.

    Args:
        area_range (tuple): smallest and largest area, as parts of the frame's.
        aspect_ratio_range (tuple): smallest and largest width / height.

    Raises:
        ConfigError: an argument that is none of the above.
    """

    def __init__(
        self,
        area_range: Sequence[float] = (0.08, 1.0),
        aspect_ratio_range: Sequence[float] = (3 / 4, 4 / 3),
    ):
        for name, pair, top in (
            ('area_range', area_range, 1),
            ('aspect_ratio_range', aspect_ratio_range, 100),
        ):
            if (
                not isinstance(pair, (tuple, list))
                or len(pair) != 2
                or not 0 < pair[0] <= pair[1] <= top
            ):
                raise ConfigError(
                    f'RandomResizedCrop: {name} is (low, high), 0 < low <= high <= {top}; '
                    f'got {pair!r}'
                )
        self.area_range = area_range
        self.log_ratio_range = np.log(aspect_ratio_range)

    def area(self, width: int, height: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
        areas = width * height * rng.uniform(*self.area_range, 10)
        ratios = np.exp(rng.uniform(*self.log_ratio_range, 10))
        left, top = rng.random(2)
        sizes = (
            np.stack([np.sqrt(areas * ratios), np.sqrt(areas / ratios)], axis=1).round().astype(int)
        )
        for w, h in sizes.tolist():
            if 1 <= w <= width and 1 <= h <= height:
                return int(left * (width - w + 1)), int(top * (height - h + 1)), w, h
        return _middle_square(width, height)


def _middle_square(width, height):
    side = min(width, height)
    return (width - side) // 2, (height - side) // 2, side, side
