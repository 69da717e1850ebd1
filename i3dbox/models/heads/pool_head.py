"""The classifier of residual networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mindspore import nn
from mindspore.common.initializer import Normal

from ...argument_checks import at_least_one
from ...registry import HEADS
from ..layers import Dropout

if TYPE_CHECKING:
    from mindspore import Tensor


@HEADS.register
class PoolHead(nn.Cell):
    """Average pool over time and space, dropout, a 1x1x1 convolution with bias: mmaction2's
    I3DHead. I3DHead here is that of I3D's authors, who pool pairs of steps.

    Args:
        num_classes (int): classes.
        in_channels (int): the backbone's out_channels.
        dropout (float): probability of zero.
        init_std (float): deviation that weights start with.

    Inputs: N x in_channels x T x H x W float. Outputs: N x num_classes logits.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 2048,
        dropout: float = 0.5,
        init_std: float = 0.01,
    ):
        super().__init__()
        at_least_one('PoolHead', num_classes=num_classes, in_channels=in_channels)
        self.num_classes = num_classes
        self.dropout = Dropout(dropout)
        self.logits = nn.Conv3d(
            in_channels,
            num_classes,
            1,
            has_bias=True,
            weight_init=Normal(init_std),
            bias_init='zeros',
        )

    def construct(self, x: Tensor) -> Tensor:
        x = self.dropout(x.mean((2, 3, 4), keep_dims=True))
        return self.logits(x).reshape(-1, self.num_classes)
