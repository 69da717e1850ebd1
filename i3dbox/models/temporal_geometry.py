"""How the time steps of a network of padded convolutions stand to the frames of a clip."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mindspore import nn

from .layers import DepthwiseConv3d, PaddedMaxPool, TimeMaxPool, ZeroPaddedMaxPool


def temporal_geometry(backbone: nn.Cell, endpoint: str | None = None) -> tuple[int, int]:
    """Returns the stride and context of a layer's time steps, see i3d_table.temporal_geometry.

    Convolutions are padded by half their kernel, so that a step stands at the same frame in a clip
    of any length.

    Args:
        backbone: an nn.SequentialCell of such layers.
        endpoint: the name of one; default: the last.
    """
    stride = 1
    reach = 0  # frames before and after the one that a step stands at
    for name, layer in backbone.name_cells().items():
        for kernel, step in steps_over_time(layer):
            reach += kernel // 2 * stride
            stride *= step
        if name == endpoint:
            break
    return stride, math.ceil(reach / stride)


def steps_over_time(layer: nn.Cell) -> Iterator[tuple[int, int]]:
    """Yields the kernel and stride over time of what a layer does, one after the other."""
    if isinstance(layer, PaddedMaxPool):
        yield 1, layer.time_stride
        return
    for name, cell in layer.cells_and_names():
        if isinstance(cell, (nn.Conv3d, DepthwiseConv3d)) and 'downsample' not in name:
            yield cell.kernel_size[0], cell.stride[-3]
        if isinstance(cell, (TimeMaxPool, ZeroPaddedMaxPool)):
            yield cell.kernel, cell.stride
