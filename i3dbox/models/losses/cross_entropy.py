"""Softmax cross-entropy."""

from mindspore import nn, ops

from ...registry import LOSSES


@LOSSES.register
class CrossEntropyLoss(nn.Cell):
    """Mean softmax cross-entropy of logits N x K and labels int32 N, in float32.

    Args:
        label_smoothing (float): share of each label that is spread evenly over all classes
            (Szegedy et al. 2016), in [0, 1).
    """

    def __init__(self, label_smoothing=0.0):
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ValueError(f'label_smoothing must be at least 0 and less than 1; got {label_smoothing}')
        self.label_smoothing = label_smoothing

    def construct(self, logits, label):
        return ops.cross_entropy(logits.float(), label, label_smoothing=self.label_smoothing)
