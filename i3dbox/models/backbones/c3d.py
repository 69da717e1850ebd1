"""C3D.

Source: Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks", arXiv
1412.0767. Arguments and layers are called as mmaction2 calls them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from mindspore import nn, ops
from mindspore.common.initializer import Normal

from ...argument_checks import at_least_one
from ...errors import ModelError
from ...registry import BACKBONES
from ..layers import BatchNorm3d, Dropout, ZeroPaddedMaxPool
from ..layers.conv_unit import convolution, norm_arguments
from ..normalization import SPORTS1M
from ..temporal_geometry import temporal_geometry

if TYPE_CHECKING:
    from mindspore import Tensor

CONVS = {  # by the pool that follows
    1: {'conv1a': 64},
    2: {'conv2a': 128},
    3: {'conv3a': 256, 'conv3b': 256},
    4: {'conv4a': 512, 'conv4b': 512},
    5: {'conv5a': 512, 'conv5b': 512},
}
WIDTH = 4096  # of fc6 and fc7


class BiasedUnit(nn.Cell):
    """3 x 3 x 3 convolution with bias and ReLU; with `norm` a batch norm between, and no bias."""

    def __init__(self, in_channels: int, out_channels: int, norm: dict | None = None):
        super().__init__()
        self.conv = convolution(in_channels, out_channels, (3, 3, 3), bias=norm is None)
        self.bn = None if norm is None else BatchNorm3d(out_channels, **norm)

    def construct(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return ops.relu(x if self.bn is None else self.bn(x))


class FullyConnected(nn.Cell):
    """A linear map of all that a map holds, ReLU, and dropout where there is one.

    Inputs: N x C x T x H x W float, with in_features numbers a sample. Outputs: N x out_features x
        1 x 1 x 1.
    """

    def __init__(self, in_features: int, out_features: int, dropout: float, init_std: float):
        super().__init__()
        self.in_features = in_features
        self.dense = nn.Dense(
            in_features, out_features, weight_init=Normal(init_std), bias_init='zeros'
        )
        self.dropout = Dropout(dropout) if dropout else None

    def construct(self, x: Tensor) -> Tensor:
        n, c, t, h, w = x.shape
        # a size may not be known yet
        if t > 0 and h > 0 and w > 0 and c * t * h * w != self.in_features:
            raise ValueError(
                f'a layer of {self.in_features} numbers a clip gets {c} x {t} x {h} x {w}: C3D '
                'takes clips of one size'
            )
        x = ops.relu(self.dense(x.reshape(n, self.in_features)))
        if self.dropout is not None:
            x = self.dropout(x)
        return x.reshape(n, -1, 1, 1, 1)


@BACKBONES.register
class C3D(nn.SequentialCell):
    """C3D up to, and without, its classifier, which is PoolHead with the dropout behind fc7.

        clip N x C x 16 x 112 x 112
          conv1a, pool1          N x   64 x 16 x 56 x 56
          conv2a, pool2          N x  128 x  8 x 28 x 28
          conv3a, conv3b, pool3  N x  256 x  4 x 14 x 14
          conv4a, conv4b, pool4  N x  512 x  2 x  7 x  7
          conv5a, conv5b, pool5  N x  512 x  1 x  4 x  4
          fc6, fc7               N x 4096 x  1 x  1 x  1

    fc6 has a weight for each place of the last map, so that clips have one size.

    Args:
        in_channels (int): 3 for RGB, 2 for flow.
        out_dim (int): how many numbers pool5 gives; 8192 for 16 x 112 x 112.
        with_bn (bool): a batch norm behind each convolution, which has no bias then.
        dropout (float): behind fc6.
        init_std (float): deviation that the weights of fc6 and fc7 start with.
        norm (dict): arguments of BatchNorm3d (eps 1e-5, momentum 0.9).

    Inputs: N x in_channels x T x H x W float, such that pool5 gives out_dim numbers. Outputs: N x
        4096 x 1 x 1 x 1.
    Raises: ValueError for clips of another size.
    """

    normalization = SPORTS1M
    out_channels = WIDTH
    last_map = 'conv5b'  # behind it are no places that a gradient could tell apart

    def __init__(
        self,
        in_channels: int = 3,
        out_dim: int = 8192,
        with_bn: bool = False,
        dropout: float = 0.5,
        init_std: float = 0.005,
        norm: dict | None = None,
    ):
        at_least_one('C3D', out_dim=out_dim)
        norm = norm_arguments(norm) if with_bn else None
        cells = OrderedDict()
        channels = in_channels
        for number, convs in CONVS.items():
            for name, width in convs.items():
                cells[name] = BiasedUnit(channels, width, norm)
                channels = width
            size = (1 if number == 1 else 2, 2, 2)
            cells[f'pool{number}'] = ZeroPaddedMaxPool(size, size, _padding(number))
        cells['fc6'] = FullyConnected(out_dim, WIDTH, dropout, init_std)
        cells['fc7'] = FullyConnected(WIDTH, WIDTH, 0, init_std)
        super().__init__(cells)
        self.in_channels = in_channels
        self.out_dim = out_dim

    def temporal_geometry(self, endpoint: str) -> tuple[int, int] | None:
        """Returns the stride and context of a layer, see i3d_table.temporal_geometry; None of fc6
        and fc7, which see all of a clip.
        """
        return None if endpoint.startswith('fc') else temporal_geometry(self, endpoint)

    def check_clip(self, frames: int, height: int, width: int) -> None:
        """Raises ModelError for a clip whose last map has another size than fc6 takes."""
        # four pools halve time; five halve space, the last with a row on each side
        rows, columns = (side // 16 // 2 + 1 if side >= 16 else 0 for side in (height, width))
        found = 512 * (frames // 16) * rows * columns
        if found != self.out_dim:
            taken = (
                'C3D takes clips of 16 frames of 112 x 112'
                if self.out_dim == 8192
                else f'C3D with out_dim={self.out_dim} takes clips whose last map is as large'
            )
            hint = f', for which out_dim is {found}' if found else ''
            raise ModelError(
                f'{taken}, as fc6 has weights for each place of the last map; the pipeline gives '
                f'{frames} frames of {height} x {width}{hint}'
            )


def _padding(number):
    return (0, 1, 1) if number == 5 else (0, 0, 0)
