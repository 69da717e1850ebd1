"""Networks: layers, backbones, heads, losses and recognizers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mindspore import nn


def build_recognizer(cfg: dict, seed: int = 0, initialize: bool = True) -> nn.Cell:
    """Builds the recognizer that `cfg` (a config's `model`) describes, in evaluation mode.

    Args:
        seed: of its dropout layers, each of which gets a random stream.
        initialize: gives parameters their values now, which takes most of the time. Else those that
            load_weights gives none get theirs there, and any when it is first looked at.
    """
    from mindspore import nn

    from ..registry import RECOGNIZERS
    from .layers import Dropout

    with contextlib.nullcontext() if initialize else nn.no_init_parameters():
        recognizer = RECOGNIZERS.build(cfg)
    dropouts = [cell for _, cell in recognizer.cells_and_names() if isinstance(cell, Dropout)]
    for layer, dropout in enumerate(dropouts):
        dropout.reseed(seed, layer)
    # Said aloud: MindSpore caches a graph that was compiled before the mode was ever set.
    return recognizer.set_train(False)
