"""What UCF101 and HMDB51 share: videos or frame folders below one folder per class, and official
splits.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..media.folder_index import first_folder
from ..media.frame_folder import FILENAME_TMPL
from .annotations import JSON_SUBSETS, read_json
from .base import BaseDataset, choice

if TYPE_CHECKING:
    from .annotations import Entry


class ActionDataset(BaseDataset):
    """Videos at `<video_dir>/<Class>/<video>.avi` or frames at `<frame_dir>/<Class>/<video>/`.

    A subclass states `split_dirs` and `video_dirs` (folder names to look for below the root) and
    implements `read_split`.

    Args:
        data_root (str): the data set's folder.
        split (int): 1, 2 or 3.
        subset (str): 'train' or 'test'.
        source (str): 'video', 'frames' or 'packed' (MindRecord shards). Flow from videos needs the
            step ComputeFlow in the pipeline.
        pipeline (list of dict): see BaseDataset.
        video_dir, frame_dir, packed_dir, split_dir (str): where not below `data_root` under the
            usual names.
        filename_tmpl (str): names of the frames, see FrameFolder; default: the original's.
        ann_file (str): the original's JSON, read instead of the split files.
        **kwargs: of BaseDataset: modality, test_mode, damaged, missing.

    Samples: `name` ('Class/video'), `label`, and `filename`, or `frame_dir` and `filename_tmpl`, or
        `packed`.

    Raises:
        ConfigError, AnnotationError, DataError: an argument, list or folder that cannot be used.
    """

    split_dirs = ('splits',)
    video_dirs = ('videos',)
    frame_dirs = {'RGB': ('rawframes', 'rgb', 'frames'), 'Flow': ('flow', 'rawframes')}
    packed_dirs = {'RGB': ('packed/rgb',), 'Flow': ('packed/flow',)}

    def __init__(
        self,
        data_root: str,
        split: int = 1,
        subset: str = 'train',
        source: str = 'video',
        *,
        pipeline: list[dict],
        video_dir: str | None = None,
        frame_dir: str | None = None,
        packed_dir: str | None = None,
        split_dir: str | None = None,
        filename_tmpl: str | None = None,
        ann_file: str | None = None,
        **kwargs,
    ):
        self.data_root = data_root
        self.split = choice('split', split, (1, 2, 3))
        self.subset = choice('subset', subset, tuple(JSON_SUBSETS))
        self.source = choice('source', source, ('video', 'frames', 'packed'))
        self.video_dir = video_dir
        self.frame_dir = frame_dir
        self.packed_dir = packed_dir
        self.split_dir = split_dir
        self.filename_tmpl = filename_tmpl
        self.ann_file = ann_file
        super().__init__(pipeline, **kwargs)

    def read_split(self, folder: str) -> tuple[list[str], list[Entry]]:
        """Reads the official lists in `folder`. Returns (classes, list of annotations.Entry)."""
        raise NotImplementedError

    def load_annotations(self) -> list[dict]:
        if self.ann_file:
            self.classes, entries = read_json(self.ann_file, self.subset)
        else:
            folder = self.split_dir or first_folder(self.data_root, self.split_dirs, 'split files')
            self.classes, entries = self.read_split(folder)
        key, extension, what, root, usual = {
            'video': ('filename', '.avi', 'videos', self.video_dir, self.video_dirs),
            'frames': (
                'frame_dir',
                '',
                'frame folders',
                self.frame_dir,
                self.frame_dirs[self.modality],
            ),
            'packed': (
                'packed',
                '',
                'packed frames',
                self.packed_dir,
                self.packed_dirs[self.modality],
            ),
        }[self.source]
        root = root or first_folder(self.data_root, usual, what)
        samples = self.locate([self._entry(entry, extension) for entry in entries], root, key)
        if self.source == 'frames':
            template = self.filename_tmpl or FILENAME_TMPL[self.modality]
            samples = [dict(sample, filename_tmpl=template) for sample in samples]
        return samples

    def _entry(self, entry, extension):
        """Returns the entry with the class in `classes`' spelling, so that names agree between
        lists and JSON.
        """
        video = entry.path.partition('/')[2]
        stem = os.path.splitext(video)[0] if video.lower().endswith('.avi') else video
        return entry._replace(path=f'{self.classes[entry.label]}/{stem}{extension}')
