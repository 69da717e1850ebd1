"""S3D and S3D-G: I3D whose 3D convolutions are one over space and one over time.

Source: Xie et al., "Rethinking Spatiotemporal Feature Learning: Speed-Accuracy Trade-offs in Video
Classification", arXiv 1712.04851. Padding as torchvision's s3d has it, PyTorch's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mindspore import nn, ops
from mindspore.common.initializer import TruncatedNormal

from ...registry import BACKBONES
from ..layers import Conv2Plus1d, ConvUnit, ZeroPaddedMaxPool
from ..layers.conv_unit import norm_arguments
from ..normalization import KINETICS
from .inception_i3d import Inception

if TYPE_CHECKING:
    from mindspore import Tensor

NORM = dict(eps=1e-3, momentum=0.999)  # PyTorch's momentum of 0.001 is 0.999 here


class SelfGating(nn.Cell):
    """Multiplies each channel by the sigmoid of a linear map of all channels' means over time and
    space. Weights start as in the authors' code: truncated normal, deviation 0.01.

    Inputs and outputs: N x channels x T x H x W float.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.linear = nn.Conv3d(
            channels,
            channels,
            1,
            has_bias=True,
            weight_init=TruncatedNormal(0.01),
            bias_init='zeros',
        )

    def construct(self, x: Tensor) -> Tensor:
        return x * ops.sigmoid(self.linear(x.mean((2, 3, 4), keep_dims=True)))


class GatedUnit(Conv2Plus1d):
    """A Conv2Plus1d whose output passes a SelfGating."""

    def __init__(self, in_channels: int, out_channels: int, *others: Any, **more: Any):
        super().__init__(in_channels, out_channels, *others, **more)
        self.gate = SelfGating(out_channels)

    def construct(self, x: Tensor) -> Tensor:
        return self.gate(self.time(self.space(x)))


@BACKBONES.register
class S3D(Inception):
    """S3D, and with `gating` S3D-G, up to, and without, its average pool. Layers and widths are
    I3D's, and are called as there; the head is I3DHead.

        clip N x C x T x H x W
          stem, Mixed_3b, 3c     N x  480 x T/2 x H/8  x W/8
          Mixed_4b .. 4f         N x  832 x T/4 x H/16 x W/16   (all rounded up)
          Mixed_5b, 5c           N x 1024 x T/8 x H/32 x W/32   (half of those above, rounded down)

    Args:
        in_channels (int): 3 for RGB, 2 for flow.
        endpoints (str or sequence of str): names from `i3d_table.ENDPOINTS` whose outputs are
            returned, in this order; the network is built no further than the last one. Default:
            'Mixed_5c'.
        gating (bool): S3D-G: each convolution over time is followed by a gate of the channels, by
            the sigmoid of a linear map of their means over the clip, as in the paper; the authors'
            later code gates all branches, and not the first convolution.
        norm (dict): arguments of BatchNorm3d (eps 1e-3, momentum 0.999).

    Attributes:
        out_channels (int, or tuple for several endpoints).
        temporal_stride, temporal_context (int): see i3d_table.temporal_geometry; of the first of
            `endpoints`. None with gating, where each step sees all of a clip.

    Inputs: N x in_channels x T x H x W float, T >= 5, H and W >= 17.
    Outputs: one tensor, or a tuple of them if several endpoints are asked for.
    Raises: ModelError for an unknown endpoint; ValueError for a clip that is too small.
    """

    title = 'S3D'
    normalization = KINETICS
    min_input = (5, 17, 17)

    def __init__(
        self,
        in_channels: int = 3,
        endpoints: str | Sequence[str] = 'Mixed_5c',
        gating: bool = False,
        norm: dict | None = None,
    ):
        unit = partial(_unit, gating=gating, norm=norm_arguments(norm, **NORM))
        super().__init__(in_channels, endpoints, unit, _pool)

    def temporal_geometry(self, endpoint: str) -> tuple[int, int] | None:
        """Returns the stride and context of an endpoint, see i3d_table.temporal_geometry: kernels
        and strides are I3D's, and the padding is within what it allows for. None with gating.
        """
        gated = any(isinstance(cell, SelfGating) for _, cell in self.cells_and_names())
        return None if gated else super().temporal_geometry(endpoint)


def _unit(in_channels, out_channels, size=1, stride=1, gating=False, norm=None):
    if size == 1:
        return ConvUnit(in_channels, out_channels, norm=norm)
    unit = GatedUnit if gating else Conv2Plus1d
    return unit(in_channels, out_channels, (size,) * 3, (stride,) * 3, out_channels, norm=norm)


def _pool(kernel, stride):
    return ZeroPaddedMaxPool(kernel, stride, tuple((size - 1) // 2 for size in kernel))
