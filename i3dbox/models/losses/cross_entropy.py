"""Softmax cross-entropy."""

from __future__ import annotations

from collections.abc import Sequence

from mindspore import Tensor, nn, ops

from ...registry import LOSSES
from .class_weights import ClassWeights, targets_of


@LOSSES.register
class CrossEntropyLoss(nn.Cell):
    """Mean softmax cross-entropy of logits N x K and labels int32 N, or soft ones float N x K, in
    float32.

    Args:
        label_smoothing (float): share of each label that is spread evenly over all classes
            (Szegedy et al. 2016), in [0, 1).
        class_weight (list of float): how much each class counts, as in PyTorch: the mean is
            weighted; default: all alike.

    Raises:
        ConfigError: weights that are none.
    """

    def __init__(self, label_smoothing: float = 0.0, class_weight: Sequence[float] | None = None):
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f'label_smoothing must be at least 0 and less than 1; got {label_smoothing}'
            )
        self.label_smoothing = label_smoothing
        self.weigh = ClassWeights(class_weight)
        self.num_classes = self.weigh.num_classes

    def construct(self, logits: Tensor, label: Tensor) -> Tensor:
        # Not ops.cross_entropy: its CPU kernel tries numbers of threads in its first calls, and its
        # result changes with them, so that a resumed run would differ in the last digit.
        classes = logits.shape[-1]
        targets = targets_of(label, classes)
        smooth = targets * (1 - self.label_smoothing) + self.label_smoothing / classes
        return self.weigh(-ops.log_softmax(logits.float(), -1) * smooth, targets)
