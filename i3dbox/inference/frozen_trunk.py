"""What a network's frozen layers make of the clips that the others train on, in the fastest engine:
computed at each step, or once, kept in a file, and read from there.

For the latter a sample has a few views: the clips that its pipeline draws in the first epochs.
Epoch e trains on view e modulo their number.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import logging
import os
import re
import shutil
import sys
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from mindspore import Tensor, nn

from ..datasets.base import DamageReport
from ..datasets.loader import ClipLoader, WrappedLoader
from ..datasets.sampler import SequentialSampler
from ..errors import DataError
from ..fileio import atomic_write
from ..models.freezing import frozen_endpoint
from ..models.i3d_table import map_shape
from ..models.plain_i3d import plain_streams
from ..models.recognizers.recognizer3d import Recognizer3D
from ..models.tail import Tail
from ..plain_json import read_json
from ..progress import shown
from ..workers import free_memory
from .engines import ENGINES, choose_engine
from .engines.exported_engine import ExportedStream
from .engines.graph_cache import digest_of
from .engines.graph_engine import GraphStream
from .engines.mindspore_engine import MindSporeStream, mindspore_streams

if TYPE_CHECKING:
    from ..config import Config
    from ..datasets.base import BaseDataset

logger = logging.getLogger(__name__)

FOLDER = 'frozen_layers'  # in a work_dir, while its run lasts
CHOICE = 'choice.json'  # in it: how they are computed
LARGEST = np.finfo(np.float16).max
REMEMBERED = 2**30  # bytes of what a TailStream remembers


class FrozenTrunk:
    """A network's frozen layers, of plain I3D in the fastest engine, with the parameters that they
    have at the first call.

    Args:
        cfg (Config): of the network.
        recognizer (Recognizer3D): after models.freezing.freeze.
        engine, precision, device: of engines.choose_engine.

    Attributes:
        recognizer.
        endpoint (str): the last frozen layer.
        computed_by (tuple of str): engine and precision.
    """

    def __init__(
        self,
        cfg: Config,
        recognizer: nn.Cell,
        engine: str = 'auto',
        precision: str | None = None,
        device: str = 'auto',
    ):
        self.recognizer = recognizer
        self.endpoint = frozen_endpoint(recognizer.backbone)
        self.computed_by = choose_engine(cfg.model, engine, precision, device)
        self._cfg = cfg

    @functools.cached_property
    def _network(self):
        name, precision = self.computed_by
        plain = plain_streams(self._cfg.model)
        if name == 'mindspore':
            stream = mindspore_streams(self.recognizer)['imgs']
        elif plain:
            stream = GraphStream(plain['imgs'], name, precision)
            stream.take(self._parameters())
        else:
            stream = ExportedStream(self.recognizer, name, precision)
            stream.made_of = repr(self._cfg.model), digest_of(self._parameters())
        return stream.upto(self.endpoint, 'none')

    def _parameters(self):
        """Returns the parameters up to the endpoint, as arrays."""
        layers = list(self.recognizer.backbone.name_cells())
        starts = tuple(f'backbone.{layer}.' for layer in layers[: layers.index(self.endpoint) + 1])
        return {
            p.name: p.asnumpy()
            for p in self.recognizer.get_parameters()
            if p.name.startswith(starts)
        }

    def __call__(self, clips: np.ndarray) -> np.ndarray:
        """Returns the maps of clips, uint8 N x T x H x W x C -> float32 N x K x t x h x w."""
        return np.concatenate([self._network(clip[None]) for clip in clips])

    def rounded(self, clips: np.ndarray) -> np.ndarray:
        """Returns the maps of clips in float16. Raises DataError where they do not fit into it."""
        maps = self(clips)
        if not np.abs(maps).max() <= LARGEST:  # NaN, too
            raise DataError(
                f'{self.endpoint} gives values beyond float16, in which they are kept: '
                'frozen_views=0 computes the frozen layers at each step'
            )
        return maps.astype(np.float16)

    def row(self, clips_shape: Sequence[int]) -> np.dtype:
        """Returns what is kept of a sample whose clips have this shape, N x T x H x W x C."""
        if plain_streams(self._cfg.model):
            maps = map_shape(self.endpoint, *clips_shape[1:4])
        else:
            maps = self(np.zeros((1, *clips_shape[1:]), np.uint8)).shape[1:]
        shape = (clips_shape[0], *maps)
        return np.dtype([('index', np.int32), ('crc', np.uint32), ('maps', np.float16, shape)])

    def identity(self) -> str:
        """Returns what its outputs depend on, apart from the clips."""
        return f'{self.endpoint} {self.computed_by} {digest_of(self._parameters())}'


def has_frozen_trunk(recognizer: nn.Cell) -> bool:
    """Whether a recognizer is one stream, of layers in a row, whose first ones are frozen."""
    return (
        isinstance(recognizer, Recognizer3D)
        and isinstance(recognizer.backbone, nn.SequentialCell)
        and isinstance(recognizer.backbone.out_channels, int)
        and frozen_endpoint(recognizer.backbone) is not None
    )


def clips_identity(dataset: BaseDataset, cfg: Config) -> str:
    """Returns what the clips of a data set depend on: its config, its samples, and their files."""
    files = []
    for sample in dataset.samples:
        path = sample.get('filename') or sample.get('frame_dir')
        about = os.stat(path) if isinstance(path, str) and os.path.exists(path) else None
        files.append((sample['name'], path, about and (about.st_size, about.st_mtime_ns)))
    return f'{cfg.data.train} {files}'


def views_that_fit(views: int, bytes_of_one: int, folder: str) -> int:
    """Returns how many views there is room for: on half of the disk and in half of the memory that
    are free.

    Args:
        views: at most. bytes_of_one: a view of all samples. folder: on that disk.
    """
    room = min(shutil.disk_usage(folder).free, free_memory() or sys.maxsize) // 2
    fit = min(views, room // bytes_of_one)
    if fit < views:
        logger.info(
            'of %d views of each clip %d fit into memory and disk: one takes %.1f GB, and %.1f '
            'are to be used%s',
            views,
            fit,
            bytes_of_one / 1e9,
            room / 1e9,
            '' if fit else '; so the frozen layers are computed at each step',
        )
    return fit


@dataclasses.dataclass(eq=False)
class _Views(SequentialSampler):
    """Every view of every sample, one after the other; a step is one of them."""

    samples: int = 1

    def batch(self, step: int, rank: int = 0) -> list[tuple[int, int]]:
        return [divmod(step, self.samples)]


class TrunkLoader(WrappedLoader):
    """Batches of what the frozen layers make of the clips of a ClipLoader, as that gives batches of
    them.

    Args:
        trunk: what computes them. clips: of ClipLoader.
        row: of `trunk.row`, for these clips.
    """

    def __init__(self, trunk: FrozenTrunk, clips: ClipLoader, row: np.dtype):
        super().__init__(clips)
        self.trunk = trunk
        self.row = row

    def column(self, size: int) -> tuple[str, tuple[list[int], np.dtype]]:
        return 'features', ([size, *self.row['maps'].shape], np.dtype(np.float32))

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        for batch in self.clips:
            features = np.stack([self.trunk(clips) for clips in batch['imgs']])
            yield dict(features=features, label=batch['label'], index=batch['index'])


class KeptTrunkLoader(TrunkLoader):
    """A TrunkLoader whose outputs are computed before the first step, for some views of each
    sample.

    Args:
        trunk, clips, row: as of TrunkLoader.
        views: of each sample.
        work_dir: in whose FOLDER they are kept.
        identity: what the clips depend on.
    """

    def __init__(
        self,
        trunk: FrozenTrunk,
        clips: ClipLoader,
        row: np.dtype,
        views: int,
        work_dir: str,
        identity: str,
    ):
        super().__init__(trunk, clips, row)
        self.views = views
        self.folder = os.path.join(work_dir, FOLDER)
        key = f'{identity} {trunk.identity()} {clips.sampler.seed} {views} {self.row}'
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        self.path = os.path.join(self.folder, f'{name}.rows')

    def compute(self) -> None:
        """Computes what is not there yet, and shows its progress."""
        self._forget_others()
        os.makedirs(self.folder, exist_ok=True)
        samples = len(self.clips.dataset)
        total = self.views * samples
        with open(self.path, 'ab') as file:
            done = self._whole_rows(total)
            self.damaged.extend(self._stand_ins(done))
            file.truncate(done * self.row.itemsize)  # a killed run was writing a row
            logger.info(
                'the layers up to %s are frozen: computed once, for %d views of %d samples '
                '(%s, %s)%s',
                self.trunk.endpoint,
                self.views,
                samples,
                *self.trunk.computed_by,
                f'; {done} of {total} are there' if done else '',
            )
            if done == total:
                return
            sampler = _Views(total, 1, seed=self.clips.sampler.seed, samples=samples)
            views = dataclasses.replace(
                self.clips, sampler=sampler, start_step=done, num_steps=total - done
            )
            try:
                self._write(file, views, done, total)
            finally:
                self.damaged.extend(views.damaged)

    def _whole_rows(self, most):
        """Returns how many rows are there before the first that is damaged."""
        size = os.path.getsize(self.path)
        there = min(size // self.row.itemsize, most)
        rows = np.memmap(self.path, self.row, 'r', shape=there) if there else []
        for number, row in enumerate(rows):
            if row['crc'] != _crc(row) or not 0 <= row['index'] < len(self.clips.dataset):
                return number
        return there

    def _stand_ins(self, done):
        """Yields a DamageReport for each row of which another sample stood in, when an earlier run
        computed it.
        """
        samples = self.clips.dataset.samples
        rows = np.memmap(self.path, self.row, 'r', shape=done)['index'] if done else []
        for number, index in enumerate(rows):
            meant = number % len(samples)
            if index != meant:
                sample = samples[meant]
                path = sample.get('filename') or sample.get('frame_dir') or sample['name']
                reason = 'could not be read when the run began'
                yield DamageReport(sample['name'], path, reason, samples[index]['name'])

    def _write(self, file, views, done, total):
        """Writes a row for each batch of one."""
        for batch in shown(views, 'frozen layers', total, 'clip', initial=done):
            row = np.zeros((), self.row)
            row['index'] = batch['index'][0]
            row['maps'] = self.trunk.rounded(batch['imgs'][0])
            row['crc'] = _crc(row)
            file.write(row.tobytes())
            file.flush()

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        rows = np.memmap(self.path, self.row, 'r')
        samples = len(rows) // self.views
        clips = self.clips
        for step in range(clips.start_step, clips.start_step + clips.num_steps):
            places = clips.sampler.batch(step)
            found = rows[[epoch % self.views * samples + index for epoch, index in places]]
            labels = [clips.dataset.samples[index]['label'] for index in found['index']]
            yield dict(
                features=found['maps'].astype(np.float32),
                label=np.stack([clips.dataset.target_of(label) for label in labels]),
                index=found['index'],
            )

    def forget(self) -> None:
        """Removes what was kept."""
        self._remove([*self._kept(), os.path.join(self.folder, CHOICE)])
        with contextlib.suppress(OSError):  # it holds what is not ours
            os.rmdir(self.folder)

    def _forget_others(self):
        self._remove([path for path in self._kept() if path != self.path])

    def _kept(self):
        names = os.listdir(self.folder) if os.path.isdir(self.folder) else []
        ours = [name for name in names if re.fullmatch(r'[0-9a-f]{32}\.rows', name)]
        return [os.path.join(self.folder, name) for name in ours]

    def _remove(self, paths):
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)


def _crc(row):
    return zlib.crc32(np.ascontiguousarray(row['maps']), int(row['index']))


def keep_choice(work_dir: str, choice: dict, asked: int) -> None:
    """Keeps how a run's frozen layers are computed, before a checkpoint does: there is less room
    when it goes on.

    Args:
        choice: views, engine and, of a graph, precision. asked: how many views were asked for.
    """
    atomic_write(_choice_file(work_dir), json.dumps(dict(choice, asked=asked)))


def known_choice(work_dir: str, asked: int | None, computing: dict) -> dict:
    """Returns what `keep_choice` has kept; {} where there is nothing, or something else is asked
    for now.

    Args:
        asked: how many views. computing: engine and precision.
    """
    form = {'views': int, 'engine': str, '?precision': str, 'asked': int}
    try:
        found = read_json(_choice_file(work_dir), form)
    except (OSError, ValueError):
        return {}
    known = found['engine'] in ENGINES
    same = known and found.pop('asked') == asked and 0 < found['views'] <= asked
    for key in ('engine', 'precision'):
        same &= computing[key] in ('auto', None, found.get(key))
    return found if same else {}


def _choice_file(work_dir):
    return os.path.join(work_dir, FOLDER, CHOICE)


class TailStream(MindSporeStream):
    """A recognizer that remembers what its frozen layers make of a clip, as long as there is room
    for more.
    """

    def __init__(self, trunk: FrozenTrunk):
        super().__init__(trunk.recognizer)
        self._trunk = trunk
        self._tail = Tail(trunk.recognizer, trunk.endpoint)
        self._known = {}

    def logits(self, clips: np.ndarray) -> np.ndarray:
        maps = np.stack([self._maps(clip) for clip in clips])
        self._tail.set_train(False)
        return self._tail(Tensor(maps[:, None])).asnumpy()

    def _maps(self, clip):
        key = clip.shape, hashlib.sha256(np.ascontiguousarray(clip)).digest()
        if key in self._known:
            return self._known[key]
        (maps,) = self._trunk(clip[None])
        if (len(self._known) + 1) * maps.nbytes <= REMEMBERED:
            self._known[key] = maps
        return maps
