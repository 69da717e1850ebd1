"""The classifier of I3D."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mindspore import nn

from ...argument_checks import at_least_one
from ...averages import pairs_of_steps
from ...registry import HEADS
from ..layers import Dropout

if TYPE_CHECKING:
    from mindspore import Tensor


@HEADS.register
class I3DHead(nn.Cell):
    """Average pool, dropout, a 1x1x1 convolution with bias, mean over the time steps that remain.

    The authors pool 2 x 7 x 7 with stride 1 over the 7 x 7 map of a 224 x 224 clip. Here the window
    is 2 x H x W for any map (1 x H x W where only one time step is left), which is the same there.

    Args:
        num_classes (int): classes.
        in_channels (int): the backbone's out_channels.
        dropout (float): probability of zero; 0.5 in this project's recipes.

    Inputs: N x in_channels x T x H x W float. Outputs: N x num_classes logits.
    """

    def __init__(self, num_classes: int, in_channels: int = 1024, dropout: float = 0.5):
        super().__init__()
        at_least_one('I3DHead', num_classes=num_classes, in_channels=in_channels)
        self.num_classes = num_classes
        self.dropout = Dropout(dropout)
        self.logits = nn.Conv3d(in_channels, num_classes, 1, has_bias=True, bias_init='zeros')

    def construct(self, x: Tensor) -> Tensor:
        x = pairs_of_steps(x.mean((3, 4), keep_dims=True))
        return self.logits(self.dropout(x)).mean((2, 3, 4))

    def step_logits(self, x: Tensor) -> Tensor:
        """Scores each time step by itself, for testing: N x in_channels x T x H x W ->
        N x num_classes x T.

        `averages.mean_over_steps` makes of them what `construct` gives.
        """
        return self.logits(x.mean((3, 4), keep_dims=True)).mean((3, 4))
