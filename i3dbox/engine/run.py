"""The state of a training run, as hooks see it."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import mindspore as ms
import numpy as np
from mindspore import Parameter, nn, ops

from ..errors import CheckpointError, DataError, DivergedError
from ..fileio import atomic_write
from ..weights.checkpoint import load_checkpoint, save_checkpoint
from . import distributed
from .logging import JsonLines

if TYPE_CHECKING:
    from ..datasets.loader import ClipLoader
    from .train_step import TrainStep

LAST_CHECKPOINT = 'last_checkpoint'  # a file that names the newest checkpoint of a work_dir
# In the memory of a checkpoint that was saved before its evaluation: `outputs` of the last step,
# how many `steps` it was, and which `hook` evaluated in which `event`.
UNEVALUATED = 'unevaluated'


@dataclasses.dataclass(eq=False, repr=False)
class Run:
    """What hooks may read, and the three things that they may ask for: evaluate, save, stop.

    Attributes:
        step (int): steps done, resumed ones included.
        epoch (int): epochs completed.
        steps_per_epoch, total_steps, start_step (int).
        outputs (tuple of Tensor): loss, accuracy, finite of the last step, or of the last data
            sink: see train_step.SinkMeans.
        metrics (dict of str -> float): of the last evaluation; `evaluated_at` is its step;
            `metric_names` are the names that there will be, none if nothing is evaluated.
        memory (dict): what hooks want to find again after a restart; JSON values; saved in
            checkpoints.
        data_time, step_time (float): seconds spent waiting for data, and in steps (the waiting
            included, hooks not), since the run began or was resumed.
        rank, world (int); work_dir (str); logger.
        json_log (JsonLines): None on other ranks than 0.
        recognizer, train_step (Cell); loader (ClipLoader).
        rates (list of float): the learning rate of each step.
        evaluator (callable): returns new `metrics`; None if nothing is evaluated.
        meta (dict): of checkpoints, without what changes from one to the next.
        before_evaluation (list of callable): take the run, and keep what would be lost with it.
        begun (list of Hook): that know of the run already.
        told (tuple of str): the hook that is told something, and what.
        steps_a_call (int): how many steps hooks are told of at once, in data sink.
    """

    recognizer: nn.Cell
    train_step: TrainStep
    loader: ClipLoader
    rates: list[float]
    steps_per_epoch: int
    total_steps: int
    start_step: int
    work_dir: str
    logger: logging.Logger
    rank: int
    world: int
    evaluator: Callable[[], dict[str, float]] | None
    metric_names: Sequence[str]
    meta: dict
    memory: dict

    def __post_init__(self):
        self.step = self.start_step
        self.outputs = ()
        self.metrics = {}
        self.evaluated_at = None
        self.json_log = (
            JsonLines(os.path.join(self.work_dir, 'log.json')) if self.rank == 0 else None
        )
        self.data_time = self.step_time = 0.0
        self.before_evaluation = []
        self.begun = []
        self.told = ('', '')
        self.steps_a_call = 1

    @property
    def epoch(self) -> int:
        return self.step // self.steps_per_epoch

    @property
    def at_epoch_end(self) -> bool:
        return self.step % self.steps_per_epoch == 0 or self.step == self.total_steps

    @property
    def is_done(self) -> bool:
        return self.step >= self.total_steps or 'stopped' in self.memory

    @property
    def stop_reason(self) -> str | None:
        """Why a hook asked for its end, if one did."""
        return self.memory.get('stopped')

    @property
    def known_step(self) -> int:
        """The last step that all hooks were told of, at the beginning of a run."""
        return self.step - self.memory.get(UNEVALUATED, {}).get('steps', 0)

    @property
    def lr(self) -> float:
        """The learning rate of the last step."""
        return self.rates[max(self.step - 1, 0)]

    def evaluate(self) -> dict[str, float]:
        """Evaluates on the validation set (all ranks together); fills and returns `metrics`."""
        average_statistics(self.recognizer)
        self.metrics = {}
        hook, event = self.told
        self.memory[UNEVALUATED] = dict(
            outputs=[float(output.asnumpy()) for output in self.outputs],
            steps=self.steps_a_call,
            hook=hook,
            event=event,
        )
        for keep in self.before_evaluation:
            keep(self)
        del self.memory[UNEVALUATED]
        with self.averaged():
            self.metrics = self.evaluator()
        self.evaluated_at = self.step
        return self.metrics

    def save(self, name: str, last: bool = True) -> str:
        """Writes <work_dir>/<name>.ckpt with the whole training state; returns its path. Where
        weights are averaged, those of the checkpoint are the averages.

        All ranks call it, rank 0 writes. Raises DivergedError rather than save weights that are not
        finite.
        """
        average_statistics(self.recognizer)
        path = os.path.join(self.work_dir, f'{name}.ckpt')
        for parameter in self.recognizer.get_parameters():
            if not np.isfinite(parameter.asnumpy()).all():
                raise DivergedError(
                    f'training has diverged: {parameter.name} is not finite at step {self.step}. '
                    f'Lower the learning rate or set clip_grad_norm; {self.work_dir} keeps the '
                    'checkpoints from before'
                )
        if self.rank == 0:
            if not os.path.isdir(self.work_dir):
                raise DataError(f'{self.work_dir} was removed while a training works in it')
            meta = dict(
                self.meta,
                step=self.step,
                epoch=self.epoch,
                memory=self.memory,
                metrics=self.metrics,
            )
            with self.averaged():
                save_checkpoint(path, self.recognizer, training_state(self.train_step), meta)
            if last:
                atomic_write(
                    os.path.join(self.work_dir, LAST_CHECKPOINT), os.path.basename(path) + '\n'
                )
        return path

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Lets the recognizer have the averages of its weights, where there are any."""
        average = getattr(self.train_step, 'average', None)
        if average is None:
            yield
            return
        average.swap()
        try:
            yield
        finally:
            average.swap()

    def log(self, text: str, **values) -> None:
        """Writes one line for people, one JSON object for machines."""
        if self.rank == 0:
            self.logger.info(text)
            self.json_log.write(step=self.step, **values)

    def stop(self, reason: str) -> None:
        """Ends the run after this step. With several ranks, all must call it at the same step."""
        self.memory['stopped'] = reason


