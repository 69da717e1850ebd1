"""RandAugment for clips."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from ...argument_checks import at_least_one, in_range
from ...errors import ConfigError
from ...registry import PIPELINES
from .spatial import map_frames

GREY = (128, 128, 128)  # where a moved frame leaves nothing


@PIPELINES.register
class RandAugment:
    """Applies operations that are drawn by chance, one after the other, to all frames of a sample
    alike (Cubuk et al., "RandAugment", 2020); Pillow computes them.

    Needs: imgs, modality, test_mode, rng. Writes: imgs. Does nothing in test mode.

    The operations and their strengths are those of torchvision: none, shear (to 0.3), shift (to
    150 / 331 of the side), rotation (to 30 degrees), brightness, colour, contrast and sharpness (by
    to 0.9 each), posterize (to 4 bits), solarize, autocontrast, equalize. Half of the former nine
    go the other way.

    Args:
        magnitude (float): how strong they are, from 0 to 10.
        num_layers (int): how many are drawn.
        prob (float): of each that it is applied.

    Raises:
        ConfigError: an argument outside its range; (when called) the modality is Flow.
    """

    needs = ('imgs', 'modality', 'test_mode', 'rng')

    def __init__(self, magnitude: float = 9, num_layers: int = 2, prob: float = 1.0):
        in_range('RandAugment', 0, 10, magnitude=magnitude)
        at_least_one('RandAugment', num_layers=num_layers)
        in_range('RandAugment', 0, 1, prob=prob)
        self.strength = magnitude / 10
        self.num_layers = num_layers
        self.prob = prob

    def __call__(self, results: dict) -> dict:
        if results['modality'] != 'RGB':
            raise ConfigError('RandAugment is for RGB: what it does to colours, flow has not')
        if results['test_mode']:
            return results
        rng = results['rng']
        drawn = [
            (OPERATIONS[name], self.strength * rng.choice((-1, 1)))
            for name in rng.choice(sorted(OPERATIONS), self.num_layers)
            if rng.random() < self.prob
        ]

        def augmented(frame):
            image = Image.fromarray(frame)
            for operation, strength in drawn:
                image = operation(image, strength)
            return np.asarray(image)

        results['imgs'] = map_frames(results['imgs'], augmented)
        return results


def _affine(image, *matrix):
    return image.transform(
        image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=GREY
    )


def _enhanced(kind):
    return lambda image, strength: kind(image).enhance(1 + 0.9 * strength)


# by name: functions (image, strength from -1 to 1) -> image
OPERATIONS = {
    'identity': lambda image, s: image,
    'shear_x': lambda image, s: _affine(image, 1, 0.3 * s, 0, 0, 1, 0),
    'shear_y': lambda image, s: _affine(image, 1, 0, 0, 0.3 * s, 1, 0),
    'translate_x': lambda image, s: _affine(image, 1, 0, 150 / 331 * image.width * s, 0, 1, 0),
    'translate_y': lambda image, s: _affine(image, 1, 0, 0, 0, 1, 150 / 331 * image.height * s),
    'rotate': lambda image, s: image.rotate(30 * s, Image.Resampling.BILINEAR, fillcolor=GREY),
    'brightness': _enhanced(ImageEnhance.Brightness),
    'color': _enhanced(ImageEnhance.Color),
    'contrast': _enhanced(ImageEnhance.Contrast),
    'sharpness': _enhanced(ImageEnhance.Sharpness),
    'posterize': lambda image, s: ImageOps.posterize(image, 8 - round(4 * abs(s))),
    'solarize': lambda image, s: ImageOps.solarize(image, 256 * (1 - abs(s))),
    'autocontrast': lambda image, s: ImageOps.autocontrast(image),
    'equalize': lambda image, s: ImageOps.equalize(image),
}
