"""Convolution, batch normalisation, ReLU: the unit that I3D is made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mindspore import nn, ops
from mindspore.common.initializer import TruncatedNormal

from .norm import BatchNorm3d

if TYPE_CHECKING:
    from mindspore import Tensor


class Unit3D(nn.Cell):
    """3D convolution with TensorFlow's "same" padding and no bias, batch norm, ReLU.

    Weights start as in the authors' library (Sonnet): truncated normal, deviation 1 / sqrt(fan in).

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: over time, height, width.
        stride: over the same.
        norm: arguments of BatchNorm3d.

    Inputs: N x C x T x H x W float. Outputs: N x out_channels x ceil(T / stride) x ..., not
        negative.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int, int] = 1,
        stride: int | tuple[int, int, int] = 1,
        norm: dict | None = None,
    ):
        super().__init__()
        kernel_size = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 3
        deviation = 1 / math.sqrt(in_channels * math.prod(kernel_size))
        self.conv3d = nn.Conv3d(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            pad_mode='same',
            weight_init=TruncatedNormal(deviation),
        )
        self.bn = BatchNorm3d(out_channels, **(norm or {}))

    def construct(self, x: Tensor) -> Tensor:
        return ops.relu(self.bn(self.conv3d(x)))
