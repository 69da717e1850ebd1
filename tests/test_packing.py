"""MindRecord shards: what they hold, who can read them, and what is said of damaged ones."""

import contextlib
import os
import shutil
import sqlite3
import struct

import numpy as np
import pytest
from videos import moving_frames, write_images, write_video

from i3dbox.commands import main
from i3dbox.datasets.loader import ClipLoader
from i3dbox.datasets.sampler import EpochSampler
from i3dbox.errors import AnnotationError, DamagedSampleError, DataError
from i3dbox.media.frame_folder import FrameFolder
from i3dbox.media.packed_frames import PackedFrames, PackIndex
from i3dbox.preparation import packing
from i3dbox.preparation.packing import pack
from i3dbox.preparation.sources import find_sources
from i3dbox.registry import DATASETS

NAMES = ["a/it's one", 'a/zwei é', 'b/three', 'b/HandStand']
PIPELINE = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=4),
    dict(type='DecodeClip'),
    dict(type='RandomCrop', size=32),
    dict(type='Flip'),
    dict(type='PackClips'),
]


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """Four videos as frames and as flow, with UCF101-like split files."""
    root = tmp_path_factory.mktemp('data')
    for i, name in enumerate(NAMES):
        frames = moving_frames(7 + 2 * i, seed=i)
        write_images(root / 'rawframes' / name, frames)
        write_images(
            root / 'flow' / name, [frame[..., :2] for frame in frames[1:]], 'image_{1:05d}{0}.jpg'
        )
    (root / 'splits').mkdir()
    (root / 'splits/classInd.txt').write_text('1 a\n2 b\n')
    lines = ''.join(f'{name}.avi {1 + (name[0] == "b")}\n' for name in NAMES)
    (root / 'splits/trainlist01.txt').write_text(lines)
    (root / 'splits/testlist01.txt').write_text(lines)
    return root


@pytest.fixture(scope='module')
def packed(folders):
    """The root of `folders`, with packs in it: two videos a shard."""
    for modality, source, out in (('RGB', 'rawframes', 'rgb'), ('Flow', 'flow', 'flow')):
        done = pack(
            modality,
            find_sources(str(folders / source), (modality,)),
            str(folders / 'packed' / out),
            0,
            2,
        )
        assert (done.made, done.present, done.failures) == (2, 0, [])
    return folders


@pytest.mark.parametrize('modality, source', [('RGB', 'rawframes'), ('Flow', 'flow')])
def test_packed_frames_are_the_same_bytes_as_in_the_folders(packed, modality, source):
    index = PackIndex(str(packed / 'packed' / modality.lower()), modality)
    for name in NAMES:
        ours = PackedFrames(index.find(name), modality, name)
        theirs = FrameFolder(str(packed / source / name), modality)
        assert len(ours) == len(theirs)
        order = [3, 0, 3, len(theirs) - 1]
        assert [[data for _, data in images] for _, images in ours.encoded(order)] == [
            [data for _, data in images] for _, images in theirs.encoded(order)
        ]
        np.testing.assert_array_equal(ours.read(order), theirs.read(order))


def test_long_videos_take_several_records_and_read_as_one(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, 'RECORD_SIZE', 3000)
    pack('RGB', find_sources(str(folders / 'rawframes')), str(tmp_path), 0)
    records = PackIndex(str(tmp_path), 'RGB').find('b/three')
    assert len(records) > 2
    ours, theirs = (
        PackedFrames(records, 'RGB', 'x'),
        FrameFolder(str(folders / 'rawframes/b/three')),
    )
    for order in (range(11), [10, 2, 5], [4]):
        np.testing.assert_array_equal(ours.read(order), theirs.read(order))


@pytest.mark.parametrize('modality', ['RGB', 'Flow'])
def test_training_from_shards_sees_the_same_clips_in_the_same_order_as_from_frames(
    packed, modality
):
    batches = {}
    for source in ('frames', 'packed'):
        dataset = DATASETS.build(
            dict(
                type='UCF101Dataset',
                data_root=str(packed),
                source=source,
                modality=modality,
                pipeline=PIPELINE,
            )
        )
        for workers in (dict(num_workers=2), dict(num_workers=2, worker='process')):
            loader = ClipLoader(
                dataset, EpochSampler(len(dataset), 2, seed=5), num_steps=4, **workers
            )
            batches[source, workers.get('worker')] = list(loader)
    expected = batches.pop(('frames', None))
    for others in batches.values():
        for batch, other in zip(expected, others):
            for key in batch:
                np.testing.assert_array_equal(batch[key], other[key])


