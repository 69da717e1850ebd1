"""Batches out of a data set and a sampler, loaded ahead by workers, in order.

loader = ClipLoader(dataset, EpochSampler(len(dataset), batch_size=8, seed=0), num_workers=4)
for batch in loader: ...                     # dicts of arrays
model.train(1, as_mindspore_dataset(loader, ('imgs', 'label')))
"""

from __future__ import annotations

import collections
import concurrent.futures
import concurrent.futures.process
import contextlib
import dataclasses
import functools
import logging
import pickle
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..argument_checks import at_least, one_of
from ..errors import DataError
from ..workers import one_opencv_thread, spawn_context, start_worker
from .sampler import sample_rng

if TYPE_CHECKING:
    from mindspore.dataset import GeneratorDataset

    from .base import BaseDataset
    from .sampler import EpochSampler, SequentialSampler

logger = logging.getLogger(__name__)


@dataclasses.dataclass(eq=False)
class ClipLoader:
    """Iterates over a rank's batches. What it yields does not depend on the number or kind of
    workers.

    Args:
        dataset: what to load.
        sampler: which sample stands where.
        rank: of `sampler.world`.
        num_workers: 0 loads in line.
        worker: 'thread' is right for OpenCV's work, which frees the interpreter; 'process' is for
            pipelines in plain Python. Processes are spawned: a script that defines a part itself
            needs its `if __name__ == '__main__':`.
        start_step: the first step of the run to yield.
        num_steps: how many; default: one epoch.
        prefetch: batches that are loaded ahead of the one that is being used.

    Yields:
        dict: `dataset.inputs`, each uint8 B x N x T x H x W x C; `label` int32 B, or of several
        labels float32 B x K of ones and zeros, see target_of; `index` int32 B, the index in
        `dataset.samples` of what was loaded, -1 for padding and for samples left out (their
        rows repeat another sample's).

    Attributes:
        damaged (list of DamageReport): the damaged samples met so far, in order.
        error (Exception or None): what ended the last iteration.

    Raises (while iterating):
        DataError: samples of different shapes in a batch; no readable sample; a worker that died.
        Exception: whatever the pipeline raised, as it was.
    """

    dataset: BaseDataset
    sampler: EpochSampler | SequentialSampler
    rank: int = 0
    num_workers: int = 0
    worker: str = 'thread'
    start_step: int = 0
    num_steps: int | None = None
    prefetch: int = 2

    def __post_init__(self):
        one_of('ClipLoader', ('thread', 'process'), worker=self.worker)
        at_least('ClipLoader', 0, num_workers=self.num_workers, prefetch=self.prefetch)
        if self.num_steps is None:
            self.num_steps = self.sampler.steps_per_epoch
        self.damaged = []
        self.error = None

    def __len__(self):
        return self.num_steps

    def specs(self, columns: Sequence[str]) -> list[tuple[list[int], np.dtype]]:
        """Returns (shape, dtype) of each of these columns of a batch, by looking at one sample."""
        row = self._first_row
        known = dict(zip(self.dataset.inputs, row.inputs), label=row.label)
        numbers = np.zeros((), np.int32)
        arrays = [known.get(column, numbers) for column in columns]
        return [([self.sampler.batch_size, *array.shape], array.dtype) for array in arrays]

    @functools.cached_property
    def _first_row(self):
        return _row(self.dataset, self.dataset.first_readable())

    def __iter__(self):
        self.error = None
        try:
            with self._fetcher() as fetch:
                yield from self._batches(fetch)
        except concurrent.futures.process.BrokenProcessPool as error:
            self.error = DataError(
                'a loading process died, killed from outside or for lack of memory; try '
                f"fewer than {self.num_workers} num_workers, or worker='thread'"
            )
            raise self.error from error
        except Exception as error:
            self.error = error
            raise

    def _batches(self, fetch):
        pending = collections.deque()
        for step in range(self.start_step, self.start_step + self.num_steps):
            pending.append([fetch(*sample) for sample in self.sampler.batch(step, self.rank)])
            if len(pending) > (self.prefetch if self.num_workers else 0):
                yield self._collate(pending.popleft())
        while pending:
            yield self._collate(pending.popleft())

    @contextlib.contextmanager
    def _fetcher(self):
        """Yields a function (epoch, index) -> a function that waits for `_fetch`'s answer; ends its
        workers at exit.
        """
        task = functools.partial(_fetch, self.dataset, self.sampler.seed)
        if not self.num_workers:
            yield lambda *sample: functools.partial(task, *sample)
            return
        if self.worker == 'thread':
            one_opencv_thread()
            pool = concurrent.futures.ThreadPoolExecutor(self.num_workers, 'ClipLoader')
        else:
            pool = concurrent.futures.ProcessPoolExecutor(
                self.num_workers, spawn_context(), _start_worker, (_dumps(self.dataset),)
            )
            task = functools.partial(_fetch_in_worker, self.sampler.seed)
        try:
            yield lambda *sample: pool.submit(task, *sample).result
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _collate(self, answers):
        rows = []
        for answer in answers:
            row, reports = answer()
            self._note(reports)
            rows.append(row)
        known = next((row for row in rows if row is not None), None)
        filler = (known or self._first_row)._replace(index=-1)
        rows = [filler if row is None else row for row in rows]
        batch = {}
        for name, arrays in zip(self.dataset.inputs, zip(*(row.inputs for row in rows))):
            self._check_shapes(
                name, [(row, array) for row, array in zip(rows, arrays) if row.index >= 0]
            )
            batch[name] = np.stack(arrays)
        batch['label'] = np.stack([row.label for row in rows])
        batch['index'] = np.array([row.index for row in rows], np.int32)
        return batch

    def _note(self, reports):
        for report in reports:
            first_time = all(report.name != other.name for other in self.damaged)
            self.damaged.append(report)
            if first_time:
                logger.warning(
                    '%s: %s; %s',
                    report.path,
                    report.reason,
                    f'{report.replacement!r} stands in for {report.name!r}'
                    if report.replacement
                    else f'{report.name!r} is left out',
                )

    def _check_shapes(self, column, loaded):
        for row, array in loaded:
            first_row, first_array = loaded[0]
            if array.shape != first_array.shape:
                first, other = (self.dataset.samples[r.index]['name'] for r in (first_row, row))
                raise DataError(
                    f'{column} of {first!r} is {_sizes(first_array)} and of {other!r} '
                    f'{_sizes(array)}, which fit in no batch: give all clips one size by Resize '
                    'and a crop, and one length by SampleFrames, or use batches of 1'
                )


