"""What every data set shares: samples, loading one, and what happens to those that cannot be
read.
"""

from __future__ import annotations

import collections
import copy
import functools
import logging
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import AnnotationError, ConfigError, DamagedSampleError, DataError
from ..media.folder_index import FolderIndex
from ..media.packed_frames import PackIndex
from .pipelines import Compose
from .sampler import sample_rng

if TYPE_CHECKING:
    from .annotations import Entry

logger = logging.getLogger(__name__)
_SKIP = "; missing='skip' of this data set goes on without them"
_NAMED_BY = ('name', 'filename', 'frame_dir')


class DamageReport(NamedTuple):
    """One sample that could not be read: its name, the culprit's path, why, and the name of the
    sample that stood in for it (None if it was left out).
    """

    name: str
    path: str
    reason: str
    replacement: str | None


class BaseDataset:
    """A list of samples and the pipeline that turns each into arrays.

    A subclass sets its own attributes, calls this constructor, and implements `load_annotations`.

    Args:
        pipeline (list of dict): the steps, built through PIPELINES.
        modality (str): 'RGB' or 'Flow'.
        test_mode (bool): random steps take their deterministic form.
        damaged (str): what `get` does about an unreadable sample. 'replace' (default in training):
            the next readable sample stands in. 'raise' (default in testing): DamagedSampleError.
            'skip' (testing only): it is left out.
        missing (str): what to do about list entries that are not on the disk: 'raise' DataError
            with one summary, or 'skip' them with a warning.

    Attributes:
        samples (list of dict): each with `name`, `label` (int) and `filename`, `frame_dir` or
            `packed`.
        classes (list of str or None): class names in label order.
        inputs (tuple of str): the columns that the recognizer takes, in order.
        multi_class (bool): whether a sample has several labels, or none: `label` is then a list of
            them.

    Raises:
        ConfigError: an argument that is none of the above.
        AnnotationError, DataError: see `load_annotations`; no samples; two of one name.
    """

    inputs = ('imgs',)
    modalities = ('RGB', 'Flow')
    classes = None
    multi_class = False

    def __init__(
        self,
        pipeline: list[dict],
        modality: str = 'RGB',
        test_mode: bool = False,
        damaged: str | None = None,
        missing: str = 'raise',
    ):
        self.modality = choice('modality', modality, self.modalities)
        self.test_mode = test_mode
        self.damaged = choice(
            'damaged',
            damaged or ('raise' if test_mode else 'replace'),
            ('raise', 'skip') if test_mode else ('raise', 'replace'),
            'in testing' if test_mode else 'in training',
        )
        self.missing = choice('missing', missing, ('raise', 'skip'))
        self.pipeline = Compose(pipeline)
        self.samples = _named(self.load_annotations(), type(self).__name__)
        self._check_names()

    def load_annotations(self) -> list[dict]:
        """Returns `samples`; may set `classes`. May raise AnnotationError or DataError.

        `name` may be left out: it is made of the path. mmaction2's name, `load_data_list`, does as
        well.
        """
        if not hasattr(self, 'load_data_list'):
            raise ConfigError(f'{type(self).__name__} has no load_annotations, which lists samples')
        return self.load_data_list()

    @property
    def num_classes(self) -> int:
        """Number of classes: of `classes`, or the highest label + 1."""
        return len(self.classes) if self.classes else 1 + max(self.label_counts, default=-1)

    @property
    def label_counts(self) -> collections.Counter[int]:
        """How many samples have each of the labels that occur."""
        return collections.Counter(
            label for sample in self.samples for label in labels_of(sample['label'])
        )

    def target_of(self, label: int | Sequence[int]) -> np.ndarray:
        """Returns a sample's label as losses and figures take it: an int32, or where there may be
        several float32 num_classes of ones and zeros.
        """
        if not self.multi_class:
            return np.int32(label)
        target = np.zeros(self._width, np.float32)
        target[list(labels_of(label))] = 1
        return target

    @functools.cached_property
    def _width(self):
        return self.num_classes

    @property
    def varies(self) -> set[str]:
        """What differs from sample to sample: a set of 'clip_len' and 'num_clips', as the
        pipeline's steps say.
        """
        return {key for step in self.pipeline.steps for key in getattr(step, 'varies', ())}

    @property
    def changes_label(self) -> bool:
        """Whether a step may give a sample another label, as a mirrored hand."""
        return any(getattr(step, 'changes_label', False) for step in self.pipeline.steps)

    def __len__(self):
        return len(self.samples)

    def load(self, index: int, rng: np.random.Generator) -> dict:
        """Runs the pipeline on one sample.

        Args:
            index: of `samples`.
            rng: its randomness.

        Returns:
            dict: the pipeline's results: the arrays that `inputs` names, `label`, `name`, `index`,
                ...

        Raises:
            DamagedSampleError: the sample cannot be read.
        """
        return self.pipeline(
            dict(
                self.samples[index],
                index=index,
                modality=self.modality,
                test_mode=self.test_mode,
                rng=rng,
            )
        )

    def get(self, index: int, rng: np.random.Generator) -> tuple[dict | None, list[DamageReport]]:
        """Loads one sample under the policy `damaged`.

        A replacement starts from the same random numbers. Which samples are damaged is not
        remembered: whether one can be read may depend on the frames asked for, and the run would
        then depend on what a worker happened to have met before.

        Returns:
            (dict or None, list of DamageReport): the results of `load`, None for a sample left out;
            and the damaged samples met on the way.

        Raises:
            DamagedSampleError: with 'raise'. DataError: with 'replace', if no sample can be read.
        """
        met = []
        for candidate in range(index, index + len(self)):
            try:
                results = self.load(candidate % len(self), copy.deepcopy(rng))
                name = self.samples[candidate % len(self)]['name']
                return results, [DamageReport(*error.args, name) for error in met]
            except DamagedSampleError as error:
                if self.damaged == 'raise':
                    raise
                met.append(error)
                if self.damaged == 'skip':
                    return None, [DamageReport(*error.args, None)]
        raise DataError(
            f'none of the {len(self)} samples of {type(self).__name__} can be read; '
            f'the first: {met[0]}'
        ) from met[0]

    def first_readable(self) -> dict:
        """Returns the results of `load` for the first sample that can be read: to see what clips
        are like. Raises: DataError where there is none.
        """
        for index in range(len(self)):
            results, _ = self.get(index, sample_rng(0, 0, index))
            if results is not None:
                return results
        raise DataError(f'none of the {len(self)} samples can be read; see the log')

    def locate(self, entries: list[Entry], root: str, key: str) -> list[dict]:
        """Makes samples of the entries whose file or folder is below `root`; applies `missing` to
        the rest.

        Args:
            entries: what the list says.
            root: the folder that their paths start from.
            key: 'filename' (videos), 'frame_dir' (frame folders) or 'packed' (videos in MindRecord
                shards, see PackIndex).

        Returns:
            list of dict: `name` (of videos see names_of_videos, else the path), `label`, `key`, and
            `total_frames` and `offset` where the entry states them.

        Raises:
            DataError: no `root`, or entries that are not there.
        """
        if key == 'packed':
            index = PackIndex(root, self.modality)
        else:
            index = FolderIndex(root, 'the videos' if key == 'filename' else 'the frame folders')
        samples = []
        absent = []
        for entry in entries:
            found = index.find(entry.path)
            if found is None:
                absent.append(entry)
                continue
            sample = {'name': entry.path, 'label': entry.label, key: found}
            if entry.total_frames is not None:
                sample['total_frames'] = entry.total_frames
            if entry.offset is not None:
                sample['offset'] = entry.offset
            samples.append(sample)
        paths = [sample['name'] for sample in samples]
        if key == 'filename':
            names = names_of_videos(paths)
        else:
            names = [name_of(path, extension=True) for path in paths]
        for sample, name in zip(samples, names):
            sample['name'] = f'{name}@{sample["offset"]}' if 'offset' in sample else name
        if absent:
            summary = _summary(absent, len(entries), index)
            if self.missing == 'raise' or not samples:
                raise DataError(summary + (_SKIP if samples else ''))
            logger.warning('%s; they are skipped', summary)
        return samples

    def _check_names(self):
        """Gives a sample that comes again in training a name of its own. Raises AnnotationError for
        others of one name, and in testing, where a video has one answer.
        """
        known = {}
        for place, sample in enumerate(self.samples):
            name = sample['name']
            first, times = known.get(name, (sample, 0))
            known[name] = first, times + 1
            if times and (self.test_mode or not _is_again(first, sample)):
                raise AnnotationError(
                    f'{type(self).__name__}: two samples are called {name!r}, and each has an '
                    'answer of its own under its name: take one out of the list, or rename it'
                )
            if times:
                self.samples[place] = dict(sample, name=f'{name} ({times + 1})')


