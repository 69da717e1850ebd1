"""Networks: layers, backbones, heads, losses and recognizers."""


def build_recognizer(cfg, seed=0):
    """Builds the recognizer that `cfg` (a config's `model`) describes, in evaluation mode.

    Args:
        seed (int): of its dropout layers, which get a random stream each.
    """
    from ..registry import RECOGNIZERS
    from .layers import Dropout

    recognizer = RECOGNIZERS.build(cfg)
    dropouts = [cell for _, cell in recognizer.cells_and_names() if isinstance(cell, Dropout)]
    for place, dropout in enumerate(dropouts):
        dropout.reseed(seed, place)
    # Said aloud: MindSpore caches a graph that was compiled before the mode was ever set.
    return recognizer.set_train(False)
