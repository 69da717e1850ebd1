"""What a recognizer costs: multiply-adds and parameters, counted by watching it at work."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence

import mindspore as ms
import numpy as np
from mindspore import Tensor, mint, nn
from tqdm import tqdm

from .freezing import layer_name


def _cells(*names):
    return tuple(
        getattr(module, name) for module in (nn, mint.nn) for name in names if hasattr(module, name)
    )


CONVOLUTIONS = _cells('Conv1d', 'Conv2d', 'Conv3d')
TRANSPOSED = _cells('Conv1dTranspose', 'Conv2dTranspose', 'Conv3dTranspose', 'ConvTranspose2d')
DENSE = _cells('Dense', 'Linear')


@dataclasses.dataclass
class Layer:
    """A cell of a network, or a block of cells.

    Attributes:
        name, type: of the cell.
        shape: of its output, without the batch; None where it has no single one or
            did not run.
        parameters: values that gradients change.
        statistics: other values that a checkpoint holds: moving statistics, counters.
        multiply_adds: of one clip.
        missed: it holds weights, and what they multiply was not seen: they are used outside
            of a convolution or dense layer, or inside of a graph of their own (`jit`), or not at
            all.
    """

    name: str
    type: str
    shape: tuple[int, ...] | None = None
    parameters: int = 0
    statistics: int = 0
    multiply_adds: int = 0
    missed: bool = False

    def add(self, other: Layer) -> None:
        """Counts what another layer costs as well."""
        self.parameters += other.parameters
        self.statistics += other.statistics
        self.multiply_adds += other.multiply_adds
        self.missed |= other.missed


def random_clips(recognizer: nn.Cell, batch_size: int, size: Sequence[int]) -> list[np.ndarray]:
    """Returns the recognizer's inputs: noise, uint8 B x 1 x T x H x W x C each.

    Raises: ModelError where the network cannot take clips of `size` (frames, height, width).
    """
    rng = np.random.default_rng(0)
    clips = [
        rng.integers(0, 256, (batch_size, 1, *size, stream.channels), np.uint8)
        for stream in recognizer.streams.values()
    ]
    recognizer.check_input(*clips)
    return clips


def count(recognizer: nn.Cell, size: Sequence[int]) -> list[Layer]:
    """Counts multiply-adds and parameters of a recognizer, cell by cell, while it works on one
    clip.

    Counted are the multiply-adds of convolutions and dense layers, and of what a cell's own
    `multiply_adds(input, output)` says. A layer that runs several times counts as often, a
    parameter that several cells share once.

    Args:
        size: frames, height, width of the clip.

    Returns: list of Layer, a cell each with nothing of its children, in the network's order.
    """
    clips = [Tensor(clip) for clip in random_clips(recognizer, 1, size)]
    layers = {}
    hooks = []
    seen = set()
    bar = tqdm(desc='counting', unit='cell', leave=False, disable=None)
    for name, cell in recognizer.cells_and_names():
        layers[name] = layer = Layer(name, type(cell).__name__)
        for parameter in cell.get_parameters(expand=False):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                if parameter.requires_grad:
                    layer.parameters += parameter.size
                    layer.missed |= parameter.ndim > 1  # until it is seen at work
                else:
                    layer.statistics += parameter.size
        hooks.append(cell.register_forward_hook(_observer(layer, bar)))
    try:
        with bar, _pynative():  # hooks are not called in graph mode
            recognizer(*clips)
    finally:
        for hook in hooks:
            hook.remove()
    return list(layers.values())


def _observer(layer, bar):
    """Returns a forward hook that notes in `layer` what its cell did."""

    def observe(cell, inputs, output):
        bar.update()
        if isinstance(output, Tensor):
            layer.shape = tuple(output.shape[1:])
        if hasattr(cell, 'multiply_adds'):  # it says so itself
            layer.multiply_adds += cell.multiply_adds(inputs[0], output)
            layer.missed = False
        elif isinstance(cell, (*CONVOLUTIONS, *DENSE, *TRANSPOSED)):
            # each value of the output (transposed: of the input) meets all weights of its channel
            values = inputs[0] if isinstance(cell, TRANSPOSED) else output
            layer.multiply_adds += values.size * (cell.weight.size // cell.weight.shape[0])
            layer.missed = False

    return observe


@contextlib.contextmanager
def _pynative():
    mode = ms.get_context('mode')
    ms.set_context(mode=ms.PYNATIVE_MODE)
    try:
        yield
    finally:
        ms.set_context(mode=mode)


def blocks(layers: Iterable[Layer], depth: int = 1) -> list[Layer]:
    """Sums up the layers of each block.

    Args:
        layers: of `count`.
        depth: how far down blocks are told apart, below backbone and head: 1 keeps Mixed_4b as one,
            2 its branches, 3 their convolutions and batch norms.

    Returns: list of Layer.
    """
    rows = {}
    for layer in layers:
        name = _block(layer.name, depth)
        # a block comes before what is in it
        rows.setdefault(name, Layer(name, layer.type, layer.shape)).add(layer)
    # what only holds other rows says nothing
    return [
        row
        for row in rows.values()
        if row.parameters
        or row.statistics
        or row.multiply_adds
        or not any(
            name.startswith(f'{row.name}.' if row.name else '') and name != row.name
            for name in rows
        )
    ]


def _block(name, depth):
    """Returns the block of a name: ('backbone.Mixed_4b.b0.bn', 1) -> 'backbone.Mixed_4b'."""
    inner = layer_name(name)
    return name[: len(name) - len(inner)] + '.'.join(inner.split('.')[:depth])


def total(layers: Sequence[Layer]) -> Layer:
    """Returns the sum of `layers` as a Layer."""
    whole = Layer('total', '')
    for layer in layers:
        whole.add(layer)
    return whole
