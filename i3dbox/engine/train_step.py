"""One training step as one graph."""

from __future__ import annotations

import mindspore as ms
from mindspore import Parameter, Tensor, nn, ops
from mindspore.amp import LossScaler, all_finite
from mindspore.ops.operations.math_ops import NPUClearFloatStatusV2

from ..ascend.settings import saturates
from .blend import Blend
from .weight_average import WeightAverage

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


def share_right(logits: Tensor, label: Tensor) -> Tensor:
    """Returns the mean over samples of the weight that the first of logits N x K has in its label:
    int32 N, or float32 N x K; float32.
    """
    first = logits.argmax(-1).astype(ms.int32)
    if label.ndim == 1:
        return (first == label).float().mean()
    return label.gather_elements(1, first.expand_dims(1)).mean()


class SinkMeans(nn.Cell):
    """Averages what a step tells over the steps of a data sink, which comes back to the host once.

    Args:
        steps: of a sink.

    Inputs: loss, accuracy, finite of a step.
    Outputs: means of loss and accuracy over those steps of the sink that were finite, so far, and
    the share of these, float32.
    """

    def __init__(self, steps: int):
        super().__init__(auto_prefix=False)
        self.steps = steps
        self.done = Parameter(Tensor(0, ms.int32), name='sink_done', requires_grad=False)
        self.sums = Parameter(ops.zeros(3, ms.float32), name='sink_sums', requires_grad=False)

    def construct(self, loss: Tensor, accuracy: Tensor, finite: Tensor) -> tuple[Tensor, ...]:
        counted = finite.astype(ms.float32)
        line = ops.stack((loss, accuracy, counted))
        line = ops.where(counted > 0, line, ops.zeros_like(line))  # an overflow's loss is NaN
        sums = ops.where(self.done > 0, self.sums + line, line)
        done = self.done + 1
        ops.assign(self.sums, sums)
        ops.assign(self.done, ops.where(done < self.steps, done, ops.zeros_like(done)))
        return sums[0] / sums[2], sums[1] / sums[2], sums[2] / done.astype(ms.float32)


class TrainStep(nn.Cell):
    """Forward, backward, all-reduce, unscaling, clipping and update.

    Args:
        recognizer: of RECOGNIZERS.
        loss: of LOSSES.
        optimizer: over the parameters that train.
        loss_scaler: for float16; a step whose gradients overflow changes nothing but the scale.
        clip_norm: the largest global norm of the gradient.
        accumulate: steps whose mean gradient makes one update.
        ema_momentum: of the WeightAverage; None: there is none.
        blends: whether the samples of a batch are blended.

    Inputs: the recognizer's inputs, then label int32 B, or float32 B x K where there are several,
    and `blending` of a BlendingLoader where samples are blended.
    Outputs: loss float32, top-1 accuracy float32, which of several labels is the share of first
    answers among them (both of the batch of all ranks), whether the step
    was finite bool; in a data sink what SinkMeans makes of them.
    """

    def __init__(
        self,
        recognizer: nn.Cell,
        loss: nn.Cell,
        optimizer: nn.Optimizer,
        loss_scaler: LossScaler | None = None,
        clip_norm: float | None = None,
        accumulate: int = 1,
        ema_momentum: float | None = None,
        blends: bool = False,
    ):
        super().__init__(auto_prefix=False)
        self.recognizer = recognizer
        self.inputs = (*recognizer.inputs, 'label', *['blending'] * blends)
        self.blend = Blend(recognizer.num_classes) if blends else None
        self.loss = loss
        self.optimizer = optimizer
        self.loss_scaler = loss_scaler
        self.clip_norm = clip_norm
        self.accumulate = accumulate
        weights = optimizer.parameters
        self.gradients = ops.value_and_grad(self.forward, None, weights, has_aux=True)
        self.reduce = self.sum_over_ranks = ops.identity
        self.means = None
        self.average = None if ema_momentum is None else WeightAverage(weights, ema_momentum)
        self.clears_status = loss_scaler is not None and saturates()
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

    def average_over(self, steps: int) -> None:
        """Averages outputs over the steps of a data sink. Takes effect before the first call."""
        self.means = SinkMeans(steps) if steps > 1 else None

    def forward(self, *batch) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the loss, scaled for the backward pass, with the loss itself and the logits."""
        logits = self.recognizer(*batch[:-1])
        loss = self.loss(logits, batch[-1])
        scaled = loss if self.loss_scaler is None else self.loss_scaler.scale(loss)
        return scaled, loss, logits

    def construct(self, *batch) -> tuple[Tensor, Tensor, Tensor]:
        if self.clears_status:  # else what ran between two steps could have left an overflow
            status = NPUClearFloatStatusV2()(ops.zeros(8, ms.int32))
            batch = ops.depend(batch, status)
        if self.blend is not None:
            clips, label = self.blend(batch[:-2], batch[-2], batch[-1])
            batch = (*clips, label)
        (_, loss, logits), gradients = self.gradients(*batch)
        gradients = self.reduce(gradients)
        finite = Tensor(True)
        if self.loss_scaler is not None:
            gradients = self.loss_scaler.unscale(gradients)
            finite = all_finite(gradients)
            if self.world > 1:  # the first Ascend 910 tells it by a register of each chip's own
                finite = self.sum_over_ranks(finite.astype(ms.float32)) >= self.world
            self.loss_scaler.adjust(finite)
            if finite:
                self.update(gradients)
        else:
            self.update(gradients)
        accuracy = share_right(logits, batch[-1])
        loss, accuracy = self.sum_over_ranks(ops.stack((loss, accuracy))) / self.world
        if self.means is None:
            return loss, accuracy, finite
        return self.means(loss, accuracy, finite)

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
        done = self.optimizer(gradients)
        if self.average is not None:
            done = ops.depend(done, self.average())
        return done
