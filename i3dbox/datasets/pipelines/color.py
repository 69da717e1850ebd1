"""Changes of colour."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ...argument_checks import in_range
from ...errors import ConfigError
from ...registry import PIPELINES
from .spatial import map_frames

_GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as in torchvision and OpenCV
_TO_YIQ = np.array([_GREY, [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


@PIPELINES.register
class ColorJitter:
    """Changes brightness, contrast, saturation and hue by chance; all frames of a sample alike.

    Needs: imgs, modality, test_mode, rng. Writes: imgs. Does nothing in test mode.

    The ranges mean what they mean in torchvision: a factor is drawn from [1 - b, 1 + b], the hue's
    turn from [-h, h] of a full circle. All four are one linear map of a pixel, which is applied and
    rounded once; the hue turns in the plane of I and Q. Where RGB and flow of a sample are to be
    cropped alike, this step comes after the crops, so that both draw the same numbers for them.

    Args:
        brightness, contrast, saturation (float or tuple): 0 to 1; or the smallest and the largest
            factor.
        hue (float or tuple): 0 to 0.5; or the smallest and the largest turn, from -0.5 to 0.5.

    Raises:
        ConfigError: no argument, or one outside its range; (when called) the modality is Flow.
    """

    needs = ('imgs', 'modality', 'test_mode', 'rng')

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ):
        if not any((brightness, contrast, saturation, hue)):
            raise ConfigError(
                'ColorJitter: nothing is to change; mmaction2 takes brightness=0.5, contrast=0.5, '
                'saturation=0.5, hue=0.1 where nothing is said'
            )
        self.ranges = np.array(
            [
                _range('brightness', brightness, 1, 1),
                _range('contrast', contrast, 1, 1),
                _range('saturation', saturation, 1, 1),
                _range('hue', hue, 0, 0.5),
            ]
        )

    def __call__(self, results: dict) -> dict:
        if results['modality'] != 'RGB':
            raise ConfigError("ColorJitter is for RGB; the 'colours' of flow are its direction")
        if results['test_mode']:
            return results
        imgs = results['imgs']
        middle, half = self.ranges.T
        drawn = middle + half * results['rng'].uniform(-1, 1, 4)
        brightness, contrast, saturation, hue = drawn
        # contrast is around the clip's mean grey; every 8th frame tells it well enough
        mean = brightness * np.mean([_GREY @ cv2.mean(img)[:3] for img in imgs[::8]])
        saturate = saturation * np.eye(3) + (1 - saturation) * _GREY
        matrix = _turn_hue(hue) @ saturate * (contrast * brightness)
        # grey, which saturation and hue leave as it is
        offset = np.full((3, 1), (1 - contrast) * mean)
        matrix = np.hstack([matrix, offset]).astype(np.float32)
        results['imgs'] = map_frames(imgs, lambda img: cv2.transform(img, matrix))
        return results


def _range(name, value, middle, most):
    """Returns the middle and half the width of what a factor or turn is drawn from."""
    if not isinstance(value, (tuple, list)):
        in_range('ColorJitter', 0, most, **{name: value})
        return middle, value
    if len(value) != 2 or value[0] > value[1]:
        raise ConfigError(f'ColorJitter: {name} is a number or (least, most); got {value!r}')
    for end in value:
        in_range(
            'ColorJitter', -most if not middle else 0, most if not middle else 10, **{name: end}
        )
    return (value[0] + value[1]) / 2, (value[1] - value[0]) / 2


def _turn_hue(turn):
    angle = 2 * np.pi * turn
    rotation = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    return np.linalg.inv(_TO_YIQ) @ rotation @ _TO_YIQ
