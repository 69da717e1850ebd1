"""What data sets are made of: lists, annotations, shards, arrays; and the files of a deployment."""

import functools
import json
import shutil
import sqlite3

import numpy as np
import tiny
from videos import moving_frames, write_images

from i3dbox.archives import unpack
from i3dbox.config import Config
from i3dbox.datasets.annotations import (
    read_class_names,
    read_hmdb51_split,
    read_json,
    read_rawframe_list,
    read_ucf101_classes,
    read_ucf101_list,
    read_video_list,
)
from i3dbox.errors import I3DBoxError
from i3dbox.media.packed_frames import PackedFrames, PackIndex
from i3dbox.preparation.packing import pack
from i3dbox.preparation.sources import find_sources

from ..mutators import ODD_VALUES, any_file
from . import Format, run

NAMES = ['Run/v_Run_g01_c01', 'Swim/v_Swim_g01_c01']
LISTS = {
    'classes.txt': ('Run\nSwim\n', read_class_names),
    'classInd.txt': ('1 Run\n2 Swim\n', read_ucf101_classes),
    'trainlist01.txt': (
        ''.join(f'{name}.avi {label}\n' for label, name in enumerate(NAMES, 1)),
        lambda path: read_ucf101_list(path, ['Run', 'Swim']),
    ),
    'testlist01.txt': (
        ''.join(f'{name}.avi\n' for name in NAMES),
        lambda path: read_ucf101_list(path, ['Run', 'Swim'], labelled=False),
    ),
    'videos.txt': (
        ''.join(f'{name}.avi {label}\n' for label, name in enumerate(NAMES)),
        read_video_list,
    ),
    'frames.txt': (
        ''.join(f'{name} 30 {label}\n' for label, name in enumerate(NAMES)),
        read_rawframe_list,
    ),
}


def make_lists(folder):
    for name, (text, _) in LISTS.items():
        (folder / name).write_text(text)
    for name in ('Run', 'Swim'):
        (folder / f'{name}_test_split1.txt').write_text(f'{name}_1.avi 1\n{name}_2.avi 2\n')


def read_lists(folder):
    """Reads all lists; the one that was damaged may be refused."""
    refused = None
    for name, (_, read) in LISTS.items():
        try:
            read(str(folder / name))
        except I3DBoxError as error:
            refused = error
    read_hmdb51_split(str(folder), 1, 'train')
    if refused:
        raise refused


def make_annotations(folder):
    content = dict(
        labels=['Run', 'Swim'],
        database={
            f'v_{name}_{i}': dict(
                subset='training', annotations=dict(label=name, segment=[1, 31], other=None)
            )
            for name in ('Run', 'Swim')
            for i in range(2)
        },
    )
    (folder / 'a.json').write_text(json.dumps(content))


def read_annotations(folder):
    read_json(str(folder / 'a.json'), 'train')


def make_shards(folder):
    frames = folder / 'frames'
    for number, name in enumerate(NAMES):
        write_images(frames / name, moving_frames(5, 32, 24, number))
    pack('RGB', find_sources(str(frames)), str(folder / 'packed'), 0)
    shutil.rmtree(frames)


def damage_shards(rng, folder):
    """Damages a file; or, most often, a value in the database beside a shard."""
    if rng.random() < 0.4:
        any_file(rng, folder)
        return
    database = sqlite3.connect(next((folder / 'packed').glob('*.db')))
    table = 'INDEXES'
    columns = [row[1] for row in database.execute(f'pragma table_info({table})')]
    rows = [row[0] for row in database.execute(f'select rowid from {table}')]
    plain = (None, str, int, float)
    value = rng.choice([v for v in ODD_VALUES if v is None or type(v) in plain and _fits(v)])
    try:
        database.execute(
            f'update {table} set {rng.choice(columns)} = ? where rowid = ?',
            (value, rng.choice(rows)),
        )
        database.commit()
    except sqlite3.Error:  # it does not take this one
        pass
    finally:
        database.close()


def _fits(value):
    if isinstance(value, str):
        return '\ud800' not in value
    return isinstance(value, float) or abs(value) < 2**63


def read_shards(folder):
    index = PackIndex(str(folder / 'packed'), 'RGB')
    for name in NAMES:
        records = index.find(name)
        if records:
            frames = PackedFrames(records, 'RGB', name)
            if len(frames) < 1000:
                frames.read(range(len(frames)))


def make_arrays(folder):
    rng = np.random.default_rng(0)
    for name in 'ab':
        np.save(folder / f'{name}.npy', rng.normal(size=(6, 3)).astype(np.float32))


def read_arrays(folder):
    run('fvd', str(folder / 'a.npy'), str(folder / 'b.npy'), '--resamples', '2')


def make_deployment(folder):
    """Writes what `preprocess` and `infer` write, for 3 videos and a batch of 2."""
    from i3dbox.apis.deploy import RESULTS, read_manifest, write_dataset

    config = tiny.write_config(folder, data=dict(test=dict(type='TinyDataset', size=3)), hooks=[])
    write_dataset(Config.fromfile(config), str(folder), 2)
    (folder / RESULTS).mkdir()
    for name in read_manifest(str(folder))['files']:
        np.zeros((2, 3), np.float32).tofile(folder / RESULTS / f'{name}_0.bin')
    (folder / RESULTS / 'results.json').write_text('{"backend": "none"}')
    for path in (folder / 'tiny_config.py', folder / 'hashes.txt'):
        path.unlink()


def read_deployment(folder):
    run('postprocess', str(folder), '--out', str(folder / 'scores.json'))


def make_archive(folder, kind):
    for place in ('a.txt', 'below/b.txt'):
        path = folder / 'content' / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(place * 20)
    shutil.make_archive(str(folder / 'a'), kind, str(folder / 'content'))
    shutil.rmtree(folder / 'content')


def read_archive(folder, name):
    """Unpacks an archive; whatever is in it, nothing else comes to be."""
    before = {path for path in folder.rglob('*')}
    try:
        unpack(str(folder / name), str(folder / 'out'))
    finally:
        beside = {path for path in folder.rglob('*') if folder / 'out' not in (path, *path.parents)}
        assert beside == before


FORMATS = {
    **{
        name: Format(
            functools.partial(make_archive, kind=kind),
            functools.partial(read_archive, name=f'a.{name}'),
        )
        for name, kind in {'zip': 'zip', 'tar': 'tar', 'tar.gz': 'gztar'}.items()
    },
    'lists': Format(make_lists, read_lists),
    'annotations': Format(make_annotations, read_annotations),
    'shards': Format(make_shards, read_shards, damage_shards),
    'npy': Format(make_arrays, read_arrays),
    'deployment': Format(make_deployment, read_deployment),
}
