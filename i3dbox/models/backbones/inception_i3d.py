"""The Inflated 3D ConvNet on Inception-v1.

Source: Carreira and Zisserman, "Quo Vadis, Action Recognition?", arXiv 1705.07750, and the authors'
code, google-deepmind/kinetics-i3d.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mindspore import nn, ops

from ...errors import ModelError
from ...registry import BACKBONES
from ..i3d_table import ENDPOINTS, MIN_INPUT, temporal_geometry
from ..layers import MaxPool3d, Unit3D

if TYPE_CHECKING:
    from mindspore import Tensor


class Mixed(nn.Cell):
    """Four branches over the same input, joined on channels.

    Args:
        unit: makes a convolution of the channels in, those out, and a kernel size (default: 1).
    """

    def __init__(self, in_channels: int, widths: Sequence[int], unit: Callable[..., nn.Cell]):
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3b = widths
        self.b0 = unit(in_channels, b0)
        self.b1a = unit(in_channels, b1a)
        self.b1b = unit(b1a, b1b, 3)
        self.b2a = unit(in_channels, b2a)
        self.b2b = unit(b2a, b2b, 3)
        self.b3a = MaxPool3d(3)
        self.b3b = unit(in_channels, b3b)
        self.out_channels = b0 + b1b + b2b + b3b

    def construct(self, x: Tensor) -> Tensor:
        return ops.cat(
            (self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))), 1
        )


class Inception(nn.SequentialCell):
    """The layers of i3d_table.ENDPOINTS, made of a kind of convolution and of pool.

    Args:
        in_channels, endpoints: of InceptionI3D.
        unit: of Mixed, and of a stride.
        pool: makes a max pool of a kernel and a stride.
    """

    title = 'I3D'
    min_input = MIN_INPUT

    def __init__(
        self,
        in_channels: int,
        endpoints: str | Sequence[str],
        unit: Callable[..., nn.Cell],
        pool: Callable[..., nn.Cell],
    ):
        wanted = (endpoints,) if isinstance(endpoints, str) else tuple(endpoints)
        names = list(ENDPOINTS)
        unknown = [name for name in wanted if name not in ENDPOINTS]
        if unknown or not wanted:
            raise ModelError(
                f'{type(self).__name__} has no endpoint {unknown[0] if unknown else "()"!r}; '
                f'it has {", ".join(names)}'
            )
        cells = OrderedDict()
        channels = in_channels
        widths = []
        for name in names[: max(map(names.index, wanted)) + 1]:
            spec = ENDPOINTS[name]
            if name.startswith('Conv'):
                cells[name] = unit(channels, *spec)
                channels = spec[0]
            elif name.startswith('MaxPool'):
                cells[name] = pool(*spec)
            else:
                cells[name] = Mixed(channels, spec, unit)
                channels = cells[name].out_channels
            widths.append(channels)
        super().__init__(cells)
        self.in_channels = in_channels
        self.wanted = tuple(map(names.index, wanted))
        self.out_channels = (
            widths[self.wanted[0]] if len(wanted) == 1 else tuple(widths[i] for i in self.wanted)
        )
        geometry = self.temporal_geometry(wanted[0])
        if geometry:
            self.temporal_stride, self.temporal_context = geometry

    def temporal_geometry(self, endpoint: str) -> tuple[int, int] | None:
        """Returns the stride and context of an endpoint, see i3d_table.temporal_geometry."""
        return temporal_geometry(endpoint)

    def construct(self, x: Tensor) -> Tensor:
        t, h, w = x.shape[2:]
        # t may not be known yet
        if 0 < t < self.min_input[0] or h < self.min_input[1] or w < self.min_input[2]:
            raise ValueError(
                f'{self.title} takes clips of at least {self.min_input[0]} frames of '
                f'{self.min_input[1]} x {self.min_input[2]}; got {t} frames of {h} x {w}. '
                'Below that its strides leave no feature map to pool.'
            )
        outputs = ()
        for cell in self.cell_list:
            x = cell(x)
            outputs += (x,)
        if len(self.wanted) == 1:
            return outputs[self.wanted[0]]
        return tuple([outputs[i] for i in self.wanted])


@BACKBONES.register
class InceptionI3D(Inception):
    """Inception-v1 I3D up to, and without, its average pool.

        clip N x C x T x H x W in [-1, 1]
          stem, Mixed_3b, 3c     N x  480 x T/2 x H/8  x W/8
          Mixed_4b .. 4f         N x  832 x T/4 x H/16 x W/16
          Mixed_5b, 5c           N x 1024 x T/8 x H/32 x W/32   (all rounded up)

    Args:
        in_channels (int): 3 for RGB, 2 for flow.
        endpoints (str or sequence of str): names from `i3d_table.ENDPOINTS` whose outputs are
            returned, in this order; the network is built no further than the last one. Default:
            'Mixed_5c'.
        norm (dict): arguments of BatchNorm3d (eps 1e-3, momentum 0.99).

    Attributes:
        out_channels (int, or tuple for several endpoints).
        temporal_stride, temporal_context (int): see i3d_table.temporal_geometry; of the first of
            `endpoints`.

    Inputs: N x in_channels x T x H x W float, T >= 8, H and W >= 32.
    Outputs: one tensor, or a tuple of them if several endpoints are asked for.
    Raises: ModelError for an unknown endpoint; ValueError for a clip that is too small.
    """

    def __init__(
        self,
        in_channels: int = 3,
        endpoints: str | Sequence[str] = 'Mixed_5c',
        norm: dict | None = None,
    ):
        super().__init__(in_channels, endpoints, partial(Unit3D, norm=norm), MaxPool3d)