def training_state(train_step: TrainStep) -> list[Parameter]:
    """Returns the parameters of a TrainStep that are not its recognizer's: optimizer, loss scale,
    accumulation, average of the weights.

    The table of learning rates follows from the config, and a sink's means begin with each sink.
    """
    own = {id(p) for p in train_step.recognizer.get_parameters()}
    return [
        p
        for p in train_step.get_parameters()
        if id(p) not in own and not p.name.startswith(('learning_rate', 'sink_'))
    ]


class Saved(NamedTuple):
    """What a checkpoint holds."""

    parameters: dict
    state: dict
    meta: dict


def load_to_resume(path: str, meta: dict) -> Saved:
    """Returns what a checkpoint holds.

    Args:
        meta: of the run that is to go on.

    Raises: CheckpointError where it is none of this run's.
    """
    saved = Saved(*load_checkpoint(path))
    there = saved.meta
    if 'step' not in there:
        raise CheckpointError(
            f'cannot resume from {path}: it holds weights only. To start a new run from them, '
            'use --load-from.'
        )
    if there.get('classes') != meta['classes']:
        raise CheckpointError(
            f'cannot resume from {path}: its classes are not those of the data set, or in another '
            'order. To start a new run from its weights, use --load-from.'
        )
    for key in ('seed', 'global_batch', 'steps_per_epoch', 'modality'):
        if there.get(key) != meta[key]:
            raise CheckpointError(
                f'cannot resume from {path}: its {key} was {there.get(key)}, the config gives '
                f'{meta[key]}. To start a new run from its weights, use --load-from.'
            )
    return saved


def average_statistics(recognizer: nn.Cell) -> None:
    """Gives all ranks the mean of their batch norms' moving statistics, which each takes from its
    own batches: so that what is validated, saved and resumed is one model (collective).
    """
    if distributed.world_size() == 1:
        return
    statistics = [
        p for p in recognizer.get_parameters() if p.name.rpartition('.')[2].startswith('moving_')
    ]
    if not statistics:
        return
    flat = np.concatenate([p.asnumpy().ravel() for p in statistics])
    mean = distributed.all_gather(flat).mean(0, dtype=np.float64).astype(flat.dtype)
    for parameter, values in zip(
        statistics, np.split(mean, np.cumsum([p.size for p in statistics])[:-1])
    ):
        # on the device, where compiled graphs know it
        ops.assign(parameter, ms.Tensor(values.reshape(parameter.shape)))


def last_checkpoint(work_dir: str) -> str | None:
    """Returns the newest checkpoint of a run, or None if there is none yet.

    Raises: CheckpointError where the work_dir names one that is not there.
    """
    pointer = os.path.join(work_dir, LAST_CHECKPOINT)
    if not os.path.exists(pointer):
        return None
    with open(pointer, encoding='utf-8', errors='replace') as file:
        name = file.read().strip()
    path = os.path.join(work_dir, name)
    if os.path.basename(name) != name or not os.path.isfile(path):
        raise CheckpointError(
            f'{pointer} names the checkpoint {name!r}, which is not there. Name another with '
            '--resume CKPT, or remove the file to start anew'
        )
    return path
