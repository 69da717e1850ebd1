"""Attention of each place of a map to all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mindspore import nn, ops
from mindspore.common.initializer import Normal

from .conv_unit import norm_arguments
from .norm import BatchNorm3d

if TYPE_CHECKING:
    from mindspore import Tensor


class NonLocal3d(nn.Cell):
    """Adds to each place what it finds at all others, by the softmax of their likeness (embedded
    Gaussian); keys and values are pooled 2 x 2 over space. It starts as the identity.

    Source: Wang et al., "Non-local Neural Networks", arXiv 1711.07971.

    Inputs and outputs: N x channels x T x H x W float, H and W >= 2.
    """

    def __init__(self, channels: int, norm: dict | None = None):
        super().__init__()
        inner = channels // 2
        self.theta = _pointwise(channels, inner)
        self.phi = _pointwise(channels, inner)
        self.g = _pointwise(channels, inner)
        self.out = _pointwise(inner, channels, bias=False)
        self.bn = BatchNorm3d(channels, **norm_arguments(norm))
        self.bn.gamma.set_data(ops.zeros_like(self.bn.gamma))
        self.pool = nn.MaxPool2d(2, 2)

    def construct(self, x: Tensor) -> Tensor:
        n, _, t, h, w = x.shape
        queries = self._flat(self.theta(x)).transpose(0, 2, 1)
        keys = self._flat(self._pooled(self.phi(x)))
        values = self._flat(self._pooled(self.g(x))).transpose(0, 2, 1)
        likeness = ops.softmax(ops.bmm(queries, keys), -1)
        found = ops.bmm(likeness, values).transpose(0, 2, 1).reshape(n, -1, t, h, w)
        return x + self.bn(self.out(found))

    def multiply_adds(self, x: Tensor, y: Tensor) -> int:
        """Returns the multiply-adds of the products between places of an input."""
        n, c, t, h, w = x.shape
        return 2 * n * (c // 2) * (t * h * w) * (t * (h // 2) * (w // 2))

    def _pooled(self, x):
        n, c, t, h, w = x.shape
        x = self.pool(x.reshape(n, c * t, h, w))
        return x.reshape(n, c, t, x.shape[2], x.shape[3])

    def _flat(self, x):
        return x.reshape(x.shape[0], x.shape[1], -1)


def _pointwise(in_channels, out_channels, bias=True):
    return nn.Conv3d(
        in_channels, out_channels, 1, has_bias=bias, weight_init=Normal(0.01), bias_init='zeros'
    )
