"""The Ascend 310 workflow, on any device: clips as files, an exported model over them, and the
figures.

    DATASET/manifest.json                           what all is, with hashes
    DATASET/00_data/i3d_data_bs1_000000.bin         a batch of clips; 01_data: flow beside RGB
    DATASET/label_bs1.npy                           int32 files x batch size; -1 fills up the last
    DATASET/result_Files/i3d_data_bs1_000000_0.bin  float32 batch size x classes

The names are those of the MindSpore models' Ascend 310 scripts. Nothing here needs MindSpore,
unless it runs the model.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from .. import __version__
from ..averages import HOW, average_clips
from ..config_checks.checks import check_config, loader_options
from ..config_checks.protocols import check_joint, describe_protocol, fixed_length, models, subsets
from ..datasets.loader import ClipLoader
from ..datasets.sampler import SequentialSampler
from ..errors import ConfigError, DataError, ExportError, first_difference
from ..evaluation.results import Results
from ..exporters.sidecar import DTYPE
from ..fileio import atomic_path, atomic_write, sha256
from ..models.normalization import SYMMETRIC, normalizations_of
from ..plain_json import COUNT, PLAIN_NAME, WHOLE, Form, check_form, read_json
from ..plain_npy import open_npy
from ..preparation.extraction import keep_settings
from ..registry import DATASETS
from ..runtimes.exported import load_exported

if TYPE_CHECKING:
    from ..config import Config

MANIFEST = 'manifest.json'
RESULTS = 'result_Files'
VERSION = 1


def write_dataset(
    cfg: Config, out: str, batch_size: int = 1, input: str = 'uint8', data: str = 'test'
) -> dict:
    """Writes the clips of `cfg.data.<data>` as files that hold a batch each.

    What is there from a call that was stopped is kept. Where the config's protocol has clips of any
    length, which no exported file takes, one clip from the middle of each video is taken.

    Args:
        cfg: see docs/config.md.
        out: the folder.
        batch_size: clips a file. The last file is filled up with copies of its last clip.
        input: 'uint8' (N x T x H x W x C), or 'float32' (N x C x T x H x W, normalized), as in
            tools/export.py.

    Returns: dict, the manifest.
    Raises: an I3DBoxError for a folder that was begun with other settings, a full disk, or damaged
        videos.
    """
    check_config(cfg, ('model', 'data'), data=[data])
    cfg = copy.deepcopy(cfg)
    fixed_length(cfg, data)
    dataset = DATASETS.build(cfg.data[data], test_mode=True)
    if dataset.multi_class:
        raise ConfigError(
            f'data.{data} has several labels a video; a folder for the device holds one a video'
        )
    videos = [dict(name=sample['name'], label=sample['label']) for sample in dataset.samples]
    normalizations = list(normalizations_of(cfg.model, dataset.inputs).values())
    settings = dict(
        # RGB is what a folder of before is of, which does not say
        **({} if dataset.modality == 'RGB' else {'modality': dataset.modality}),
        protocol=describe_protocol(cfg, data),
        data=data,
        batch_size=batch_size,
        input=input,
        **({} if {*normalizations} == {SYMMETRIC} else {'values': [*map(str, normalizations)]}),
        videos=hashlib.sha256(json.dumps(videos).encode()).hexdigest(),
    )
    os.makedirs(out, exist_ok=True)
    keep_settings(out, settings, 'settings.json')
    if os.path.exists(os.path.join(out, MANIFEST)):
        return read_manifest(out)
    writer = _BatchWriter(out, dataset, batch_size, input, normalizations)
    if writer.clips_per_video != 1:
        check_joint(cfg)
    _write_clips(writer, dataset, loader_options(cfg, data))
    written = set(writer.videos)
    manifest = dict(
        version=VERSION,
        i3dbox=__version__,
        **{**settings, 'videos': videos, 'modality': dataset.modality},
        config=cfg.filename,
        config_text=cfg.pretty_text,
        average_clips=models(cfg.model)[0].get('average_clips', 'score'),
        subset=subsets(cfg.data[data]),
        classes=list(dataset.classes) if dataset.classes else None,
        num_classes=dataset.num_classes,
        inputs=writer.inputs,
        clips=writer.videos,
        files=writer.names,
        sha256=writer.hashes,
        skipped=[video['name'] for i, video in enumerate(videos) if i not in written],
    )
    atomic_write(os.path.join(out, MANIFEST), json.dumps(manifest, ensure_ascii=False, indent=1))
    return manifest


def _write_clips(writer, dataset, options):
    """Writes what an earlier call has not written yet."""
    first = writer.go_on()
    options.pop('batch_size', None)
    loader = ClipLoader(
        dataset,
        SequentialSampler(len(dataset), 1),
        start_step=first,
        num_steps=len(dataset) - first,
        **options,
        prefetch=max(2, options.get('num_workers', 0)),
    )
    progress = tqdm(
        loader, desc='clips', unit='video', initial=first, total=len(dataset), disable=None
    )
    for batch in progress:
        if batch['index'][0] >= 0:
            writer.add(int(batch['index'][0]), [batch[name][0] for name in dataset.inputs])
    writer.finish()


class _BatchWriter:
    """Writes clips in files of `batch_size`, one file for each input.

    A journal tells the hash of each file that is whole; what is not in it is written anew.
    """

    def __init__(self, out, dataset, batch_size, input, normalizations):
        self.out = out
        self.normalizations = normalizations
        self.dataset = dataset
        self.batch_size = batch_size
        self.dtype = input
        self.folders = [f'{index:02d}_data' for index in range(len(dataset.inputs))]
        self.videos = []
        self.names = []
        self.hashes = {}
        self.inputs = []
        self._rows = []
        self._skip = 0
        self._journal = os.path.join(out, 'hashes.txt')
        for folder in self.folders:
            os.makedirs(os.path.join(out, folder), exist_ok=True)
        first = dataset.first_readable()
        clips = [first[name] for name in dataset.inputs]
        self.clips_per_video = None if dataset.varies else len(clips[0])
        self._settle([clip[0] for clip in clips])

    def name(self, number):
        return f'i3d_data_bs{self.batch_size}_{number:06d}'

    def paths(self, number):
        """Returns the files of a batch, one for each input, from `out` on."""
        return [f'{folder}/{self.name(number)}.bin' for folder in self.folders]

    def go_on(self):
        """Takes note of the files that an earlier call has written; returns the video to go on
        with.
        """
        if self.clips_per_video is None or self.dataset.damaged != 'raise':
            return 0  # which video a clip is of cannot be told
        known = {}
        if os.path.exists(self._journal):
            with open(self._journal, encoding='utf-8') as file:
                known = dict(line.split() for line in file if len(line.split()) == 2)
        whole = 0
        while all(
            path in known and os.path.exists(os.path.join(self.out, path))
            for path in self.paths(whole)
        ):
            whole += 1
        for number in range(whole - 1):  # the last may have been filled up
            self.names.append(self.name(number))
            self.hashes.update((path, known[path]) for path in self.paths(number))
        clips = len(self.names) * self.batch_size
        self.videos = [clip // self.clips_per_video for clip in range(clips)]
        first, self._skip = divmod(clips, self.clips_per_video)
        return first

    def add(self, video, clips):
        """Takes the clips of one video: for each input, N x T x H x W x C."""
        for spec, shape, clip in zip(self.inputs, self._shapes, clips):
            if clip.shape[1:] != shape:
                sizes = [' x '.join(map(str, sizes)) for sizes in (shape, clip.shape[1:])]
                raise DataError(
                    f'{spec["name"]} of {self.dataset.samples[video]["name"]!r} is {sizes[1]}, '
                    f'and of others {sizes[0]}: give all clips one size, by a crop'
                )
        for row in list(zip(*clips))[self._skip :]:
            self.videos.append(video)
            self._rows.append(row)
            if len(self._rows) == self.batch_size:
                self._write()
        self._skip = 0

    def finish(self):
        """Fills up and writes the last file, and the labels."""
        missing = -len(self.videos) % self.batch_size
        if missing:
            self._rows += self._rows[-1:] * missing
            self.videos += [-1] * missing
            self._write()
        labels = labels_of(self.dataset.samples, self.videos)
        path = os.path.join(self.out, f'label_bs{self.batch_size}.npy')
        with atomic_path(path) as temporary:
            np.save(temporary, labels.reshape(-1, self.batch_size))

    def _settle(self, clips):
        """Notes the shapes; sees to it that all will have room."""
        self._shapes = [clip.shape for clip in clips]
        for name, folder, clip in zip(self.dataset.inputs, self.folders, clips):
            shape = clip.shape if self.dtype == 'uint8' else (clip.shape[3], *clip.shape[:3])
            self.inputs.append(
                dict(name=name, folder=folder, dtype=self.dtype, shape=[self.batch_size, *shape])
            )
        bytes_a_clip = sum(clip.size for clip in clips) * np.dtype(self.dtype).itemsize
        needed = len(self.dataset) * (self.clips_per_video or 1) * bytes_a_clip
        there = sum(
            entry.stat().st_size
            for folder in self.folders
            for entry in os.scandir(os.path.join(self.out, folder))
        )
        free = shutil.disk_usage(self.out).free
        if needed - there > free:
            raise DataError(
                f'{self.out}: the clips take {(needed - there) / 1e9:.1f} GB more, and '
                f'{free / 1e9:.1f} GB are free'
            )

    def _write(self):
        number = len(self.names)
        written = {}
        for path, rows, normalize in zip(self.paths(number), zip(*self._rows), self.normalizations):
            clips = np.stack(rows)
            if self.dtype == 'float32':
                clips = normalize(clips)
            data = clips.tobytes()
            atomic_write(os.path.join(self.out, path), data)
            written[path] = hashlib.sha256(data).hexdigest()
        with open(self._journal, 'a', encoding='utf-8') as file:
            file.write(''.join(f'{path} {digest}\n' for path, digest in written.items()))
        self.hashes.update(written)
        self.names.append(self.name(number))
        self._rows = []


def labels_of(videos: list[dict], clips: list[int]) -> np.ndarray:
    """Returns the label of each clip's video, int32; -1 for a clip that only fills up."""
    return np.array([videos[video]['label'] if video >= 0 else -1 for video in clips], np.int32)


