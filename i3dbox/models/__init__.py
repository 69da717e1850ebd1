"""Networks: layers, backbones, heads, losses and recognizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mindspore import nn


def build_recognizer(cfg: dict, seed: int = 0) -> nn.Cell:
    """Builds the recognizer that `cfg` (a config's `model`) describes, in evaluation mode.

    Args:
        seed: of its dropout layers, each of which gets a random stream.
    """
    from ..registry import RECOGNIZERS
    from .layers import Dropout

    recognizer = RECOGNIZERS.build(cfg)
    dropouts = [cell for _, cell in recognizer.cells_and_names() if isinstance(cell, Dropout)]
    for layer, dropout in enumerate(dropouts):
        dropout.reseed(seed, layer)
    # Said aloud: MindSpore caches a graph that was compiled before the mode was ever set.
    return recognizer.set_train(False)
