"""Data sets made of others: several joined, one repeated, one with its classes balanced."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..argument_checks import above_zero, at_least_one, in_range
from ..errors import ConfigError, DataError, first_difference
from ..registry import DATASETS
from .base import BaseDataset, labels_of

if TYPE_CHECKING:
    import numpy as np


class Selection(BaseDataset):
    """Samples of other data sets, each with the pipeline of its own.

    A subclass states in `select` which: (number of the data set, index in it), in order. In
    training a sample may come several times; each time counts as a sample, with random numbers of
    its own.

    Args:
        configs: of the data sets, built through DATASETS.
        modality: of all of them; default: as each says.
        test_mode, damaged, missing: of BaseDataset, for all of them.

    Attributes:
        parts (list of BaseDataset): the data sets.

    Samples: those of the data sets.

    Raises:
        DataError: data sets of several modalities or classes.
    """

    modalities = ('RGB', 'Flow', 'RGB+Flow')

    def __init__(
        self,
        configs: list[dict],
        modality: str | None = None,
        test_mode: bool = False,
        damaged: str | None = None,
        missing: str = 'raise',
    ):
        shared = dict(test_mode=test_mode, missing=missing)
        shared.update({} if modality is None else dict(modality=modality))
        self.parts = [DATASETS.build(one, **shared) for one in configs]
        first = self.parts[0]
        for other in self.parts[1:]:
            if other.inputs != first.inputs or other.modality != first.modality:
                raise DataError(
                    f'{type(self).__name__} joins {first.modality} and {other.modality}'
                )
            if other.multi_class != first.multi_class:
                raise DataError(f'{type(self).__name__} joins one label a sample and several')
            difference = first_difference(first.classes, other.classes)
            if difference:
                raise DataError(f'{type(self).__name__} joins other classes: {difference}')
        self.inputs = first.inputs
        self.multi_class = first.multi_class
        super().__init__([], first.modality, test_mode, damaged, missing)

    def select(self) -> Iterator[tuple[int, int]]:
        """Yields (number of the data set, index of a sample in it)."""
        raise NotImplementedError

    @property
    def num_classes(self) -> int:
        return max(part.num_classes for part in self.parts)

    @property
    def varies(self) -> set[str]:
        return set().union(*(part.varies for part in self.parts))

    @property
    def changes_label(self) -> bool:
        return any(part.changes_label for part in self.parts)

    def load_annotations(self) -> list[dict]:
        self.classes = next((part.classes for part in self.parts if part.classes), None)
        self.selected = list(self.select())
        return [self.parts[part].samples[index] for part, index in self.selected]

    def load(self, index: int, rng: np.random.Generator) -> dict:
        """Returns what the sample's own data set loads; `name` and `index` are those of here."""
        part, inner = self.selected[index]
        results = self.parts[part].load(inner, rng)
        return dict(results, name=self.samples[index]['name'], index=index)


@DATASETS.register
class ConcatDataset(Selection):
    """Joins data sets, one after the other.

    Args:
        datasets (list of dict): configs of the data sets.

    Samples: those of the data sets.

    Raises:
        ConfigError: no data set. DataError: data sets of several modalities or classes.
    """

    def __init__(self, datasets: list[dict], **kwargs):
        if not isinstance(datasets, (list, tuple)) or not datasets:
            raise ConfigError(f'ConcatDataset: datasets is a list of data sets; got {datasets!r}')
        super().__init__(datasets, **kwargs)

    def select(self) -> Iterator[tuple[int, int]]:
        for number, part in enumerate(self.parts):
            yield from ((number, index) for index in range(len(part)))


@DATASETS.register
class RepeatDataset(Selection):
    """Repeats a data set, for training: an epoch is `times` passes over it.

    Args:
        dataset (dict): its config.
        times (int): how often each sample comes.

    Samples: those of the data set.

    Raises:
        ConfigError: `times` is no whole number from 1.
    """

    def __init__(self, dataset: dict, times: int, **kwargs):
        at_least_one('RepeatDataset', times=times)
        self.times = times
        super().__init__([dataset], **kwargs)

    def select(self) -> Iterator[tuple[int, int]]:
        for _ in range(self.times):
            yield from ((0, index) for index in range(len(self.parts[0])))


@DATASETS.register
class ClassBalancedDataset(Selection):
    """Repeats the samples of rare classes, for training.

    A class that has the share f of the samples comes max(1, sqrt(oversample_thr / f)) times as
    often, rounded up (Gupta, Dollar, Girshick, "LVIS", 2019, section 4.2). Of several labels the
    rarest counts.

    Args:
        dataset (dict): its config.
        oversample_thr (float): the share below which a class is rare; 1 / (number of classes) or
            more repeats all but the most frequent ones.

    Samples: those of the data set.

    Raises:
        ConfigError: `oversample_thr` is no share above 0.
    """

    def __init__(self, dataset: dict, oversample_thr: float, **kwargs):
        above_zero('ClassBalancedDataset', oversample_thr=oversample_thr)
        in_range('ClassBalancedDataset', 0, 1, oversample_thr=oversample_thr)
        self.oversample_thr = oversample_thr
        super().__init__([dataset], **kwargs)

    def select(self) -> Iterator[tuple[int, int]]:
        samples = self.parts[0].samples
        counts = self.parts[0].label_counts
        for index, sample in enumerate(samples):
            rarest = min((counts[label] for label in labels_of(sample['label'])), default=math.inf)
            times = max(1, math.sqrt(self.oversample_thr * len(samples) / rarest))
            yield from [(0, index)] * math.ceil(times - 1e-9)
