"""Residual networks over video: I3D on ResNet, SlowOnly, R3D and MC3.

Sources: He et al., "Deep Residual Learning for Image Recognition", arXiv 1512.03385; Carreira and
Zisserman, arXiv 1705.07750 (inflation); Wang et al., "Non-local Neural Networks", arXiv 1711.07971;
Feichtenhofer et al., "SlowFast Networks for Video Recognition", arXiv 1812.03982; Tran et al., "A
Closer Look at Spatiotemporal Convolutions for Action Recognition", arXiv 1711.11248. Arguments are
called as mmaction2 calls them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mindspore import nn, ops

from ...argument_checks import at_least_one, whole_numbers
from ...errors import ModelError
from ...registry import BACKBONES
from ..layers import ConvUnit, NonLocal3d, PaddedMaxPool, TimeMaxPool
from ..layers.conv_unit import norm_arguments
from ..normalization import IMAGENET
from ..temporal_geometry import temporal_geometry

if TYPE_CHECKING:
    from mindspore import Tensor

WIDTHS = (64, 128, 256, 512)  # of the four stages' 3 x 3 convolutions
BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


class Residual(nn.Cell):
    """Two or three units, to whose output what came in is added; ReLU; perhaps a non-local block.

    Args:
        units: that follow one another.
        downsample: what the input passes before it is added, or None.
        non_local: a NonLocal3d, or None.
    """

    def __init__(
        self,
        units: Sequence[nn.Cell],
        downsample: nn.Cell | None = None,
        non_local: nn.Cell | None = None,
    ):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = (*units, None)[:3]
        self.downsample = downsample
        self.non_local = non_local

    def construct(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x))
        if self.conv3 is not None:
            y = self.conv3(y)
        if self.downsample is not None:
            x = self.downsample(x)
        x = ops.relu(x + y)
        if self.non_local is not None:
            x = self.non_local(x)
        return x


class Shape(NamedTuple):
    """Where a residual block stands: channels in, of its 3 x 3 convolution and out; its stride and
    its kernel over time, stride over space; and whether a non-local block follows.
    """

    channels: int
    width: int
    out: int
    stride: tuple[int, int, int]
    time: int
    attentive: bool


@BACKBONES.register
class ResNet3d(nn.SequentialCell):
    """A ResNet whose convolutions see time, up to, and without, its average pool.

        clip N x C x T x H x W
          conv1, pool1   N x  64   x t x H/4  x W/4
          layer1         N x  64 e x t x H/4  x W/4      e = 1 up to a depth of 34, else 4
          layer2         N x 128 e x t x H/8  x W/8
          layer3         N x 256 e x t x H/16 x W/16
          layer4         N x 512 e x t x H/32 x W/32     (all rounded up)

    Args:
        depth (int): 18, 34, 50, 101 or 152.
        in_channels (int): 3 for RGB, 2 for flow.
        conv1_kernel (sequence of int): over time, height, width.
        conv1_stride_t, pool1_stride_t (int): over time.
        with_pool1 (bool): 3 x 3 max pool over space behind conv1.
        with_pool2 (bool): max pool of 2 over time behind layer1.
        temporal_strides (sequence of int): of the first block of each layer.
        inflate (sequence): whether each layer, or each of its blocks, sees time.
        inflate_style (str): which convolution of a bottleneck does: '3x1x1' the first, '3x3x3' the
            second.
        non_local (sequence): whether a NonLocal3d follows each layer's, or block's, output.
        norm (dict): arguments of BatchNorm3d (eps 1e-5, momentum 0.9).
        stage_blocks (sequence of int): how many blocks each layer has; default: as the depth says.

    Attributes:
        out_channels (int).
        temporal_stride, temporal_context (int): see i3d_table.temporal_geometry; none with
            non-local blocks, which see all of a clip.

    Inputs: N x in_channels x T x H x W float, H and W >= 32. Outputs: N x out_channels x t x
        ceil(H / 32) x ceil(W / 32).
    Raises: ModelError for a depth, a style or a sequence that there is not.
    """

    normalization = IMAGENET

    def __init__(
        self,
        depth: int = 50,
        in_channels: int = 3,
        conv1_kernel: Sequence[int] = (3, 7, 7),
        conv1_stride_t: int = 1,
        pool1_stride_t: int = 1,
        with_pool1: bool = True,
        with_pool2: bool = True,
        temporal_strides: Sequence[int] = (1, 1, 1, 1),
        inflate: Sequence = (1, 1, 1, 1),
        inflate_style: str = '3x1x1',
        non_local: Sequence = (0, 0, 0, 0),
        norm: dict | None = None,
        stage_blocks: Sequence[int] | None = None,
    ):
        norm = norm_arguments(norm)
        strides = dict(conv1_stride_t=conv1_stride_t, pool1_stride_t=pool1_stride_t)
        at_least_one('ResNet3d', in_channels=in_channels, **strides)
        whole_numbers('ResNet3d', 3, conv1_kernel=conv1_kernel)
        shapes_of_layers = shapes_of(
            depth, temporal_strides, inflate, non_local, stage_blocks=stage_blocks
        )
        cells = OrderedDict()
        cells['conv1'] = self.stem(in_channels, conv1_kernel, conv1_stride_t, inflate_style, norm)
        if with_pool1:
            cells['pool1'] = PaddedMaxPool(pool1_stride_t)
        for layer, shapes in enumerate(shapes_of_layers, 1):
            cells[f'layer{layer}'] = nn.SequentialCell(
                [self.block(shape, depth, inflate_style, norm) for shape in shapes]
            )
            if layer == 1 and with_pool2:
                cells['pool2'] = TimeMaxPool()
        super().__init__(cells)
        self.in_channels = in_channels
        self.out_channels = shapes[-1].out
        self.sees_all = any(map(any, _as_lists(non_local)))
        if not self.sees_all:
            self.temporal_stride, self.temporal_context = temporal_geometry(self)

    def temporal_geometry(self, endpoint: str) -> tuple[int, int] | None:
        """Returns the stride and context of a layer, see i3d_table.temporal_geometry; None with
        non-local blocks, whose steps see all of a clip.
        """
        return None if self.sees_all else temporal_geometry(self, endpoint)

    @staticmethod
    def stem(
        in_channels: int, kernel: Sequence[int], stride: int, style: str, norm: dict
    ) -> nn.Cell:
        """Returns the first convolution."""
        return ConvUnit(in_channels, WIDTHS[0], kernel, (stride, 2, 2), norm=norm)

    @classmethod
    def block(cls, shape: Shape, depth: int, style: str, norm: dict) -> Residual:
        """Returns a residual block."""
        same = shape.stride == (1, 1, 1) and shape.channels == shape.out
        return Residual(
            cls.units(shape, depth, style, norm),
            None if same else cls.shortcut(shape, style, norm),
            NonLocal3d(shape.out, norm) if shape.attentive else None,
        )

    @staticmethod
    def shortcut(shape: Shape, style: str, norm: dict) -> nn.Cell:
        """Returns what a block's input passes where its output has another shape."""
        return ConvUnit(shape.channels, shape.out, stride=shape.stride, relu=False, norm=norm)

    @staticmethod
    def units(shape: Shape, depth: int, style: str, norm: dict) -> list[nn.Cell]:
        """Returns what stands on a block's way: two convolutions, from a depth of 50 on three."""
        channels, width, out, stride, time, _ = shape
        if depth < 50:
            return [
                ConvUnit(channels, width, (time, 3, 3), stride, norm=norm),
                ConvUnit(width, out, (time, 3, 3), relu=False, norm=norm),
            ]
        if style not in ('3x1x1', '3x3x3'):
            raise ModelError(f"inflate_style is '3x1x1' or '3x3x3'; got {style!r}")
        first, second = (time, 1) if style == '3x1x1' else (1, time)
        return [
            ConvUnit(channels, width, (first, 1, 1), norm=norm),
            ConvUnit(width, width, (second, 3, 3), stride, norm=norm),
            ConvUnit(width, out, relu=False, norm=norm),
        ]


