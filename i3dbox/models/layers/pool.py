"""Max pooling over N x C x T x H x W, in operators that every device has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mindspore import nn

if TYPE_CHECKING:
    from mindspore import Tensor


class MaxPool3d(nn.Cell):
    """3D max pool with TensorFlow's "same" padding, over space and then over time: the maximum of a
    box is that of its rows' maxima.

    MindSpore's own is said not to run on the first Ascend 910; two-dimensional pools run
    everywhere. Space comes first, as ATC takes rows of no more than 4096.

    Args:
        kernel_size, stride: over time, height, width.

    Inputs: N x C x T x H x W float. Outputs: N x C x ceil(T / stride) x ...
    """

    def __init__(
        self, kernel_size: int | tuple[int, int, int], stride: int | tuple[int, int, int] = 1
    ):
        super().__init__()
        time, *space = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 3
        time_step, *space_step = stride if isinstance(stride, tuple) else (stride,) * 3
        self.over_space = nn.MaxPool2d(tuple(space), tuple(space_step), pad_mode='same')
        self.over_time = None
        if time > 1:
            self.over_time = nn.MaxPool2d((time, 1), (time_step, 1), pad_mode='same')

    def construct(self, x: Tensor) -> Tensor:
        n, c, t, h, w = x.shape
        x = self.over_space(x.reshape(n, c * t, h, w))
        h, w = x.shape[2:]
        if self.over_time is not None:
            x = self.over_time(x.reshape(n, c, t, h * w))
            t = x.shape[2]
        return x.reshape(n, c, t, h, w)
