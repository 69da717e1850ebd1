"""Networks: layers, backbones, heads, losses and recognizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mindspore import nn


def build_recognizer(cfg: dict, seed: int = 0) -> nn.Cell:
    """Builds the recognizer that `cfg` (a config's `model`) describes, in evaluation mode.

    Args:
        seed: of its dropout layers, which get a random stream each.
    """
    from ..registry import RECOGNIZERS
    from .layers import Dropout

    recognizer = RECOGNIZERS.build(cfg)
    dropouts = [cell for _, cell in recognizer.cells_and_names() if isinstance(cell, Dropout)]
    for place, dropout in enumerate(dropouts):
        dropout.reseed(seed, place)
    # Said aloud: MindSpore caches a graph that was compiled before the mode was ever set.
    return recognizer.set_train(False)
