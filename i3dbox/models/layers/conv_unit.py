"""Convolution and batch normalisation as PyTorch pads them: what residual networks are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mindspore import Parameter, nn, ops
from mindspore.common.initializer import HeNormal, Normal, initializer

from ...errors import ModelError
from .norm import BatchNorm3d
from .pool import EachNth

if TYPE_CHECKING:
    from mindspore import Tensor

NORM = dict(eps=1e-5, momentum=0.9)  # PyTorch's; its momentum of 0.1 is 0.9 here


def norm_arguments(norm: dict | None, **defaults: float) -> dict:
    """Returns the arguments of a BatchNorm3d: `norm`'s, else the defaults, else NORM's. Raises
    ModelError unless it is a dict of them.
    """
    if not isinstance(norm, (dict, type(None))) or not set(norm or ()) <= set(NORM):
        raise ModelError(f'norm is a dict of {" and ".join(NORM)}; got {norm!r}')
    return {**NORM, **defaults, **(norm or {})}


def convolution(
    in_channels: int,
    out_channels: int,
    kernel: Sequence[int] = (1, 1, 1),
    stride: Sequence[int] = (1, 1, 1),
    bias: bool = False,
) -> nn.Conv3d:
    """Returns a 3D convolution padded by half its kernel on both sides, that starts as He et al.
    have it (arXiv 1502.01852, by fan out).
    """
    return nn.Conv3d(
        in_channels,
        out_channels,
        tuple(kernel),
        tuple(stride),
        pad_mode='pad',
        padding=tuple(size // 2 for size in kernel for _ in range(2)),
        has_bias=bias,
        weight_init=HeNormal(mode='fan_out', nonlinearity='relu'),
        bias_init='zeros',
    )


class DepthwiseConv3d(nn.Cell):
    """A 3D convolution of each channel by itself, without bias, padded by half its kernel.

    MindSpore's nn.Conv3d makes of one with groups a convolution for each, hundreds of them. Here a
    frame of the kernel is a two-dimensional one over all frames, and their sum is taken over time.

    Args:
        channels: in and out.
        kernel, stride: over time, height, width; odd sizes.

    Inputs: N x channels x T x H x W float. Outputs: the sizes divided by the stride, rounded up.
    """

    def __init__(self, channels: int, kernel: Sequence[int], stride: Sequence[int] = (1, 1, 1)):
        super().__init__()
        self.kernel_size = tuple(kernel)
        self.stride = tuple(stride)
        self.thin = EachNth(stride[0]) if stride[0] > 1 else None
        shape = (channels, 1, *kernel)
        # the fan out of one channel, as PyTorch counts it for groups
        deviation = math.sqrt(2 / math.prod(kernel))
        self.weight = Parameter(initializer(Normal(deviation), shape), name='weight')
        t, h, w = kernel
        self.conv = ops.Conv2D(
            channels,
            (h, w),
            pad_mode='pad',
            pad=(h // 2, h // 2, w // 2, w // 2),
            stride=tuple(stride[1:]),
            group=channels,
        )

    def construct(self, x: Tensor) -> Tensor:
        n, c, t, h, w = x.shape
        # not by an operator for padding, which MindSpore does not export to ONNX
        empty = (x[:, :, :1] * 0,) * (self.kernel_size[0] // 2)
        x = ops.cat((*empty, x, *empty), 2) if empty else x
        x = x.transpose(0, 2, 1, 3, 4)  # N x T x C x H x W: frames are pictures
        total = 0
        for tap in range(self.kernel_size[0]):
            pictures = x[:, tap : tap + t].reshape(n * t, c, h, w)
            total = total + self.conv(pictures, self.weight[:, :, tap])
        _, _, h, w = total.shape
        total = total.reshape(n, t, c, h, w).transpose(0, 2, 1, 3, 4)
        return total if self.thin is None else self.thin(total)

    def multiply_adds(self, x: Tensor, y: Tensor) -> int:
        """Returns the multiply-adds of an input and its output, as if no step were left out."""
        return y.size * math.prod(self.kernel_size)


class ConvUnit(nn.Cell):
    """3D convolution, batch norm, and ReLU where `relu` says so.

    Args:
        in_channels, out_channels, kernel, stride: of `convolution`.
        depthwise: each channel by itself.
        norm: arguments of BatchNorm3d that are others than NORM's.

    Inputs: N x in_channels x T x H x W float. Outputs: N x out_channels x ..., each size divided by
        the stride and rounded up, for kernels of odd sizes.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Sequence[int] = (1, 1, 1),
        stride: Sequence[int] = (1, 1, 1),
        depthwise: bool = False,
        relu: bool = True,
        norm: dict | None = None,
    ):
        super().__init__()
        if depthwise:
            self.conv = DepthwiseConv3d(in_channels, kernel, stride)
        else:
            self.conv = convolution(in_channels, out_channels, kernel, stride)
        self.bn = BatchNorm3d(out_channels, **norm_arguments(norm))
        self.relu = relu

    def construct(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return ops.relu(x) if self.relu else x


class Conv2Plus1d(nn.Cell):
    """A 3D convolution as one over space, batch norm, ReLU, and one over time; then batch norm, and
    ReLU where `relu` says so.

    Source: Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition",
    arXiv 1711.11248.

    Args:
        between: channels between the two.
        others: of ConvUnit.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Sequence[int],
        stride: Sequence[int] = (1, 1, 1),
        between: int = 1,
        relu: bool = True,
        norm: dict | None = None,
    ):
        super().__init__()
        (t, *space), (t_stride, *space_stride) = kernel, stride
        self.space = ConvUnit(
            in_channels, between, (1, *space), (1, *space_stride), relu=True, norm=norm
        )
        self.time = ConvUnit(
            between, out_channels, (t, 1, 1), (t_stride, 1, 1), relu=relu, norm=norm
        )

    def construct(self, x: Tensor) -> Tensor:
        return self.time(self.space(x))
