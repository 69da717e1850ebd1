"""CSN: a ResNet whose 3 x 3 x 3 convolutions are channel by channel.

Source: Tran et al., "Video Classification with Channel-Separated Convolutional Networks", arXiv
1904.02811.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mindspore import nn

from ...errors import ModelError
from ...registry import BACKBONES
from ..layers import ConvUnit
from ..layers.conv_unit import norm_arguments
from .resnet3d import ResNet3d

if TYPE_CHECKING:
    from .resnet3d import Shape


@BACKBONES.register
class ResNet3dCSN(ResNet3d):
    """CSN.

    Args:
        depth (int): 50, 101 or 152.
        in_channels (int): 3 for RGB, 2 for flow.
        bottleneck_mode (str): 'ir' (interaction-reduced), or 'ip' (interaction-preserved), where a
            1 x 1 x 1 convolution over all channels stands before the one channel by channel.
        others: of ResNet3d; the norm's eps is 1e-3.
    """

    def __init__(
        self,
        depth: int = 152,
        in_channels: int = 3,
        bottleneck_mode: str = 'ir',
        norm: dict | None = None,
        **others,
    ):
        if depth not in (50, 101, 152):
            raise ModelError(f'the depth of CSN is 50, 101 or 152; got {depth!r}')
        if bottleneck_mode not in ('ir', 'ip'):
            raise ModelError(f"bottleneck_mode is 'ir' or 'ip'; got {bottleneck_mode!r}")
        own = dict(with_pool2=False, temporal_strides=(1, 2, 2, 2))
        norm = norm_arguments(norm, eps=1e-3)
        own = {**own, **others, 'inflate_style': bottleneck_mode}
        super().__init__(depth, in_channels, norm=norm, **own)

    @staticmethod
    def units(shape: Shape, depth: int, style: str, norm: dict) -> list[nn.Cell]:
        """Returns the three convolutions of a bottleneck."""
        channels, width, out, stride, time, _ = shape
        separated = ConvUnit(width, width, (time, 3, 3), stride, depthwise=True, norm=norm)
        if style == 'ip':
            separated = nn.SequentialCell(
                [ConvUnit(width, width, relu=False, norm=norm), separated]
            )
        return [
            ConvUnit(channels, width, norm=norm),
            separated,
            ConvUnit(width, out, relu=False, norm=norm),
        ]