def test_a_list_of_rawframes_reads_shards_too(packed, tmp_path):
    (tmp_path / 'list.txt').write_text(
        ''.join(f'{name} 7 {i % 2}\n' for i, name in enumerate(NAMES))
    )
    dataset = DATASETS.build(
        dict(
            type='PackedDataset',
            ann_file=str(tmp_path / 'list.txt'),
            pipeline=PIPELINE,
            data_prefix=str(packed / 'packed/rgb'),
        )
    )
    assert [sample['name'] for sample in dataset.samples] == NAMES
    assert dataset.load(1, np.random.default_rng(0))['imgs'].shape == (1, 4, 32, 32, 3)


def test_names_are_found_whatever_their_case(packed):
    index = PackIndex(str(packed / 'packed/rgb'), 'RGB')
    assert index.find('B/Handstand') == index.find('b/HandStand') is not None
    assert index.find('b/nothing') is None and index.find_folder('B') and not index.find_folder('c')


def test_mindspore_reads_the_shards(packed):
    from mindspore.dataset import MindDataset

    files = sorted(str(path) for path in (packed / 'packed/rgb').glob('*.mindrecord'))
    rows = list(
        MindDataset(files, shuffle=False).create_dict_iterator(num_epochs=1, output_numpy=True)
    )
    assert sorted(str(row['name']) for row in rows) == sorted(NAMES)
    row = next(row for row in rows if str(row['name']) == 'b/three')
    images = row['images'].tobytes()
    count, *sizes = struct.unpack('<12I', images[:48])
    first = (packed / 'rawframes/b/three/image_00001.jpg').read_bytes()
    assert count == row['frames'] == 11 and images[48 : 48 + sizes[0]] == first
    assert len(images) == 48 + sum(sizes)


@pytest.mark.slow
def test_videos_are_packed_without_frames_in_between(tmp_path):
    (tmp_path / 'videos').mkdir()
    write_video(tmp_path / 'videos/x.avi', moving_frames(5))
    for command, out in (('extract_frames', 'rgb'), ('extract_flow', 'flow')):
        main(
            command,
            [str(tmp_path / 'videos'), str(tmp_path / out), '--short-side', '32', '--workers', '1'],
        )
        modality = {'rgb': 'RGB', 'flow': 'Flow'}[out]
        assert (
            main(
                'pack',
                [
                    str(tmp_path / 'videos'),
                    str(tmp_path / 'packed' / out),
                    '--short-side',
                    '32',
                    '--modality',
                    modality,
                    '--workers',
                    '1',
                ],
            )
            == 0
        )
        frames = PackedFrames(
            PackIndex(str(tmp_path / 'packed' / out), modality).find('x'), modality, 'x'
        )
        np.testing.assert_array_equal(
            frames.read(range(4)), FrameFolder(str(tmp_path / out / 'x'), modality).read(range(4))
        )


def test_shards_that_are_there_are_left_and_other_settings_refused(packed, capsys):
    files = {path: path.stat().st_mtime_ns for path in (packed / 'packed/rgb').iterdir()}
    words = [
        'pack',
        [str(packed / 'rawframes'), str(packed / 'packed/rgb'), '--videos-per-shard', '2'],
    ]
    assert main(*words) == 0
    assert '0 shards made, 0 frames; 2 were there already' in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (packed / 'packed/rgb').iterdir()} == files
    assert main('pack', words[1][:-1] + ['3']) == 1
    assert 'was begun with videos_per_shard=2, and this is 3' in capsys.readouterr().err


@pytest.mark.slow
def test_shards_can_be_made_by_several_machines(folders, tmp_path):
    for part in ('1/2', '2/2'):
        assert (
            main(
                'pack',
                [
                    str(folders / 'rawframes'),
                    str(tmp_path / 'out'),
                    '--videos-per-shard',
                    '1',
                    '--shard',
                    part,
                    '--workers',
                    '1',
                ],
            )
            == 0
        )
    assert len(list((tmp_path / 'out').glob('*.mindrecord'))) == 4
    assert all(PackIndex(str(tmp_path / 'out'), 'RGB').find(name) for name in NAMES)