# What a manifest must be; names in it lead to no other folder.
_FORM = dict(
    files=[PLAIN_NAME],
    inputs=[
        dict(
            name=str,
            folder=PLAIN_NAME,
            dtype=DTYPE,
            shape=[COUNT],
        )
    ],
    sha256={str: str},
    videos=[dict(name=str, label=WHOLE)],
    clips=[int],
    batch_size=COUNT,
    num_classes=COUNT,
    classes=(None, [str]),
    average_clips=Form(' or '.join(HOW), lambda value: value in HOW),
    config=(None, str),
    config_text=str,
    protocol=str,
    data=str,
    subset=(None, [str]),
    modality=str,
    skipped=[str],
)


def read_manifest(folder: str) -> dict:
    """Returns the manifest (dict) of what `write_dataset` wrote. Raises DataError where it is
    absent or something else.
    """
    path = os.path.join(folder, MANIFEST)
    try:
        manifest = read_json(path, {})
        if manifest['version'] != VERSION:
            raise ValueError(f'version {manifest["version"]}')
        check_form(manifest, _FORM, 'the manifest')
        number = len(manifest['videos'])
        if not all(-1 <= video < number for video in manifest['clips']):
            raise ValueError(f'a clip is of none of its {number} videos')
        clips = len(manifest['files']) * manifest['batch_size']
        if len(manifest['clips']) != clips:
            raise ValueError(f'its files hold {clips} clips; it names {len(manifest["clips"])}')
        if len(set(manifest['files'])) < len(manifest['files']):
            raise ValueError('it names a file twice')
        return manifest
    except FileNotFoundError:
        raise DataError(
            f'{folder} holds no {MANIFEST}: it is no data set of tools/deploy/preprocess.py, or '
            'that was stopped; call it again to finish'
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f'{path} is damaged or of another version of i3dbox: {error}') from error


