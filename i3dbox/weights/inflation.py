"""Inflating networks of images, as the I3D paper does: ImageNet's Inception-v1 and ResNets.

A k x k filter becomes t x k x k by repeating it t times along time and dividing by t, so that a
video of one still image gives what the image gives; in Inception t is k. For flow, the three input
channels are averaged and the mean stands for each of the two. The classifier is left out. Both
sources of Inception take images in [-1, 1], as I3D does: torchvision's googlenet, whose
`transform_input` maps ImageNet's normalisation to that, and TF-slim's inception_v1. ResNets take
ImageNet's mean and deviation, as the networks over video do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .names import names_of_units, pytorch_names, tensorflow_names

_TORCHVISION_BLOCKS = dict(
    Mixed_3b='3a',
    Mixed_3c='3b',
    Mixed_4b='4a',
    Mixed_4c='4b',
    Mixed_4d='4c',
    Mixed_4e='4d',
    Mixed_4f='4e',
    Mixed_5b='5a',
    Mixed_5c='5b',
)
_TORCHVISION_BRANCHES = dict(
    b0='branch1',
    b1a='branch2.0',
    b1b='branch2.1',
    b2a='branch3.0',
    b2b='branch3.1',
    b3b='branch4.1',
)
_TORCHVISION_STEM = dict(Conv3d_1a_7x7='conv1', Conv3d_2b_1x1='conv2', Conv3d_2c_3x3='conv3')


def torchvision_names() -> dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    """Returns the names in torchvision's googlenet: a dict of theirs -> (ours, function)."""
    return names_of_units(_torchvision, inflate)


def _torchvision(unit):
    block, _, branch = unit.partition('.')
    stem = (
        f'inception{_TORCHVISION_BLOCKS[block]}.{_TORCHVISION_BRANCHES[branch]}'
        if branch
        else _TORCHVISION_STEM[block]
    )
    return pytorch_names(stem, 'conv')


def slim_names() -> dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    """Returns the names in TF-slim's inception_v1: a dict of theirs, without
    InceptionV1/InceptionV1/, -> (ours, function).
    """
    return names_of_units(
        lambda unit: tensorflow_names(unit, '2d', 'weights', 'BatchNorm'),
        lambda array: inflate(array.transpose(3, 2, 0, 1)),
    )


def inflate(weight: np.ndarray, length: int | None = None) -> np.ndarray:
    """Repeats out x in x h x w to out x in x length x h x w; by default as long as it is wide."""
    length = length or weight.shape[-1]
    return np.repeat(weight[:, :, None], length, axis=2) / np.float32(length)


def to_flow(weight: np.ndarray) -> np.ndarray:
    """Returns the first layer's filter for two channels of flow instead of three of colour."""
    return np.repeat(weight.mean(axis=1, keepdims=True, dtype=np.float32), 2, axis=1)