def test_a_damaged_video_is_left_out_and_its_shard_made_again_when_it_is_mended(
    folders, tmp_path, monkeypatch, capsys
):
    # so that some of its frames are written before it fails
    monkeypatch.setattr(packing, 'RECORD_SIZE', 3000)
    shutil.copytree(folders / 'rawframes', tmp_path / 'frames')
    broken = tmp_path / 'frames/b/three/image_00009.jpg'
    sound = broken.read_bytes()
    broken.write_bytes(sound[:100])
    sources = find_sources(str(tmp_path / 'frames'))
    for _ in range(2):
        done = pack('RGB', sources, str(tmp_path / 'out'), 0)
        assert [failure.name for failure in done.failures] == ['b/three']
        assert done.failures[0].reason.endswith('image_00009.jpg: this image is truncated')
        index = PackIndex(str(tmp_path / 'out'), 'RGB')
        assert index.find('b/three') is None and index.find('b/HandStand')
    broken.write_bytes(sound)
    assert pack('RGB', sources, str(tmp_path / 'out'), 0).failures == []
    assert PackIndex(str(tmp_path / 'out'), 'RGB').find('b/three')
    assert sorted(os.listdir(tmp_path / 'out')) == [
        'pack.json',
        'rgb-00001-of-00001.mindrecord',
        'rgb-00001-of-00001.mindrecord.db',
    ]


def test_a_name_that_is_no_text_is_left_out(tmp_path):
    for name in ('good', os.fsdecode(b'bad\xff')):
        write_images(tmp_path / 'frames' / name, moving_frames(2))
    done = pack('RGB', find_sources(str(tmp_path / 'frames')), str(tmp_path / 'out'), 0)
    assert [failure.reason for failure in done.failures] == [
        'its name is no UTF-8, as names in MindRecord must be'
    ]
    assert PackIndex(str(tmp_path / 'out'), 'RGB').find('good')


# damaged and missing shards


@pytest.fixture
def copied(packed, tmp_path):
    shutil.copytree(packed, tmp_path / 'data')
    return tmp_path / 'data'


def test_a_shard_cut_short_damages_its_videos_only(copied):
    for shard in (copied / 'packed/rgb').glob('rgb-00002*.mindrecord'):
        os.truncate(shard, (1 << 20) + 3000)  # behind the header
    index = PackIndex(str(copied / 'packed/rgb'), 'RGB')
    PackedFrames(index.find(NAMES[0]), 'RGB', NAMES[0]).read(range(7))
    with pytest.raises(DamagedSampleError, match='rgb-00002-of-00002.mindrecord'):
        for name in NAMES[2:]:
            PackedFrames(index.find(name), 'RGB', name).read(range(11))


@pytest.mark.parametrize(
    'spoil',
    [
        lambda shard: os.remove(f'{shard}.db'),
        lambda shard: os.truncate(shard, 5),
        lambda shard: open(f'{shard}.db', 'wb').write(b'no database at all' * 100),
        lambda shard: open(shard, 'wb').write(b'\xff' * 64),
        lambda shard: sqlite3.connect(f'{shard}.db').execute('DROP TABLE INDEXES'),
    ],
)
def test_a_shard_that_is_none_is_named(copied, spoil):
    shard = copied / 'packed/rgb/rgb-00001-of-00002.mindrecord'
    spoil(shard)
    with pytest.raises(DataError, match='rgb-00001-of-00002.mindrecord: cannot be read as a shard'):
        PackIndex(str(copied / 'packed/rgb'), 'RGB')


@pytest.mark.parametrize(
    'change',
    [
        "update INDEXES set frames_0 = 'many'",
        'update INDEXES set frames_0 = 2000000000',
        'update INDEXES set PAGE_ID_BLOB = -1',
        'update INDEXES set PAGE_OFFSET_BLOB_END = 1e18',
        # a view that never ends
        'alter table INDEXES rename to OTHERS; create view INDEXES as with recursive n(i) as '
        '(select 1 union all select i + 1 from n) select "x" || i as name_0, 0 as start_0, '
        '1 as frames_0, 1 as last_0, 0 as PAGE_ID_BLOB, 0 as PAGE_OFFSET_BLOB, '
        '99 as PAGE_OFFSET_BLOB_END, i as ROW_ID from n',
    ],
)
def test_an_index_that_says_what_a_shard_cannot_hold_is_refused(copied, change):
    path = copied / 'packed/rgb/rgb-00001-of-00002.mindrecord.db'
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(change)
    with pytest.raises(DataError, match='cannot be read as a shard'):
        PackIndex(str(copied / 'packed/rgb'), 'RGB')