def infer(
    artefact: str,
    folder: str,
    backend: str = 'auto',
    device: str = 'cpu',
    device_id: int = 0,
    threads: int | None = None,
    precision: str | None = None,
    description: str | None = None,
) -> int:
    """Runs an exported model over a data set of `write_dataset`; writes <folder>/result_Files.

    Every file is compared with its hash in the manifest before it is used. Predictions that are
    there, by the same model on the same backend, are kept.

    Args: see `load_exported`.

    Returns: the number of files.
    Raises: ExportError, DataError, DeviceError before the first file, where what is wrong can be
        known then.
    """
    manifest = read_manifest(folder)
    model = load_exported(artefact, backend, device, device_id, threads, precision, description)
    _check_fit(artefact, model, folder, manifest)
    out = os.path.join(folder, RESULTS)
    made_by = dict(
        artefact=os.path.basename(artefact),
        sha256=sha256(artefact),
        backend=type(model.backend).__name__,
        device=device,
        precision=precision,
        manifest=sha256(os.path.join(folder, MANIFEST)),
    )
    note = os.path.join(out, 'results.json')
    if _json(note) != made_by:
        shutil.rmtree(out, ignore_errors=True)
        os.makedirs(out)
        atomic_write(note, json.dumps(made_by, indent=1))
    for name in tqdm(manifest['files'], desc='infer', unit='file', disable=None):
        path = os.path.join(out, f'{name}_0.bin')
        if not os.path.exists(path):
            arrays = [_read(folder, spec, name, manifest) for spec in manifest['inputs']]
            atomic_write(path, np.ascontiguousarray(model(*arrays), np.float32).tobytes())
    return len(manifest['files'])


