"""Softmax cross-entropy."""

from __future__ import annotations

from mindspore import Tensor, nn, ops
from mindspore import dtype as mstype

from ...registry import LOSSES


@LOSSES.register
class CrossEntropyLoss(nn.Cell):
    """Mean softmax cross-entropy of logits N x K and labels int32 N, in float32.

    Args:
        label_smoothing (float): share of each label that is spread evenly over all classes
            (Szegedy et al. 2016), in [0, 1).
    """

    def __init__(self, label_smoothing: float = 0.0):
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f'label_smoothing must be at least 0 and less than 1; got {label_smoothing}'
            )
        self.label_smoothing = label_smoothing
        self.one = Tensor(1, mstype.float32)
        self.zero = Tensor(0, mstype.float32)

    def construct(self, logits: Tensor, label: Tensor) -> Tensor:
        # Not ops.cross_entropy: its CPU kernel tries numbers of threads in its first calls, and its
        # result changes with them, so that a resumed run would differ in the last digit.
        classes = logits.shape[-1]
        target = ops.one_hot(label, classes, self.one, self.zero) * (1 - self.label_smoothing)
        target += self.label_smoothing / classes
        return -(ops.log_softmax(logits.float(), -1) * target).sum(-1).mean()
