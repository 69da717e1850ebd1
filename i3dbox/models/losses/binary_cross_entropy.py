"""Sigmoid cross-entropy, for classes that are each there or not."""

from __future__ import annotations

from collections.abc import Sequence

import mindspore as ms
from mindspore import Tensor, nn, ops

from ...errors import ConfigError
from ...registry import LOSSES
from .class_weights import checked_weights, targets_of


@LOSSES.register
class BCEWithLogitsLoss(nn.Cell):
    """Mean over samples and classes of -(p y log s + (1 - y) log(1 - s)), s being the sigmoid of
    logits N x K and y labels float N x K from 0 to 1, or int32 N, in float32.

    Args:
        class_weight (list of float): what each class's term is multiplied by.
        pos_weight (list of float): p of each class, above 1 where the class is rare, as in PyTorch.

    Raises:
        ConfigError: weights that are none.
    """

    multi_class = True

    def __init__(
        self,
        class_weight: Sequence[float] | None = None,
        pos_weight: Sequence[float] | None = None,
    ):
        super().__init__()
        given = [len(checked_weights(w)) for w in (class_weight, pos_weight) if w is not None]
        if len(set(given)) > 1:
            raise ConfigError(
                f'BCEWithLogitsLoss: class_weight has {given[0]} numbers and pos_weight {given[1]}'
            )
        self.num_classes = given[0] if given else None
        self.class_weight = self._tensor(class_weight)
        self.pos_weight = self._tensor(pos_weight)

    def _tensor(self, weights):
        return Tensor([1.0] if weights is None else list(map(float, weights)), ms.float32)

    def construct(self, logits: Tensor, label: Tensor) -> Tensor:
        logits = logits.float()
        targets = targets_of(label, logits.shape[-1])
        highest = ops.stop_gradient(ops.relu(logits))  # no kink at 0
        absent = highest + ops.log(ops.exp(-highest) + ops.exp(logits - highest))  # -log(1 - s)
        present = absent - logits  # -log s
        terms = self.pos_weight * targets * present + (1 - targets) * absent
        return (self.class_weight * terms).mean()
