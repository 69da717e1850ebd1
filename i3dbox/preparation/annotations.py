"""Annotation files out of the official split files and the folders of frames."""

from __future__ import annotations

import json
import os

from tqdm import tqdm

from ..datasets.annotations import JSON_SUBSETS
from ..errors import AnnotationError
from ..fileio import atomic_write
from ..media.frame_folder import FrameFolder
from ..registry import DATASETS

# By the data set's name: its type, the file that a split needs, and the original's name for a
# split's JSON.
DATASET_TYPES = {
    'ucf101': ('UCF101Dataset', 'trainlist{:02d}.txt', 'ucf101_{:02d}.json'),
    'hmdb51': ('HMDB51Dataset', '_test_split{}.txt', 'hmdb51_{}.json'),
}


def build_annotations(
    name: str,
    split_dir: str,
    frame_dir: str,
    out: str,
    format: str = 'original',
    modality: str = 'RGB',
    filename_tmpl: str | None = None,
    start_index: int | None = None,
    missing: str = 'raise',
) -> list[str]:
    """Writes the annotation files of each split that `split_dir` holds.

    'original': one JSON per split, as datasets.annotations.read_json describes it. 'mmaction': four
    lists per split, <name>_{train,val}_split_<N>_{rawframes,videos}.txt.

    Args:
        name: 'ucf101' or 'hmdb51'.
        split_dir: the folder of the official split files.
        frame_dir: the folder of folders of frames.
        out: the folder for the files.
        format: see above.
        modality: of the frames.
        filename_tmpl, start_index: see media.frame_folder.FrameFolder.
        missing: what to do about entries without frames: 'raise' or 'skip'.

    Returns:
        list of str: the paths written.

    Raises:
        AnnotationError: no split, or two videos of one name. DataError: entries without frames.
        DamagedSampleError: a folder of frames with a gap.
    """
    type_, needed, json_name = DATASET_TYPES[name]
    files = os.listdir(split_dir) if os.path.isdir(split_dir) else []
    splits = [
        split for split in (1, 2, 3) if any(file.endswith(needed.format(split)) for file in files)
    ]
    if not splits:
        raise AnnotationError(f'{split_dir}: holds no files *{needed.format(1)}')
    counts = {}
    written = {}
    for split in splits:
        subsets = {}
        for subset in JSON_SUBSETS:
            subsets[subset] = dataset = DATASETS.build(
                dict(
                    type=type_,
                    data_root=split_dir,
                    split=split,
                    subset=subset,
                    source='frames',
                    split_dir=split_dir,
                    frame_dir=frame_dir,
                    modality=modality,
                    filename_tmpl=filename_tmpl,
                    pipeline=[],
                    missing=missing,
                )
            )
            new = [sample for sample in dataset.samples if sample['name'] not in counts]
            for sample in tqdm(new, desc='counting frames', unit='video', disable=None):
                counts[sample['name']] = len(
                    FrameFolder(
                        sample['frame_dir'],
                        modality,
                        filename_tmpl,
                        start_index,
                        name=sample['name'],
                    )
                )
        if format == 'original':
            written[json_name.format(split)] = json.dumps(_original(subsets, counts))
            continue
        for subset, dataset in subsets.items():
            stem = f'{name}_{dict(train="train", test="val")[subset]}_split_{split}'
            written[f'{stem}_rawframes.txt'] = _list(
                dataset, lambda s: f'{s["name"]} {counts[s["name"]]}'
            )
            written[f'{stem}_videos.txt'] = _list(dataset, lambda s: f'{s["name"]}.avi')
    paths = [os.path.join(out, file) for file in written]
    for path, text in zip(paths, written.values()):
        atomic_write(path, text)
    return paths


def _original(subsets, counts):
    database = {}
    for subset, dataset in subsets.items():
        for sample in dataset.samples:
            class_name, _, video = sample['name'].partition('/')
            if video in database:
                raise AnnotationError(
                    f'{sample["name"]}: the JSON names a video once, without its class, and '
                    f'{video!r} is in it already: it is in two classes, or for training and for '
                    'testing'
                )
            database[video] = dict(
                subset=JSON_SUBSETS[subset],
                annotations=dict(label=class_name, segment=[1, counts[sample['name']] + 1]),
            )
    return dict(labels=subsets['train'].classes, database=database)


def _list(dataset, left):
    return ''.join(f'{left(sample)} {sample["label"]}\n' for sample in dataset.samples)