def _check_fit(artefact, model, folder, manifest):
    theirs = [_described(spec) for spec in model.info['inputs']]
    ours = [_described(spec) for spec in manifest['inputs']]
    if theirs != ours:
        raise ExportError(
            f'{artefact} takes {" and ".join(theirs)}; {folder} holds {" and ".join(ours)}'
        )
    classes = model.info['output']['shape'][1]
    if classes != manifest['num_classes']:
        raise ExportError(
            f'{artefact} has {classes} classes; the data set in {folder} {manifest["num_classes"]}'
        )
    difference = first_difference(model.classes, manifest['classes'])
    if difference:
        raise ExportError(f'{artefact} and {folder} differ in their classes: {difference}')


def _described(spec):
    """Returns an input's name and what its files hold, whatever the size of a batch."""
    return f'{spec["name"]}, {spec["dtype"]} N x {" x ".join(map(str, spec["shape"][1:]))}'


def _read(folder, spec, name, manifest):
    relative = f'{spec["folder"]}/{name}.bin'
    path = os.path.join(folder, relative)
    if not os.path.exists(path):
        raise DataError(f'{path}, which the manifest names, is not there')
    if sha256(path) != manifest['sha256'].get(relative):
        raise DataError(
            f'{path} is not what preprocess.py wrote: its hash is not the one in the manifest'
        )
    if os.path.getsize(path) != math.prod(spec['shape']) * np.dtype(spec['dtype']).itemsize:
        raise DataError(f'{path} has another size than the shape that the manifest states')
    return np.fromfile(path, spec['dtype']).reshape(spec['shape'])


def score_results(folder: str) -> Results:
    """Makes Results of the answers in <folder>/result_Files.

    Raises: DataError where an answer is missing, or of another size than the manifest's classes ask
        for, or where the labels are not the manifest's.
    """
    manifest = read_manifest(folder)
    _check_labels(folder, manifest)
    rows = []
    classes = manifest['num_classes']
    for name in manifest['files']:
        path = os.path.join(folder, RESULTS, f'{name}_0.bin')
        if not os.path.exists(path):
            raise DataError(
                f'{path} is not there: the model has not answered to all {len(manifest["files"])} '
                f'files'
            )
        answer = np.fromfile(path, np.float32)
        if answer.size != manifest['batch_size'] * classes:
            raise DataError(
                f'{path} holds {answer.size} values; {manifest["batch_size"]} clips of {classes} '
                f'classes are {manifest["batch_size"] * classes}'
            )
        rows.append(answer.reshape(-1, classes))
    logits = np.concatenate(rows)
    videos = np.array(manifest['clips'])
    scored = sorted({*manifest['clips']} - {-1})
    scores = [
        average_clips(logits[videos == video][None], manifest['average_clips'])[0]
        for video in scored
    ]
    samples = [manifest['videos'][video] for video in scored]
    meta = {
        key: manifest[key]
        for key in ('config', 'config_text', 'protocol', 'data', 'subset', 'modality', 'skipped')
    }
    meta['deployed'] = _json(os.path.join(folder, RESULTS, 'results.json'))
    return Results(
        [s['name'] for s in samples],
        np.array([s['label'] for s in samples], np.int32),
        np.array(scores),
        manifest['classes'],
        meta,
    )


def _check_labels(folder, manifest):
    """Raises DataError where the file of labels, which other tools read, does not say what the
    manifest says.
    """
    path = os.path.join(folder, f'label_bs{manifest["batch_size"]}.npy')
    expected = labels_of(manifest['videos'], manifest['clips'])
    labels = open_npy(path).reshape(-1)
    if len(labels) != len(expected):
        raise DataError(
            f'{path} holds {len(labels)} labels; the manifest names {len(expected)} clips'
        )
    wrong = np.flatnonzero(labels != expected)
    if wrong.size:
        raise DataError(
            f'{path} gives clip {wrong[0]} the label {labels[wrong[0]]}, the manifest '
            f'{expected[wrong[0]]}'
        )


def _json(path):
    try:
        return read_json(path, {})
    except (OSError, ValueError):
        return None
