"""How fast loaders and networks are, and where the time goes."""

from __future__ import annotations

import contextlib
import itertools
import math
import statistics
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from mindspore import Tensor, nn
from tqdm import tqdm

from ..apis.train import build_train_step
from ..datasets.base import BaseDataset
from ..datasets.loader import ClipLoader
from ..engine.blend import rows_of
from ..engine.blendings import Mixture
from ..workers import one_opencv_thread

if TYPE_CHECKING:
    from ..config import Config
    from ..datasets.sampler import EpochSampler
    from ..engine.runners.base import BaseRunner
    from ..engine.train_step import TrainStep

try:
    import resource
except ImportError:  # not a POSIX system
    resource = None


# Loading


class LoaderSpeed(NamedTuple):
    """What a loader gave in a time. `streams`: for each input of the recognizer a dict of clips,
    frames and bytes.
    """

    seconds: float
    samples: int
    streams: dict


def loader_speed(
    dataset: BaseDataset,
    stream: EpochSampler,
    batches: int,
    first_step: int = 0,
    num_workers: int = 0,
    worker: str = 'thread',
    damaged: list | None = None,
) -> tuple[LoaderSpeed, int]:
    """Measures a loader over some batches, after a warm-up.

    Args:
        dataset, stream, num_workers, worker: of ClipLoader; `stream` is endless (EpochSampler).
        batches: how many are measured.
        first_step: where in the stream the warm-up starts.
        damaged: gets the DamageReports.

    Returns: LoaderSpeed, and the step of the stream after the last one that was asked for.
    Raises: whatever loading raises.
    """
    # until all workers have started and have loaded something; at least two batches
    warm_up = max(2, math.ceil(2 * num_workers / stream.batch_size))
    # the loader must not run dry at the end, or the last batches would be waiting for nobody
    steps = warm_up + batches + 2
    loader = ClipLoader(dataset, stream, 0, num_workers, worker, first_step, steps, prefetch=2)
    samples = 0
    streams = {name: dict(clips=0, frames=0, bytes=0) for name in dataset.inputs}
    threads = cv2.getNumThreads()  # thread workers set it for the whole process
    with contextlib.closing(iter(loader)) as iterator:
        for _ in range(warm_up):
            next(iterator)
        start = time.perf_counter()
        for batch in tqdm(
            itertools.islice(iterator, batches),
            f'{num_workers} workers',
            batches,
            unit='batch',
            leave=False,
            disable=None,
        ):
            # a row in the place of a sample left out is a copy
            loaded = int((batch['index'] >= 0).sum())
            samples += loaded
            for name, sums in streams.items():
                clips, frames = batch[name].shape[1:3]
                sums['clips'] += loaded * clips
                sums['frames'] += loaded * clips * frames
                sums['bytes'] += loaded * batch[name][0].nbytes
        seconds = time.perf_counter() - start
    cv2.setNumThreads(threads)
    if damaged is not None:
        damaged += loader.damaged
    return LoaderSpeed(seconds, samples, streams), first_step + steps


class StepTime(NamedTuple):
    """Time that a pipeline step took: the input it worked for ('' where it is not one alone), its
    name, and seconds per sample.
    """

    stream: str
    step: str
    seconds: float


def step_times(
    dataset: BaseDataset,
    stream: EpochSampler,
    batches: int,
    first_step: int = 0,
    damaged: list | None = None,
) -> list[StepTime]:
    """Measures where the time of one thread goes, after a warm-up of one batch.

    Args: as of `loader_speed`.

    Returns: list of StepTime: every step of the pipeline, or of each stream's, in their order; then
    what `get` does outside of them, and the building of the batch.
    """
    loader = ClipLoader(dataset, stream, 0, 0, start_step=first_step, num_steps=1 + batches)
    threads = cv2.getNumThreads()
    one_opencv_thread()
    with _timers(dataset) as (get, steps):
        iterator = iter(loader)
        next(iterator)
        for timer in (get, *steps):
            timer.seconds = 0
        samples = 0
        start = time.perf_counter()
        for batch in tqdm(iterator, 'one thread', batches, unit='batch', leave=False, disable=None):
            samples += int((batch['index'] >= 0).sum())
        seconds = time.perf_counter() - start
    cv2.setNumThreads(threads)
    if damaged is not None:
        damaged += loader.damaged
    rows = [(timer.stream, timer.name, timer.seconds) for timer in steps]
    rows += [
        ('', 'the rest of loading', get.seconds - sum(timer.seconds for timer in steps)),
        ('', 'building the batch', seconds - get.seconds),
    ]
    return [StepTime(name, step, taken / max(samples, 1)) for name, step, taken in rows]


