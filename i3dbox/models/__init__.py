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
        initialize: gives parameters their values now, which takes most of the time. Else, where all
            parts are of the package, those that load_weights gives none get theirs there, and any
            when it is first looked at.
    """
    from mindspore import nn

    from ..registry import RECOGNIZERS
    from .layers import Dropout

    later = not initialize and _has_no_own_part(cfg, RECOGNIZERS)
    with nn.no_init_parameters() if later else contextlib.nullcontext():
        recognizer = RECOGNIZERS.build(cfg)
    dropouts = [cell for _, cell in recognizer.cells_and_names() if isinstance(cell, Dropout)]
    for layer, dropout in enumerate(dropouts):
        dropout.reseed(seed, layer)
    # Said aloud: MindSpore caches a graph that was compiled before the mode was ever set.
    return recognizer.set_train(False)


def _has_no_own_part(cfg, registry):
    """Whether a recognizer has no part of somebody's own, which may compute with its parameters
    while it is built, or hold some that it does not tell.
    """
    from ..registry import BACKBONES, HEADS, RECOGNIZERS, is_of_the_package

    if not isinstance(cfg, dict) or 'type' not in cfg:
        return False
    kinds = dict(backbone=BACKBONES, head=HEADS, rgb=RECOGNIZERS, flow=RECOGNIZERS)
    return is_of_the_package(registry.get(cfg['type'])) and all(
        _has_no_own_part(cfg[key], kinds[key]) for key in kinds.keys() & cfg.keys()
    )
