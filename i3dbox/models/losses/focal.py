"""Focal loss."""

from __future__ import annotations

from collections.abc import Sequence

from mindspore import Tensor, nn, ops

from ...argument_checks import in_range
from ...registry import LOSSES
from .class_weights import ClassWeights, targets_of


@LOSSES.register
class FocalLoss(nn.Cell):
    """Mean of -(1 - p)^gamma log p, p being the softmax of the right class, of logits N x K and
    labels int32 N, or soft ones float N x K: what is known counts little (Lin et al. 2017, for
    classes that exclude each other).

    Args:
        gamma (float): how little; 0 is the cross-entropy.
        class_weight (list of float): of CrossEntropyLoss; the paper's alpha.

    Raises:
        ConfigError: an argument out of range.
    """

    def __init__(self, gamma: float = 2.0, class_weight: Sequence[float] | None = None):
        super().__init__()
        in_range('FocalLoss', 0, 100, gamma=gamma)
        self.gamma = gamma
        self.weigh = ClassWeights(class_weight)
        self.num_classes = self.weigh.num_classes

    def construct(self, logits: Tensor, label: Tensor) -> Tensor:
        targets = targets_of(label, logits.shape[-1])
        logs = ops.log_softmax(logits.float(), -1)
        # above 0, or the power has no gradient where gamma is below 1
        doubt = ops.maximum(1 - ops.exp(logs), 1e-12) ** self.gamma
        return self.weigh(-logs * doubt * targets, targets)