class _Timer:
    """Calls a function, and adds up how long it takes."""

    def __init__(self, function, stream=''):
        self.function = function
        self.stream = stream
        self.seconds = 0.0
        self.name = getattr(function, '__name__', type(function).__name__)
        self.needs = getattr(function, 'needs', ())

    def __call__(self, *args):
        start = time.perf_counter()
        try:
            return self.function(*args)
        finally:
            self.seconds += time.perf_counter() - start


@contextlib.contextmanager
def _timers(dataset):
    """Puts timers around `dataset.get` and the steps of its pipelines, for the time of the block.
    Yields them.
    """
    parts = {name: getattr(dataset, name, None) for name in dataset.inputs}
    parts = {name: part for name, part in parts.items() if isinstance(part, BaseDataset)} or {
        '': dataset
    }
    before = {name: part.pipeline.steps for name, part in parts.items()}
    for name, part in parts.items():
        part.pipeline.steps = [_Timer(step, name) for step in part.pipeline.steps]
    dataset.get = get = _Timer(dataset.get)
    try:
        yield get, [timer for part in parts.values() for timer in part.pipeline.steps]
    finally:
        del dataset.get  # the method is the class's
        for name, part in parts.items():
            part.pipeline.steps = before[name]


# Networks

UNMEASURED = 2  # calls: the one that compiles, and another as kernels try out how to work best


class CallTimes(NamedTuple):
    """Seconds of the first call, which compiles, and of later ones; and the process's peak memory
    in bytes after them (None where the system does not tell).
    """

    first: float
    later: list[float]
    peak_memory: int | None

    @property
    def median(self) -> float:
        return statistics.median(self.later)

    @property
    def compile(self) -> float:
        return max(self.first - self.median, 0.0)


def forward_times(recognizer: nn.Cell, clips: Sequence[np.ndarray], repeat: int) -> CallTimes:
    """Measures a recognizer on `clips` (arrays), in evaluation. Returns CallTimes."""
    recognizer.set_train(False)
    tensors = [Tensor(clip) for clip in clips]
    return _call_times(lambda: recognizer(*tensors).asnumpy(), repeat, 'forward')


def build_step(cfg: Config, recognizer: nn.Cell, runner: BaseRunner, calls: int) -> TrainStep:
    """Builds the training step that `cfg` describes, for `calls` calls, after freezing and mixed
    precision.
    """
    # how long an epoch is only matters to the rates, which must last for all calls
    return build_train_step(
        cfg, recognizer, runner, steps_per_epoch=math.ceil((calls + 1) / cfg.total_epochs)
    )[0]


def train_step_times(train_step: TrainStep, clips: Sequence[np.ndarray], repeat: int) -> CallTimes:
    """Measures a training step on `clips` and random labels. Returns CallTimes."""
    train_step.set_train(True)
    labels = (
        np.random.default_rng(0)
        .integers(0, train_step.recognizer.num_classes, len(clips[0]))
        .astype(np.int32)
    )
    draws = [rows_of(Mixture(0.5), range(len(labels)), *clips[0].shape[3:5])]
    arrays = (*clips, labels, *draws * (train_step.blend is not None))
    tensors = [Tensor(array) for array in arrays]
    return _call_times(lambda: train_step(*tensors)[0].asnumpy(), repeat, 'training step')


def _call_times(call, repeat, title):
    seconds = []
    for _ in tqdm(range(UNMEASURED + repeat), title, leave=False, disable=None):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return CallTimes(seconds[0], seconds[UNMEASURED:], peak_memory())


def peak_memory() -> int | None:
    """Returns the largest resident set that this process has had, in bytes; None where the system
    does not tell.
    """
    if resource is None:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == 'darwin' else 1024
    )
