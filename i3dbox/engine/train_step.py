"""One training step as one graph."""

from __future__ import annotations

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops
from mindspore.amp import LossScaler, all_finite

_add = ops.MultitypeFuncGraph('accumulate_add')
_scale = ops.MultitypeFuncGraph('accumulate_scale')
_clear = ops.MultitypeFuncGraph('accumulate_clear')


@_add.register('Tensor', 'Tensor')
def _add_gradient(total, gradient):
    return ops.assign_add(total, gradient)


@_scale.register('Tensor', 'Tensor')
def _scale_gradient(factor, total):
    return total * factor


@_clear.register('Tensor')
def _clear_gradient(total):
    return ops.assign(total, ops.zeros_like(total))


class TrainStep(nn.Cell):
    """Forward, backward, all-reduce, unscaling, clipping and update.

    Args:
        recognizer: of RECOGNIZERS.
        loss: of LOSSES.
        optimizer: over the parameters that train.
        loss_scaler: for float16; a step whose gradients overflow changes nothing but the scale.
        clip_norm: the largest global norm of the gradient.
        accumulate: steps whose mean gradient makes one update.

    Inputs: the recognizer's inputs, then label int32 B.
    Outputs: loss float32, top-1 accuracy float32 (both of the batch of all ranks), whether the step
    was finite bool.
    """

    def __init__(
        self,
        recognizer: nn.Cell,
        loss: nn.Cell,
        optimizer: nn.Optimizer,
        loss_scaler: LossScaler | None = None,
        clip_norm: float | None = None,
        accumulate: int = 1,
    ):
        super().__init__(auto_prefix=False)
        self.recognizer = recognizer
        self.loss = loss
        self.optimizer = optimizer
        self.loss_scaler = loss_scaler
        self.clip_norm = clip_norm
        self.accumulate = accumulate
        weights = optimizer.parameters
        self.gradients = ops.value_and_grad(self.forward, None, weights, has_aux=True)
        self.reduce = self.sum_over_ranks = ops.identity
        self.world = 1
        if ms.get_auto_parallel_context('parallel_mode') == 'data_parallel':
            self.world = ms.communication.get_group_size()
            self.reduce = nn.DistributedGradReducer(weights, mean=True, degree=self.world)
            self.sum_over_ranks = ops.AllReduce()
        if loss_scaler is not None:  # named, so that checkpoints carry them
            loss_scaler.scale_value.name = 'loss_scale'
            loss_scaler.counter.name = 'loss_scale_counter'
            self.scale_value = loss_scaler.scale_value
            self.scale_counter = loss_scaler.counter
        if accumulate > 1:
            self.map_ = ops.HyperMap()
            self.share = Tensor(1 / accumulate, ms.float32)
            self.totals = weights.clone(prefix='accumulated', init='zeros')
            self.accumulated = Parameter(
                Tensor(0, ms.int32), name='accumulated_steps', requires_grad=False
            )

    def forward(self, *batch) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the loss, scaled for the backward pass, with the loss itself and the logits."""
        logits = self.recognizer(*batch[:-1])
        loss = self.loss(logits, batch[-1])
        scaled = loss if self.loss_scaler is None else self.loss_scaler.scale(loss)
        return scaled, loss, logits

    def construct(self, *batch) -> tuple[Tensor, Tensor, Tensor]:
        (_, loss, logits), gradients = self.gradients(*batch)
        gradients = self.reduce(gradients)
        finite = Tensor(True)
        if self.loss_scaler is not None:
            gradients = self.loss_scaler.unscale(gradients)
            finite = all_finite(gradients)
            self.loss_scaler.adjust(finite)
            if finite:
                self.update(gradients)
        else:
            self.update(gradients)
        accuracy = (logits.argmax(-1).astype(ms.int32) == batch[-1]).float().mean()
        loss, accuracy = self.sum_over_ranks(ops.stack((loss, accuracy))) / self.world
        return loss, accuracy, finite

    def update(self, gradients: tuple[Tensor, ...]) -> bool | Tensor:
        """Applies the gradients, or adds them up until there are enough."""
        if self.accumulate == 1:
            return self.apply(gradients)
        self.map_(_add, self.totals, gradients)
        ops.assign_add(self.accumulated, Tensor(1, ms.int32))
        if self.accumulated >= self.accumulate:
            self.apply(self.map_(ops.partial(_scale, self.share), self.totals))
            self.map_(_clear, self.totals)
            ops.assign(self.accumulated, Tensor(0, ms.int32))
        return True

    def apply(self, gradients: tuple[Tensor, ...]) -> bool | Tensor:
        """Clips and updates."""
        if self.clip_norm is not None:
            gradients = ops.clip_by_global_norm(gradients, self.clip_norm)
        return self.optimizer(gradients)
