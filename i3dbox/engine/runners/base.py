"""What all runners share: the device, the ranks, and the training loop on mindspore.train.Model."""

from __future__ import annotations

import dataclasses
import math
import random
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import mindspore as ms
import numpy as np
from mindspore import nn
from mindspore.amp import LossScaler
from mindspore.train import Callback, Model

from ...argument_checks import at_least, in_range, one_of
from ...datasets.loader import as_mindspore_dataset
from ...errors import DeviceError, first_line
from ...fileio import keep_dumps_in_cache
from ...interrupts import interruptible
from .. import distributed
from ..mixed_precision import LEVELS, mixed_precision

if TYPE_CHECKING:
    from ..run import Run


@dataclasses.dataclass(eq=False)
class BaseRunner:
    """Runs training and testing on one kind of device. A subclass states `device_target`.

    Args:
        amp_level (str): MindSpore's mixed precision, 'O0' (float32) to 'O3' (float16).
        loss_scale (None, float or 'dynamic'): float16 gradients need one.
        sink_size (int): most steps that the device runs without coming back to the host, where it
            has a data sink; the largest number up to it that divides an epoch is taken. 0 comes
            back after each step, -1 means an epoch. Hooks are called, and checkpoints written,
            between sinks.
        device_id (int): which device; default: DEVICE_ID of the environment, or 0.
    """

    device_target = None

    amp_level: str = 'O0'
    loss_scale: float | str | None = None
    sink_size: int = 0
    device_id: int | None = None

    def __post_init__(self):
        name = type(self).__name__
        one_of(name, LEVELS, amp_level=self.amp_level)
        if self.loss_scale not in (None, 'dynamic'):
            in_range(name, 1, 2**31, loss_scale=self.loss_scale)
        at_least(name, -1, sink_size=self.sink_size)
        if self.device_id is not None:
            at_least(name, 0, device_id=self.device_id)

    def setup(self, seed: int) -> None:
        """Takes the device, joins the other ranks and seeds everything. Call it before building a
        model.
        """
        keep_dumps_in_cache()
        ms.set_context(mode=ms.GRAPH_MODE)
        try:
            self.set_device()
            distributed.init_distributed()
        except (RuntimeError, ValueError) as error:
            which = '' if self.device_id is None else f' {self.device_id}'
            raise DeviceError(
                f'device {self.device_target}{which} cannot be used: {first_line(error)}'
            ) from error
        ms.set_seed(seed)
        random.seed(seed)
        np.random.seed(seed)

    def set_device(self) -> None:
        """Chooses the device. MindSpore lets it be chosen only before anything has run; what is
        chosen stays.
        """
        device = distributed.device_of_rank() if self.device_id is None else self.device_id
        which = () if device is None else (device,)
        try:
            ms.set_device(self.device_target, *which)
        except RuntimeError:
            chosen = ms.get_context('device_target'), ms.get_context('device_id')
            if chosen[: 1 + len(which)] != (self.device_target, *which):
                raise

    def mixed_precision(self, recognizer: nn.Cell) -> None:
        """Applies `amp_level` to the recognizer's networks; inputs and logits stay as they are."""
        for stream in recognizer.streams.values():
            mixed_precision(stream.backbone, self.amp_level)
            mixed_precision(stream.head, self.amp_level)

    def loss_scaler(self) -> LossScaler | None:
        """Returns the mindspore.amp.LossScaler that `loss_scale` asks for, or None."""
        if self.loss_scale is None:
            return None
        if self.loss_scale == 'dynamic':
            return ms.amp.DynamicLossScaler(2**16, scale_factor=2, scale_window=2000)
        return ms.amp.DynamicLossScaler(self.loss_scale, scale_factor=1, scale_window=1)

    def steps_of_a_sink(self, run: Run, steps: int) -> int:
        """Returns how many steps a sink takes: as many as `sink_size` allows of the divisors of an
        epoch and of the steps that are left; 0 for no sink.
        """
        most = run.steps_per_epoch if self.sink_size == -1 else self.sink_size
        common = math.gcd(run.steps_per_epoch, steps)
        return max((size for size in range(1, most + 1) if common % size == 0), default=0)

    def fit(self, run: Run, hooks: Iterable[Callback]) -> None:
        """Trains from `run.step` to the end.

        Args:
            run: the state of the run.
            hooks: in the order in which they are to be called.

        Raises: whatever the loader or a hook raised.
        """
        steps = run.total_steps - run.start_step
        dataset = as_mindspore_dataset(run.loader, run.train_step.inputs)
        sink = self.steps_of_a_sink(run, steps)
        run.steps_a_call = sink or 1
        run.train_step.average_over(sink)
        if sink:
            run.logger.info('data sink of %d steps', sink)
        callbacks = [_Steps(run), *hooks, _Stop()]
        run.train_step.set_train(True)
        run.logger.info('compiling the training step; the first one takes longer for it')
        try:
            with interruptible():
                Model(run.train_step).train(
                    steps // sink if sink else 1,
                    dataset,
                    callbacks,
                    dataset_sink_mode=bool(sink),
                    sink_size=sink or -1,
                )
        except RuntimeError:
            if run.loader.error is not None:
                raise run.loader.error from None
            raise
        if run.stop_reason:
            run.logger.info('stopped: %s', run.stop_reason)


class _Steps(Callback):
    """The first callback: counts steps, takes their time and hands the run to the hooks."""

    def __init__(self, run):
        super().__init__()
        self.run = run

    def on_train_begin(self, run_context):
        run_context.original_args().run = self.run
        self.run.ready = time.perf_counter()

    def on_train_step_begin(self, run_context):
        self.run.data_time += time.perf_counter() - self.run.ready

    def on_train_step_end(self, run_context):
        self.run.step_time += time.perf_counter() - self.run.ready
        self.run.step += self.run.steps_a_call
        self.run.outputs = run_context.original_args().net_outputs


class _Stop(Callback):
    """The last callback: ends the run if a hook asked for it. What hooks take is not the next
    step's time.
    """

    def on_train_step_end(self, run_context):
        run = run_context.original_args().run
        if run.stop_reason:
            run_context.request_stop()
        run.ready = time.perf_counter()
