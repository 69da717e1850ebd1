"""R(2+1)D: a ResNet whose 3D convolutions are one over space and one over time.

Source: Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", arXiv
1711.11248.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...errors import ModelError
from ...registry import BACKBONES
from ..layers import Conv2Plus1d
from .resnet3d import WIDTHS, ResNet3d

if TYPE_CHECKING:
    from mindspore import nn

    from .resnet3d import Shape

STEM = 45  # channels between the two convolutions of the authors' first one


@BACKBONES.register
class ResNet2Plus1d(ResNet3d):
    """R(2+1)D.

    Between the two convolutions there are so many channels that they have as many weights as the 3D
    one that they stand for.

    Args:
        depth (int): 18 or 34.
        in_channels (int): 3 for RGB, 2 for flow.
        middle (str): whose number of channels between: 'block', one for both convolutions of a
            block, and 45 in the first, as torchvision; 'own', each its own, as mmaction2, where
            a shortcut's convolution is two, too.
        others: of ResNet3d.
    """

    def __init__(self, depth: int = 18, in_channels: int = 3, middle: str = 'block', **others):
        if depth not in (18, 34):
            raise ModelError(f'the depth of R(2+1)D is 18 or 34; got {depth!r}')
        if middle not in ('block', 'own'):
            raise ModelError(f"middle is 'block' or 'own'; got {middle!r}")
        own = dict(with_pool1=False, with_pool2=False, temporal_strides=(1, 2, 2, 2))
        super().__init__(depth, in_channels, **{**own, **others, 'inflate_style': middle})

    @staticmethod
    def stem(
        in_channels: int, kernel: Sequence[int], stride: int, style: str, norm: dict
    ) -> nn.Cell:
        """Returns the first convolution."""
        between = STEM if style == 'block' else channels_between(in_channels, WIDTHS[0], kernel)
        return Conv2Plus1d(in_channels, WIDTHS[0], kernel, (stride, 2, 2), between, norm=norm)

    @staticmethod
    def shortcut(shape: Shape, style: str, norm: dict) -> nn.Cell:
        """Returns what a block's input passes where its output has another shape."""
        if style == 'block':
            return ResNet3d.shortcut(shape, style, norm)
        between = channels_between(shape.channels, shape.out, (3, 1, 1))
        return Conv2Plus1d(
            shape.channels, shape.out, (1, 1, 1), shape.stride, between, relu=False, norm=norm
        )

    @staticmethod
    def units(shape: Shape, depth: int, style: str, norm: dict) -> list[nn.Cell]:
        """Returns the two convolutions of a block."""
        kernel = (shape.time, 3, 3)
        first = channels_between(shape.channels, shape.width, kernel)
        second = first if style == 'block' else channels_between(shape.width, shape.out, kernel)
        return [
            Conv2Plus1d(shape.channels, shape.width, kernel, shape.stride, first, norm=norm),
            Conv2Plus1d(shape.width, shape.out, kernel, between=second, relu=False, norm=norm),
        ]


def channels_between(in_channels: int, out_channels: int, kernel: Sequence[int]) -> int:
    """Returns how many channels give both convolutions as many weights as the 3D one has."""
    time, area = kernel[0], math.prod(kernel[1:])
    weights = time * in_channels * out_channels * area
    return weights // (in_channels * area + time * out_channels)