def labels_of(label: int | Sequence[int]) -> tuple[int, ...]:
    """Returns the labels of a sample, one or several, as a tuple."""
    return (label,) if isinstance(label, (int, np.integer)) else tuple(label)


def _is_again(first, sample):
    """Whether two samples are the same pixels."""
    paths = [key for key in ('filename', 'frame_dir', 'packed') if key in sample]
    keys = [*paths, 'offset']
    return first is sample or paths and all(first.get(key) == sample.get(key) for key in keys)


def name_of(path: str, extension: bool = False) -> str:
    """Returns the name of a sample by its path: without what leads out of a folder, and without
    extension unless it is to stay.
    """
    path = path if extension else os.path.splitext(path)[0]
    parts = os.path.splitdrive(path)[1].split('/')
    return '/'.join(part for part in parts if part not in ('', '.', '..')) or path


def names_of_videos(paths: Sequence[str]) -> list[str]:
    """Returns the names of videos by their paths: without extension, which stays where others would
    be called the same.
    """
    names = [(name_of(path), name_of(path, extension=True)) for path in paths]
    alike = collections.Counter(stem for stem, _ in set(names))
    return [stem if alike[stem] == 1 else whole for stem, whole in names]


def _named(samples, dataset):
    """Returns samples of which each has a name. Raises DataError for what is no list of samples."""
    if not isinstance(samples, (list, tuple)) or not samples:
        raise DataError(f'{dataset} has no samples')
    named = []
    for place, sample in enumerate(samples):
        known = isinstance(sample, dict) and [key for key in _NAMED_BY if key in sample]
        if not known:
            raise DataError(
                f'{dataset}: sample {place} is a dict with {" or ".join(_NAMED_BY[1:])}, and '
                f'label; got {str(sample)[:200]}'
            )
        if known[0] != 'name':
            name = name_of(os.fspath(sample[known[0]]), known[0] != 'filename')
            sample = dict(sample, name=name)
        named.append(sample)
    return named


def _summary(absent, total, index):
    """Returns one line on absent entries. Folders (classes) that are not there at all are named,
    too.
    """
    folders = dict.fromkeys(os.path.dirname(entry.path) for entry in absent)
    folders = [folder for folder in folders if index.find_folder(folder) is None]
    text = (
        f'{index.root}: {len(absent)} of {total} entries of the list are not there: '
        f'{_some(entry.path for entry in absent)} (the first is from {absent[0].where})'
    )
    text += f'; there is no folder {_some(folders)}' if folders else ''
    numbered = len(absent) == total and all(re.search(r' \d+$', entry.path) for entry in absent)
    return text + '; lines of `path total_frames label` are for RawframeDataset' * numbered


def _some(names, shown=5):
    names = list(names)
    more = f' and {len(names) - shown} more' if len(names) > shown else ''
    return ', '.join(map(repr, names[:shown])) + more


def choice(name: str, value: Any, choices: Sequence, when: str = '') -> Any:
    if value not in choices:
        expected = f'{name} is one of {", ".join(map(repr, choices))} {when}'.rstrip()
        raise ConfigError(f'{expected}; got {value!r}')
    return value