def test_an_index_of_other_data_is_noticed(copied):
    for suffix in ('', '.db'):
        path = copied / f'packed/rgb/rgb-00001-of-00002.mindrecord{suffix}'
        path.rename(f'{path}.old')
    shutil.copy(
        copied / 'packed/rgb/rgb-00002-of-00002.mindrecord',
        copied / 'packed/rgb/rgb-00001-of-00002.mindrecord',
    )
    shutil.move(
        copied / 'packed/rgb/rgb-00001-of-00002.mindrecord.db.old',
        copied / 'packed/rgb/rgb-00001-of-00002.mindrecord.db',
    )
    index = PackIndex(str(copied / 'packed/rgb'), 'RGB')
    with pytest.raises(DamagedSampleError, match='where its index file says'):
        PackedFrames(index.find(NAMES[0]), 'RGB', NAMES[0]).read([0])


def test_the_wrong_modality_an_empty_folder_and_missing_videos_are_told(copied, tmp_path):
    cfg = dict(type='UCF101Dataset', data_root=str(copied), source='packed', pipeline=PIPELINE)
    with pytest.raises(DataError, match='holds RGB frames; Flow is wanted'):
        DATASETS.build(dict(cfg, modality='Flow', packed_dir=str(copied / 'packed/rgb')))
    with pytest.raises(DataError, match='holds no MindRecord shards'):
        DATASETS.build(dict(cfg, packed_dir=str(copied / 'rawframes')))
    shutil.rmtree(copied / 'packed/flow')
    with pytest.raises(DataError, match='holds no packed frames; expected a folder packed/flow'):
        DATASETS.build(dict(cfg, modality='Flow'))
    with open(copied / 'splits/trainlist01.txt', 'a') as file:
        file.write('b/gone.avi 2\n')
    with pytest.raises(DataError, match="1 of 5 entries of the list are not there: 'b/gone'"):
        DATASETS.build(cfg)
    assert len(DATASETS.build(dict(cfg, missing='skip'))) == 4


def test_folders_of_both_kinds_want_a_word(folders, tmp_path, capsys):
    assert main('pack', [str(folders), str(tmp_path / 'out')]) == 1
    assert 'name what to pack by --modality' in capsys.readouterr().err
    assert main('pack', [str(tmp_path), str(tmp_path / 'out')]) == 1
    assert 'holds no videos' in capsys.readouterr().err


def test_annotations_still_rule_what_is_read(packed, tmp_path):
    (tmp_path / 'list.txt').write_text('a/one seven 0\n')
    with pytest.raises(AnnotationError, match="expected 'path total_frames label'"):
        DATASETS.build(
            dict(
                type='PackedDataset',
                ann_file=str(tmp_path / 'list.txt'),
                pipeline=PIPELINE,
                data_prefix=str(packed / 'packed/rgb'),
            )
        )


def test_a_video_that_opencv_cannot_make_flow_of_costs_its_shard_nothing(tmp_path):
    for name, size in (('good', (64, 48)), ('tiny', (8, 8))):
        write_images(tmp_path / 'x' / name, moving_frames(3, *size))
        write_video(tmp_path / f'{name}.avi', moving_frames(3, *size))
    shutil.rmtree(tmp_path / 'x')
    done = pack(
        'Flow', find_sources(str(tmp_path)), str(tmp_path / 'out'), 0, method='dis', short_side=0
    )
    assert done.made == 1 and [failure.name for failure in done.failures] == ['tiny']


def test_a_method_that_does_not_exist_is_told_before_the_folder_is_begun(tmp_path, capsys):
    write_video(tmp_path / 'a.avi', moving_frames(3))
    assert (
        main(
            'pack',
            [
                str(tmp_path / 'a.avi'),
                str(tmp_path / 'out'),
                '--modality',
                'Flow',
                '--method',
                'no',
            ],
        )
        == 1
    )
    assert (
        "no flow method is called 'no'" in capsys.readouterr().err
        and not (tmp_path / 'out').exists()
    )
