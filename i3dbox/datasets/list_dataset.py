"""Data sets by mmaction's list files, for everything that has no class of its own."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import AnnotationError, ConfigError
from ..registry import DATASETS
from .annotations import read_class_names, read_rawframe_list, read_video_list
from .base import BaseDataset, labels_of
from .video_json import read_class_json, read_video_json

if TYPE_CHECKING:
    from .annotations import Entry


def _is_json(path):
    return os.fspath(path).lower().endswith('.json')


def _class_names(path):
    return read_class_json(path) if _is_json(path) else read_class_names(path)


class ListDataset(BaseDataset):
    """What VideoDataset, RawframeDataset and PackedDataset share. They state `read`, which reads
    the list, and the `key` of `locate`.

    Args:
        ann_file (str): the list; labels count from 0. A path that stands twice counts twice in
            training.
        data_prefix (str or dict): the folder that its paths start from, or as in mmaction's
            dict(video=...) or dict(img=...); default: none, for paths that are absolute or start
            from the working directory.
        pipeline (list of dict): see BaseDataset.
        classes (list of str or str): class names in label order, or a text file with one per line,
            or a JSON of video_json.read_class_json.
        num_classes (int): where `classes` is not given; default: the highest label + 1.
        delimiter (str): between the fields of a line; default: blanks.
        multi_class (bool): a line ends in the labels of a video, one or several; `classes` or
            `num_classes` is then needed.
        **kwargs: of BaseDataset: modality, test_mode, damaged, missing.

    Raises:
        AnnotationError: a list that cannot be read, or a label that is no class.
        DataError: paths that are not below `data_prefix`.
    """

    def __init__(
        self,
        ann_file: str,
        data_prefix: str | dict | None = None,
        pipeline: Sequence[dict] = (),
        classes: list[str] | str | None = None,
        num_classes: int | None = None,
        delimiter: str | None = None,
        multi_class: bool = False,
        **kwargs,
    ):
        if multi_class and not (classes or num_classes):
            raise ConfigError(f'{type(self).__name__}: multi_class needs classes or num_classes')
        if isinstance(ann_file, (list, tuple)):
            raise ConfigError(
                f'{type(self).__name__}: ann_file is one list; ConcatDataset joins data sets of '
                'several'
            )
        if not isinstance(ann_file, (str, os.PathLike)):
            raise ConfigError(f'{type(self).__name__}: ann_file is a path; got {ann_file!r}')
        self.ann_file = ann_file
        self.data_prefix = self._folder(data_prefix)
        self.delimiter = delimiter
        self.multi_class = multi_class
        is_path = isinstance(classes, (str, os.PathLike))
        self.classes = _class_names(classes) if is_path else classes
        self._num_classes = len(self.classes) if self.classes else num_classes
        super().__init__(pipeline, **kwargs)

    @property
    def num_classes(self) -> int:
        return self._num_classes or super().num_classes

    def load_annotations(self) -> list[dict]:
        return self.locate(self.check_labels(self.entries()), self.data_prefix, self.key)

    def entries(self) -> list[Entry]:
        """Returns what the list says."""
        if _is_json(self.ann_file):
            raise ConfigError(
                f'{self.ann_file}: JSON is read by VideoDataset, of videos with one label each'
            )
        options = dict(delimiter=self.delimiter, twice=not self.test_mode)
        options.update(dict(several=True) if self.multi_class else {})
        return self.read(self.ann_file, **options)

    def _folder(self, prefix):
        kind = 'video' if self.key == 'filename' else 'img'
        if isinstance(prefix, dict):
            if set(prefix) != {kind}:
                others = ' (img is for RawframeDataset)' if kind == 'video' else ''
                raise ConfigError(
                    f'{type(self).__name__}: data_prefix is a folder, or dict({kind}=...)'
                    f'{others}; got {dict(prefix)!r}'
                )
            prefix = prefix[kind]
        return os.fspath(prefix or os.curdir)

    def check_labels(self, entries: list[Entry]) -> list[Entry]:
        """Returns `entries`. Raises AnnotationError for a label that is no class."""
        highest = [max(labels_of(entry.label)) for entry in entries]
        from_1 = max(highest) == self._num_classes and all(
            min(labels_of(entry.label)) for entry in entries
        )
        for entry, label in zip(entries, highest):
            if self._num_classes and label >= self._num_classes:
                raise AnnotationError(
                    f'{entry.where}: label {label}, but there are '
                    f'{self._num_classes} classes, counted from 0'
                    + ('; this list counts from 1: take 1 off each label' if from_1 else '')
                )
        return entries


@DATASETS.register
class VideoDataset(ListDataset):
    """Videos by a list of `path label` per line, or by the JSON of Something-Something V2 or
    Diving48. Arguments: see ListDataset.

    Samples: `name` (the path without extension, unless two would be called the same), `label`,
    `filename`.
    """

    read = staticmethod(read_video_list)
    key = 'filename'

    def entries(self) -> list[Entry]:
        if _is_json(self.ann_file) and not self.multi_class:
            return read_video_json(self.ann_file, self.classes)
        return super().entries()


@DATASETS.register
class RawframeDataset(ListDataset):
    """Frame folders by a list of `path total_frames label` per line. Arguments: see ListDataset.

    Args:
        filename_tmpl (str): names of the frames, such as mmaction's, img_{:05}.jpg for RGB and
            flow_{}_{:05}.jpg for Flow (x or y, number); default: found by looking.
        start_index (int): number of the first frame; default: found by looking.
        with_offset (bool): lines are `path offset total_frames label`: a clip of a folder, whose
            first frame is `offset` behind the folder's first.

    Samples: `name` (the path; with an offset `path@offset`), `label`, `frame_dir`, `total_frames`,
        and `filename_tmpl`, `start_index` and `offset` where they are given.
    """

    read = staticmethod(read_rawframe_list)
    key = 'frame_dir'

    def __init__(
        self,
        ann_file: str,
        data_prefix: str | dict | None = None,
        pipeline: Sequence[dict] = (),
        filename_tmpl: str | None = None,
        start_index: int | None = None,
        with_offset: bool = False,
        **kwargs,
    ):
        self.filename_tmpl = filename_tmpl
        self.start_index = start_index
        if with_offset:
            self.read = functools.partial(read_rawframe_list, with_offset=True)
        super().__init__(ann_file, data_prefix, pipeline, **kwargs)

    def load_annotations(self) -> list[dict]:
        names = dict(filename_tmpl=self.filename_tmpl, start_index=self.start_index)
        names = {key: value for key, value in names.items() if value is not None}
        return [dict(sample, **names) for sample in super().load_annotations()]


@DATASETS.register
class PackedDataset(ListDataset):
    """Videos in MindRecord shards, which tools/data/pack.py writes, by a list of `path total_frames
    label` per line.

    Arguments: see ListDataset; `data_prefix` is the folder of shards.

    Samples: `name` (the path), `label`, `total_frames`, `packed`.
    """

    read = staticmethod(read_rawframe_list)
    key = 'packed'
