"""A moving average of the weights, which is what is validated and kept."""

from __future__ import annotations

import mindspore as ms
from mindspore import Parameter, ParameterTuple, Tensor, nn, ops

_move = ops.MultitypeFuncGraph('move_average')


@_move.register('Tensor', 'Tensor', 'Tensor')
def _move_average(share, average, weight):
    return ops.assign_add(average, share * (weight - average))


class WeightAverage(nn.Cell):
    """Averages weights over the updates of a run: average += share * (weight - average).

    The share is `momentum`, and at first 9 / (10 + updates), so that the weights of the beginning
    are soon forgotten (the schedule of tf.train.ExponentialMovingAverage). Statistics of batch norm
    are moving averages already.

    Args:
        weights: that train.
        momentum: the share of the newest, as mmengine's EMAHook has it.

    Call it after each update.
    """

    def __init__(self, weights: ParameterTuple, momentum: float):
        super().__init__(auto_prefix=False)
        self.momentum = momentum
        self.weights = weights
        self.averages = weights.clone(prefix='average', init='same')
        self.updates = Parameter(Tensor(0, ms.int32), name='average_updates', requires_grad=False)
        self.map_ = ops.HyperMap()

    def construct(self) -> bool | Tensor:
        updates = self.updates.astype(ms.float32)
        share = ops.maximum(9 / (10 + updates), self.momentum)
        moved = self.map_(ops.partial(_move, share), self.averages, self.weights)
        ops.assign_add(self.updates, Tensor(1, ms.int32))
        return moved

    def swap(self) -> None:
        """Exchanges weights and averages, on the device, where compiled graphs know them."""
        for average, weight in zip(self.averages, self.weights):
            kept = Tensor(average.asnumpy())
            ops.assign(average, weight)
            ops.assign(weight, kept)