@BACKBONES.register
class ResNet3dSlowOnly(ResNet3d):
    """The slow pathway of SlowFast by itself: time is seen by the last two layers alone, and never
    pooled. Arguments: of ResNet3d.
    """

    def __init__(self, depth: int = 50, in_channels: int = 3, **others):
        own = dict(conv1_kernel=(1, 7, 7), with_pool2=False, inflate=(0, 0, 1, 1))
        super().__init__(depth, in_channels, **{**own, **others})


def shapes_of(
    depth: int,
    temporal_strides: Sequence[int],
    inflate: Sequence,
    non_local: Sequence,
    base: int = WIDTHS[0],
    joined: float = 1,
    stage_blocks: Sequence[int] | None = None,
) -> Iterator[list[Shape]]:
    """Yields the Shapes of each layer's blocks; arguments and errors: of ResNet3d.

    base: the width of the first layer. joined: channels that a layer takes to one that comes out of
    the layer before it.
    """
    if depth not in tuple(BLOCKS):
        raise ModelError(f'depth is one of {", ".join(map(str, BLOCKS))}; got {depth!r}')
    blocks = BLOCKS[depth] if stage_blocks is None else stage_blocks
    layers = dict(stage_blocks=blocks, temporal_strides=temporal_strides)
    whole_numbers('ResNet3d', len(WIDTHS), **layers)
    channels = base
    inflated = _by_block('inflate', inflate, blocks)
    attentive = _by_block('non_local', non_local, blocks)
    for layer in range(len(WIDTHS)):
        width = base * 2**layer
        channels = round(channels * joined)
        out = width if depth < 50 else 4 * width
        space = 1 if layer == 0 else 2
        stride = (temporal_strides[layer], space, space)
        shapes = []
        for sees_time, attends in zip(inflated[layer], attentive[layer]):
            shapes.append(Shape(channels, width, out, stride, 3 if sees_time else 1, attends))
            channels = out
            stride = (1, 1, 1)
        yield shapes


def _by_block(name, given, numbers):
    """Returns a bool for each block of each layer."""
    rows = _as_lists(given) if isinstance(given, (list, tuple)) else []
    rows = [row * number if len(row) == 1 else row for row, number in zip(rows, numbers)]
    if [len(row) for row in rows] != list(numbers):
        raise ModelError(
            f'{name} is a number for each of four layers, or for each of their blocks '
            f'({", ".join(map(str, numbers))}); got {given!r}'
        )
    return [list(map(bool, row)) for row in rows]


def _as_lists(given):
    return [list(row) if isinstance(row, (list, tuple)) else [row] for row in given]
