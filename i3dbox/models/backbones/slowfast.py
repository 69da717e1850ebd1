"""SlowFast: a ResNet on few frames, and a thin one on many, which tells the first what moves.

Source: Feichtenhofer et al., "SlowFast Networks for Video Recognition", arXiv 1812.03982. Arguments
are called as mmaction2 calls them.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mindspore import nn, ops

from ...argument_checks import at_least_one
from ...errors import ModelError
from ...registry import BACKBONES
from ..layers import ConvUnit, EachNth, PaddedMaxPool
from ..layers.conv_unit import convolution, norm_arguments
from ..normalization import IMAGENET
from ..temporal_geometry import steps_over_time
from .resnet3d import WIDTHS, ResNet3d, shapes_of

if TYPE_CHECKING:
    from mindspore import Tensor

NONE = (0, 0, 0, 0)
LATERAL = 2  # channels of a lateral connection for each of the fast pathway


def apart(x: Tensor, channels: int, ratio: int) -> tuple[Tensor, Tensor]:
    """Returns the slow pathway's N x channels x T x H x W of a Pathways' tensor, and the fast
    one's N x c x ratio x T x H x W.
    """
    n, c, t, h, w = x.shape
    return x[:, :channels], x[:, channels:].reshape(n, (c - channels) // ratio, ratio, t, h, w)


class Pathways(nn.Cell):
    """A layer of both pathways. Between layers they are one tensor: behind the slow one's channels
    stand those of the fast one's `ratio` frames to each of its steps.

    Args:
        slow, fast: the layer in each.
        lateral: what the fast one's output passes on to the slow one, or None.
        ratio: frames of the fast one to a step of the slow one.
        channels: of the slow one at the input.

    Inputs: N x (channels + ratio * fast's) x T x H x W float. Outputs: the same of what comes out.
    """

    def __init__(
        self, slow: nn.Cell, fast: nn.Cell, lateral: nn.Cell | None, ratio: int, channels: int = 0
    ):
        super().__init__()
        self.slow = slow
        self.fast = fast
        self.lateral = lateral
        self.ratio = ratio
        self.channels = channels

    def construct(self, x: Tensor) -> Tensor:
        slow, fast = apart(x, self.channels, self.ratio)
        n, c, _, t, h, w = fast.shape
        fast = fast.transpose(0, 1, 3, 2, 4, 5).reshape(n, c, t * self.ratio, h, w)
        return self.joined(self.slow(slow), self.fast(fast))

    def joined(self, slow: Tensor, fast: Tensor) -> Tensor:
        """Returns both as one tensor."""
        if self.lateral is not None:
            slow = ops.cat((slow, self.lateral(fast)), 1)
        n, c, _, h, w = fast.shape
        t = slow.shape[2]
        fast = fast.reshape(n, c, t, self.ratio, h, w).transpose(0, 1, 3, 2, 4, 5)
        return ops.cat((slow, fast.reshape(n, c * self.ratio, t, h, w)), 1)


class Stem(Pathways):
    """The first layer of both pathways, which takes a clip: N x C x T x H x W float. A clip whose
    length is no multiple of `rate` goes on with its last frame.

    Args:
        rate: frames of the clip to a step of the slow pathway.
        others: of Pathways.
    """

    def __init__(self, slow: nn.Cell, fast: nn.Cell, lateral: nn.Cell, ratio: int, rate: int):
        super().__init__(slow, fast, lateral, ratio)
        self.rate = rate
        self.thin = EachNth(rate // ratio) if rate > ratio else None
        self.thinner = EachNth(ratio) if ratio > 1 else None

    def construct(self, x: Tensor) -> Tensor:
        t = x.shape[2]
        if t > 0 and t % self.rate:  # t may not be known yet
            x = ops.cat((x, *(x[:, :, t - 1 :],) * (self.rate - t % self.rate)), 2)
        fast = x if self.thin is None else self.thin(x)
        slow = fast if self.thinner is None else self.thinner(fast)
        return self.joined(self.slow(slow), self.fast(fast))


class Together(nn.Cell):
    """Takes the fast pathway's mean over the frames of each slow step, and puts it before the slow
    one: N x (channels + ratio * c) x T x H x W -> N x (c + channels) x T x H x W.
    """

    def __init__(self, ratio: int, channels: int):
        super().__init__()
        self.ratio = ratio
        self.channels = channels

    def construct(self, x: Tensor) -> Tensor:
        slow, fast = apart(x, self.channels, self.ratio)
        return ops.cat((fast.mean(2), slow), 1)


@BACKBONES.register
class ResNet3dSlowFast(nn.SequentialCell):
    """SlowFast, up to, and without, its average pool.

        clip N x C x T x H x W       slow                     fast, at F / ratio channels
          conv1   N x ... x T / rate   64 x H/4  x W/4        ratio times the steps
          layer1                      256 x H/4  x W/4        (F the slow one's channels)
          layer2                      512 x H/8  x W/8
          layer3                     1024 x H/16 x W/16
          layer4                     2048 x H/32 x W/32
          together                   2048 + 256 channels, the fast ones first; all rounded up

    4x16 takes the defaults and clips of 32 x 2 frames; 8x8 takes rates and ratios of 4.

    Args:
        depth (int): 18, 34, 50, 101 or 152, of both pathways.
        in_channels (int): 3 for RGB, 2 for flow.
        resample_rate (int): frames of a clip to a step of the slow pathway.
        speed_ratio (int): frames of the fast pathway to a step of the slow one.
        channel_ratio (int): channels of the slow pathway to one of the fast.
        fusion_kernel (int): of the lateral connections, over time; odd.
        fusion_norm (bool): whether batch norm and ReLU follow them, as in the authors' code and
            pytorchvideo; mmaction2 has neither.
        norm (dict): arguments of BatchNorm3d (eps 1e-5, momentum 0.9).
        stage_blocks (sequence of int): of ResNet3d.

    Attributes:
        out_channels (int).
        temporal_stride, temporal_context (int): see i3d_table.temporal_geometry.

    Inputs: N x in_channels x T x H x W float, H and W >= 32. Outputs: N x out_channels x
        ceil(T / resample_rate) x ceil(H / 32) x ceil(W / 32).
    Raises: ModelError for a depth, a rate or a ratio that there is not.
    """

    normalization = IMAGENET

    def __init__(
        self,
        depth: int = 50,
        in_channels: int = 3,
        resample_rate: int = 8,
        speed_ratio: int = 8,
        channel_ratio: int = 8,
        fusion_kernel: int = 5,
        fusion_norm: bool = False,
        norm: dict | None = None,
        stage_blocks: Sequence[int] | None = None,
    ):
        _check(resample_rate, speed_ratio, channel_ratio, fusion_kernel)
        norm = norm_arguments(norm)
        thin = WIDTHS[0] // channel_ratio

        def lateral(channels):
            shape = channels, LATERAL * channels, (fusion_kernel, 1, 1), (speed_ratio, 1, 1)
            if fusion_norm:
                return ConvUnit(*shape, norm=norm)
            return nn.SequentialCell(OrderedDict(conv=convolution(*shape)))

        def first(kernel, width):
            unit = ConvUnit(in_channels, width, (kernel, 7, 7), (1, 2, 2), norm=norm)
            return nn.SequentialCell(OrderedDict(unit=unit, pool=PaddedMaxPool()))

        stem = first(1, WIDTHS[0]), first(5, thin), lateral(thin)
        cells = OrderedDict(conv1=Stem(*stem, speed_ratio, resample_rate))
        joined = 1 + LATERAL / channel_ratio  # channels that the slow pathway takes to one it gave
        slow_layers = shapes_of(
            depth, (1, 1, 1, 1), (0, 0, 1, 1), NONE, joined=joined, stage_blocks=stage_blocks
        )
        fast_layers = shapes_of(
            depth, (1, 1, 1, 1), (1, 1, 1, 1), NONE, thin, stage_blocks=stage_blocks
        )
        for number, (slow, fast) in enumerate(zip(slow_layers, fast_layers), 1):
            cells[f'layer{number}'] = Pathways(
                *(
                    nn.SequentialCell(
                        [ResNet3d.block(shape, depth, '3x1x1', norm) for shape in shapes]
                    )
                    for shapes in (slow, fast)
                ),
                lateral(fast[-1].out) if number < len(WIDTHS) else None,
                speed_ratio,
                slow[0].channels,
            )
        cells['together'] = Together(speed_ratio, slow[-1].out)
        super().__init__(cells)
        self.in_channels = in_channels
        self.out_channels = fast[-1].out + slow[-1].out
        self.rates = resample_rate, speed_ratio
        self.temporal_stride, self.temporal_context = self.temporal_geometry('together')

    def temporal_geometry(self, endpoint: str) -> tuple[int, int]:
        """Returns the stride and context of a layer, see i3d_table.temporal_geometry."""
        rate, ratio = self.rates
        slow = fast = 0.0  # how far a step of each sees, in steps of the slow one
        for name, layer in self.name_cells().items():
            if isinstance(layer, Pathways):
                slow += _reach(layer.slow)
                fast += _reach(layer.fast) / ratio
                if layer.lateral is not None:
                    slow = max(slow, fast + _reach(layer.lateral) / ratio)
            if name == endpoint:
                break
        return rate, math.ceil(max(slow, fast))


def _reach(layer):
    return sum(kernel // 2 for kernel, _ in steps_over_time(layer))


def _check(rate, ratio, channel_ratio, kernel):
    at_least_one(
        'ResNet3dSlowFast', resample_rate=rate, speed_ratio=ratio, channel_ratio=channel_ratio
    )
    if rate % ratio:
        raise ModelError(f'resample_rate is a multiple of speed_ratio; got {rate} and {ratio}')
    if WIDTHS[0] % channel_ratio:
        raise ModelError(f'channel_ratio divides {WIDTHS[0]}; got {channel_ratio}')
    if kernel < 1 or kernel % 2 == 0:
        raise ModelError(f'fusion_kernel is odd; got {kernel!r}')
