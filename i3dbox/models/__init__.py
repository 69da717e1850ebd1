"""Networks: layers, backbones, heads, losses and recognizers."""


def build_recognizer(cfg):
    """Builds the recognizer that `cfg` (a config's `model`) describes, in evaluation mode."""
    from ..registry import RECOGNIZERS
    # Said aloud: MindSpore caches a graph that was compiled before the mode was ever set.
    return RECOGNIZERS.build(cfg).set_train(False)
