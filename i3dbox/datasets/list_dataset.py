"""Data sets by mmaction's list files, for everything that has no class of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import AnnotationError
from ..registry import DATASETS
from .annotations import read_class_names, read_rawframe_list, read_video_list
from .base import BaseDataset

if TYPE_CHECKING:
    from .annotations import Entry


class ListDataset(BaseDataset):
    """What VideoDataset, RawframeDataset and PackedDataset share. They state `read`, which reads
    the list, and the `key` of `locate`.

    Args:
        ann_file (str): the list; labels count from 0.
        data_prefix (str): the folder that its paths start from.
        pipeline (list of dict): see BaseDataset.
        classes (list of str or str): class names in label order, or a text file with one per line.
        num_classes (int): where `classes` is not given; default: the highest label + 1.
        **kwargs: of BaseDataset: modality, test_mode, damaged, missing.

    Raises:
        AnnotationError: a list that cannot be read, or a label that is no class.
        DataError: paths that are not below `data_prefix`.
    """

    def __init__(
        self,
        ann_file: str,
        data_prefix: str,
        pipeline: list[dict],
        classes: list[str] | str | None = None,
        num_classes: int | None = None,
        **kwargs,
    ):
        self.ann_file = ann_file
        self.data_prefix = data_prefix
        self.classes = read_class_names(classes) if isinstance(classes, str) else classes
        self._num_classes = len(self.classes) if self.classes else num_classes
        super().__init__(pipeline, **kwargs)

    @property
    def num_classes(self) -> int:
        return self._num_classes or super().num_classes

    def load_annotations(self) -> list[dict]:
        entries = self.check_labels(self.read(self.ann_file))
        return self.locate(entries, self.data_prefix, self.key)

    def check_labels(self, entries: list[Entry]) -> list[Entry]:
        """Returns `entries`. Raises AnnotationError for a label that is no class."""
        for entry in entries:
            if self._num_classes and entry.label >= self._num_classes:
                raise AnnotationError(
                    f'{entry.where}: label {entry.label}, but there are '
                    f'{self._num_classes} classes, counted from 0'
                )
        return entries


@DATASETS.register
class VideoDataset(ListDataset):
    """Videos by a list of `path label` per line. Arguments: see ListDataset.

    Samples: `name` (the path without extension), `label`, `filename`.
    """

    read = staticmethod(read_video_list)
    key = 'filename'


@DATASETS.register
class RawframeDataset(ListDataset):
    """Frame folders by a list of `path total_frames label` per line. Arguments: see ListDataset.

    Args:
        filename_tmpl (str): names of the frames, such as mmaction's, img_{:05}.jpg for RGB and
            flow_{}_{:05}.jpg for Flow (x or y, number); default: found by looking.
        start_index (int): number of the first frame; default: found by looking.

    Samples: `name` (the path), `label`, `frame_dir`, `total_frames`, and
        `filename_tmpl` and `start_index` where they are given.
    """

    read = staticmethod(read_rawframe_list)
    key = 'frame_dir'

    def __init__(
        self,
        ann_file: str,
        data_prefix: str,
        pipeline: list[dict],
        filename_tmpl: str | None = None,
        start_index: int | None = None,
        **kwargs,
    ):
        self.filename_tmpl = filename_tmpl
        self.start_index = start_index
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
