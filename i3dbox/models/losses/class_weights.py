"""How much each class counts in a loss."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence

import mindspore as ms
from mindspore import Tensor, nn, ops

from ...errors import ConfigError


class ClassWeights(nn.Cell):
    """Weighs terms of a loss by class, so that a batch of all ranks counts as one.

    Args:
        weights: one number from 0 a class; None: all count alike.

    Attributes:
        num_classes (int or None): how many there are.

    Inputs: terms of the loss and targets, float32 N x K each, where a row of targets tells to what
    classes the sample belongs.
    Outputs: sum(w * terms) / sum(w * targets), PyTorch's mean; on several ranks each is divided by
    the ranks' mean of the latter, so that their mean is that of all samples.

    Raises:
        ConfigError: weights that are none, or all 0.
    """

    def __init__(self, weights: Sequence[float] | None):
        super().__init__(auto_prefix=False)
        self.num_classes = None if weights is None else len(checked_weights(weights))
        self.weights = None if weights is None else Tensor(list(map(float, weights)), ms.float32)
        self.sum_over_ranks = ops.identity
        self.world = 1
        if weights is not None and ms.get_auto_parallel_context('parallel_mode') == 'data_parallel':
            self.world = ms.communication.get_group_size()
            self.sum_over_ranks = ops.AllReduce()

    def construct(self, terms: Tensor, targets: Tensor) -> Tensor:
        if self.weights is None:
            return terms.sum(-1).mean()
        whole = self.sum_over_ranks((self.weights * targets).sum()) / self.world
        # a batch of classes that count nothing has no gradient
        return (self.weights * terms).sum() / ops.maximum(ops.stop_gradient(whole), 1e-12)


def checked_weights(weights: Sequence[float]) -> Sequence[float]:
    """Returns weights of classes. Raises ConfigError for what are none, or all 0."""
    if not isinstance(weights, (list, tuple)) or not weights:
        raise ConfigError(f'class_weight is a list of one number a class; got {weights!r}')
    for weight in weights:
        number = isinstance(weight, numbers.Real) and not isinstance(weight, bool)
        if not number or not 0 <= weight < math.inf:
            raise ConfigError(f'class_weight: a number from 0 for each class; got {weight!r}')
    if not any(weights):
        raise ConfigError('class_weight: one class at least counts more than 0')
    return weights


def targets_of(label: Tensor, classes: int) -> Tensor:
    """Returns labels as float32 N x K: int32 N as ones and zeros, float N x K (soft) as they
    are.
    """
    if label.ndim == 2:
        return label.astype(ms.float32)
    return ops.one_hot(label, classes, Tensor(1, ms.float32), Tensor(0, ms.float32))
