"""Max pooling over N x C x T x H x W, in operators that every device has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mindspore import nn, ops

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


class EachNth(nn.Cell):
    """Takes the first of each `step` time steps: N x C x T x H x W -> N x C x ceil(T / step) x ...

    It is a max pool of one step, as a slice with steps has no gradient on CPUs in MindSpore 2.8.
    """

    def __init__(self, step: int):
        super().__init__()
        self.pool = nn.MaxPool2d((1, 1), (step, 1))

    def construct(self, x: Tensor) -> Tensor:
        n, c, t, h, w = x.shape
        x = self.pool(x.reshape(n, c, t, h * w))
        return x.reshape(n, c, x.shape[2], h, w)


class TimeMaxPool(nn.Cell):
    """Max pool of 2 over time; of an odd number of steps the last is left out.

    Inputs: N x C x T x H x W float, T >= 2. Outputs: N x C x floor(T / 2) x H x W.
    """

    kernel = stride = 2

    def __init__(self):
        super().__init__()
        self.pool = nn.MaxPool2d((2, 1), (2, 1))

    def construct(self, x: Tensor) -> Tensor:
        n, c, t, h, w = x.shape
        x = self.pool(x.reshape(n, c, t, h * w))
        return x.reshape(n, c, x.shape[2], h, w)


class ZeroPaddedMaxPool(nn.Cell):
    """3D max pool as PyTorch pads it, on both sides by the same, over space and then over time;
    what is left at the ends is left out.

    It stands behind a ReLU, so that zeros are as good a padding as minus infinity.

    Args:
        kernel_size, stride, padding: over time, height, width.

    Inputs: N x C x T x H x W float, not negative. Outputs: N x C x
        floor((T + 2 padding - kernel_size) / stride) + 1 x ...
    """

    def __init__(
        self,
        kernel_size: tuple[int, int, int],
        stride: tuple[int, int, int],
        padding: tuple[int, int, int] = (0, 0, 0),
    ):
        super().__init__()
        self.kernel, self.stride = kernel_size[0], stride[0]  # over time
        self.padding = padding
        self.over_space = nn.MaxPool2d(kernel_size[1:], stride[1:])
        self.over_time = None
        if kernel_size[0] > 1:
            self.over_time = nn.MaxPool2d((kernel_size[0], 1), (stride[0], 1))

    def construct(self, x: Tensor) -> Tensor:
        n, c, t, h, w = x.shape
        before, above, left = self.padding
        # not by an operator for padding, which MindSpore does not export to ONNX
        x = x.reshape(n, c * t, h, w)
        rows = (x[:, :, :1] * 0,) * above
        x = ops.cat((*rows, x, *rows), 2) if rows else x
        columns = (x[:, :, :, :1] * 0,) * left
        x = self.over_space(ops.cat((*columns, x, *columns), 3) if columns else x)
        h, w = x.shape[2:]
        if self.over_time is not None:
            x = x.reshape(n, c, t, h * w)
            steps = (x[:, :, :1] * 0,) * before
            x = self.over_time(ops.cat((*steps, x, *steps), 2) if steps else x)
            t = x.shape[2]
        return x.reshape(n, c, t, h, w)


class PaddedMaxPool(ZeroPaddedMaxPool):
    """3 x 3 max pool over space of stride 2 with one row of padding on each side, as PyTorch's
    residual networks begin; of the frames each `time_stride`-th is taken.

    Inputs: N x C x T x H x W float, not negative. Outputs: N x C x ceil(T / time_stride) x
        ceil(H / 2) x ceil(W / 2).
    """

    def __init__(self, time_stride: int = 1):
        super().__init__((1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.time_stride = time_stride
        self.thin = EachNth(time_stride) if time_stride > 1 else None

    def construct(self, x: Tensor) -> Tensor:
        return super().construct(x if self.thin is None else self.thin(x))