class WrappedLoader:
    """A ClipLoader whose batches are made into others. A subclass implements `__iter__` and
    `column`.

    Args:
        clips: the ClipLoader.

    Attributes:
        damaged, error: as of ClipLoader.
    """

    def __init__(self, clips: ClipLoader):
        self.clips = clips

    @property
    def damaged(self) -> list:
        return self.clips.damaged

    @property
    def error(self) -> Exception | None:
        return self.clips.error

    def __len__(self):
        return len(self.clips)

    def column(self, size: int) -> tuple[str, tuple[list[int], np.dtype]]:
        """Returns the name of the new column, and its shape and dtype in a batch of `size`."""
        raise NotImplementedError

    def specs(self, columns: Sequence[str]) -> list[tuple[list[int], np.dtype]]:
        """Returns (shape, dtype) of each of these columns of a batch."""
        name, spec = self.column(self.clips.sampler.batch_size)
        others = [column for column in columns if column != name]
        known = {**dict(zip(others, self.clips.specs(others))), name: spec}
        return [known[column] for column in columns]


def as_mindspore_dataset(
    loader: ClipLoader | WrappedLoader, columns: Sequence[str]
) -> GeneratorDataset:
    """Wraps a loader for mindspore.train.Model: a row is a whole batch, in the order of `columns`.

    MindSpore turns an exception of the loader into a RuntimeError that holds its text; the
    exception itself is then `loader.error`.

    Args:
        loader: what to wrap.
        columns: keys of its batches.

    Returns:
        mindspore.dataset.GeneratorDataset: of len(loader) rows; each pass over it is the same.
    """
    import mindspore.dataset as ds

    class LoaderDataset(ds.GeneratorDataset):
        """Holds one batch instead of MindSpore's default of 16: the loader loads ahead already. For
        a data sink it tells what a batch is without loading one, as MindSpore would, and start the
        loader twice.
        """

        def output_shapes(self, estimate=False):
            return [shape for shape, _ in loader.specs(columns)]

        def output_types(self):
            return [dtype for _, dtype in loader.specs(columns)]

        def parse(self, children=None):
            before = ds.config.get_prefetch_size()
            # a node takes the size that is set when it is made, which is here
            ds.config.set_prefetch_size(1)
            try:
                return super().parse(children)
            finally:
                ds.config.set_prefetch_size(before)

    return LoaderDataset(
        _Rows(loader, columns),
        list(columns),
        shuffle=False,
        num_parallel_workers=1,
        python_multiprocessing=False,
    )


class _Rows:
    """A loader's batches as tuples."""

    def __init__(self, loader, columns):
        self.loader = loader
        self.columns = columns

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        for batch in self.loader:
            yield tuple(batch[column] for column in self.columns)


_Row = collections.namedtuple('_Row', 'inputs label index')
_worker = {}


def _fetch(dataset, seed, epoch, index):
    """Returns (a _Row, or None for padding and for a sample left out; the damage reports)."""
    if index < 0:
        return None, []
    results, reports = dataset.get(index, sample_rng(seed, epoch, index))
    return None if results is None else _row(dataset, results), reports


def _row(dataset, results):
    # a pipeline may leave views of larger arrays, which are not to be sent to processes or kept
    inputs = tuple(np.ascontiguousarray(results[name]) for name in dataset.inputs)
    return _Row(inputs, dataset.target_of(results.get('label', -1)), results['index'])


def _start_worker(payload):
    _worker['payload'] = payload
    start_worker()


def _fetch_in_worker(seed, epoch, index):
    # not at the worker's start, from where no exception reaches the caller
    return _fetch(_loads(_worker['payload']), seed, epoch, index)


def _dumps(dataset):
    try:
        return pickle.dumps(dataset, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise DataError(
            f"the data set cannot be sent to loading processes: {error}; use worker='thread'"
        ) from error


@functools.lru_cache(1)
def _loads(payload):
    try:
        return pickle.loads(payload)
    except AttributeError as error:
        raise DataError(
            f'a loading process does not find a part of the data set: {error}; define it in a '
            "file of its own, put the script's work under `if __name__ == '__main__':`, or use "
            "worker='thread'"
        ) from error


def _sizes(array):
    return ' x '.join(map(str, array.shape))
