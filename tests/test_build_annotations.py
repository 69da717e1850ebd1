"""The original's JSON and mmaction's lists, out of split files and folders of frames."""

import json

import numpy as np
import pytest
from videos import moving_frames, write_images

from i3dbox.commands import main
from i3dbox.datasets.annotations import read_json, read_rawframe_list, read_video_list
from i3dbox.registry import DATASETS


@pytest.fixture
def ucf101(tmp_path):
    """Three videos of two classes, one of them spelled as in UCF101; splits 1 and 3."""
    for i, name in enumerate(
        (
            'Archery/v_Archery_g01_c01',
            'HandstandPushups/v_HandStandPushups_g01_c01',
            'Archery/v_Archery_g02_c01',
        )
    ):
        write_images(tmp_path / 'frames' / name, moving_frames(2 + i))
    (tmp_path / 'splits').mkdir()
    (tmp_path / 'splits/classInd.txt').write_text('1 Archery\r\n2 HandstandPushups\r\n')
    for split in (1, 3):
        (tmp_path / f'splits/trainlist0{split}.txt').write_text(
            'Archery/v_Archery_g01_c01.avi 1\r\nHandStandPushups/v_HandStandPushups_g01_c01.avi '
            '2\r\n'
        )
        (tmp_path / f'splits/testlist0{split}.txt').write_text('Archery/v_Archery_g02_c01.avi\r\n')
    return tmp_path


def test_ucf101_becomes_the_originals_json_byte_for_byte(ucf101, capsys):
    words = ['ucf101', str(ucf101 / 'splits'), str(ucf101 / 'frames'), str(ucf101 / 'out')]
    assert main('build_annotations', words) == 0
    assert sorted(path.name for path in (ucf101 / 'out').iterdir()) == [
        'ucf101_01.json',
        'ucf101_03.json',
    ]
    assert (ucf101 / 'out/ucf101_01.json').read_text() == (
        '{"labels": ["Archery", "HandstandPushups"], "database": {"v_Archery_g01_c01": '
        '{"subset": "training", "annotations": {"label": "Archery", "segment": [1, 3]}}, '
        '"v_HandStandPushups_g01_c01": {"subset": "training", "annotations": {"label": '
        '"HandstandPushups", "segment": [1, 4]}}, "v_Archery_g02_c01": {"subset": "validation", '
        '"annotations": {"label": "Archery", "segment": [1, 5]}}}}'
    )
    assert capsys.readouterr().out.split() == [
        str(ucf101 / 'out/ucf101_01.json'),
        str(ucf101 / 'out/ucf101_03.json'),
    ]
    classes, entries = read_json(str(ucf101 / 'out/ucf101_03.json'), 'test')
    assert [(entry.path, entry.label) for entry in entries] == [('Archery/v_Archery_g02_c01', 0)]


def test_the_json_gives_the_samples_that_the_split_files_give(ucf101):
    main(
        'build_annotations',
        ['ucf101', str(ucf101 / 'splits'), str(ucf101 / 'frames'), str(ucf101 / 'out')],
    )
    cfg = dict(type='UCF101Dataset', data_root=str(ucf101), source='frames', pipeline=[])
    by_lists, by_json = (
        DATASETS.build(cfg),
        DATASETS.build(dict(cfg, ann_file=str(ucf101 / 'out/ucf101_01.json'))),
    )
    assert by_lists.samples == by_json.samples and by_lists.classes == by_json.classes


def test_hmdb51_becomes_three_files_and_unused_videos_are_left_out(tmp_path):
    (tmp_path / 'splits').mkdir()
    for name in ('clap', 'brush_hair'):
        for split in (1, 2, 3):
            lines = ''.join(f'{name} (é) #{k}.avi {(k + split) % 3}\n' for k in range(3))
            (tmp_path / f'splits/{name}_test_split{split}.txt').write_text(lines, encoding='utf-8')
        for k in range(3):
            write_images(tmp_path / f'frames/{name}/{name} (é) #{k}', moving_frames(2 + k))
    assert (
        main(
            'build_annotations',
            ['hmdb51', str(tmp_path / 'splits'), str(tmp_path / 'frames'), str(tmp_path)],
        )
        == 0
    )
    for split in (1, 2, 3):
        content = json.loads((tmp_path / f'hmdb51_{split}.json').read_text())
        assert content['labels'] == ['brush_hair', 'clap'] and len(content['database']) == 4
        for k in range(3):
            facts = content['database'].get(f'clap (é) #{k}')
            subset = [None, 'training', 'validation'][(k + split) % 3]
            assert facts == (
                subset and dict(subset=subset, annotations=dict(label='clap', segment=[1, k + 3]))
            )


def test_mmactions_lists_of_videos_and_rawframes(ucf101):
    assert (
        main(
            'build_annotations',
            [
                'ucf101',
                str(ucf101 / 'splits'),
                str(ucf101 / 'frames'),
                str(ucf101 / 'out'),
                '--format',
                'mmaction',
            ],
        )
        == 0
    )
    lists = {path.name: path.read_text() for path in (ucf101 / 'out').iterdir()}
    assert len(lists) == 8
    assert lists['ucf101_train_split_1_rawframes.txt'] == (
        'Archery/v_Archery_g01_c01 2 0\nHandstandPushups/v_HandStandPushups_g01_c01 3 1\n'
    )
    assert lists['ucf101_val_split_3_videos.txt'] == 'Archery/v_Archery_g02_c01.avi 0\n'
    (entry,) = read_rawframe_list(str(ucf101 / 'out/ucf101_val_split_1_rawframes.txt'))
    assert (entry.total_frames, entry.label) == (4, 0)
    assert len(read_video_list(str(ucf101 / 'out/ucf101_train_split_1_videos.txt'))) == 2


def test_flow_folders_are_counted_as_flow(ucf101):
    for folder in list((ucf101 / 'frames').glob('*/*')):
        count = len(list(folder.iterdir())) - 1
        write_images(
            ucf101 / 'flow' / folder.relative_to(ucf101 / 'frames'),
            [np.zeros((8, 8, 2), np.uint8)] * count,
            'image_{1:05d}{0}.jpg',
        )
    main(
        'build_annotations',
        [
            'ucf101',
            str(ucf101 / 'splits'),
            str(ucf101 / 'flow'),
            str(ucf101 / 'out'),
            '--modality',
            'Flow',
            '--format',
            'mmaction',
        ],
    )
    assert (
        ucf101 / 'out/ucf101_val_split_1_rawframes.txt'
    ).read_text() == 'Archery/v_Archery_g02_c01 3 0\n'


def test_entries_without_frames_are_counted_and_named_and_can_be_skipped(ucf101, capsys):
    with open(ucf101 / 'splits/trainlist01.txt', 'a') as file:
        file.write('Archery/v_Archery_g09_c01.avi 1\n')
    words = ['ucf101', str(ucf101 / 'splits'), str(ucf101 / 'frames'), str(ucf101 / 'out')]
    assert main('build_annotations', words) == 1
    assert (
        "1 of 3 entries of the list are not there: 'Archery/v_Archery_g09_c01'"
        in capsys.readouterr().err
    )
    assert not (ucf101 / 'out').exists()
    assert main('build_annotations', [*words, '--missing', 'skip']) == 0


def test_folders_without_splits_are_told(ucf101, capsys):
    for splits in (ucf101, ucf101 / 'nowhere'):
        assert (
            main(
                'build_annotations',
                ['hmdb51', str(splits), str(ucf101 / 'frames'), str(ucf101 / 'out')],
            )
            == 1
        )
        assert f'{splits}: holds no files *_test_split1.txt' in capsys.readouterr().err


def test_two_videos_of_one_name_do_not_fit_into_the_originals_json(ucf101, capsys):
    write_images(ucf101 / 'frames/HandstandPushups/v_Archery_g01_c01', moving_frames(2))
    with open(ucf101 / 'splits/trainlist01.txt', 'a') as file:
        file.write('HandstandPushups/v_Archery_g01_c01.avi 2\n')
    words = ['ucf101', str(ucf101 / 'splits'), str(ucf101 / 'frames'), str(ucf101 / 'out')]
    assert main('build_annotations', words) == 1
    assert "'v_Archery_g01_c01' is in it already: it is in two classes" in capsys.readouterr().err
    assert main('build_annotations', [*words, '--format', 'mmaction']) == 0


@pytest.mark.slow
def test_the_official_lists_become_all_of_ucf101(shared_data, tmp_path):
    lists = shared_data / 'ucf101_splits'
    video = write_images(tmp_path / 'one', moving_frames(2))
    names = {
        line.split()[0][:-4]
        for split in (1, 2, 3)
        for subset in ('train', 'test')
        for line in (lists / f'{subset}list0{split}.txt').read_text().splitlines()
        if line.strip()
    }
    for name in names:
        (tmp_path / 'frames' / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / 'frames' / name).symlink_to(video)
    assert (
        main(
            'build_annotations',
            ['ucf101', str(lists), str(tmp_path / 'frames'), str(tmp_path / 'out')],
        )
        == 0
    )
    for split, sizes in ((1, (9537, 3783)), (2, (9586, 3734)), (3, (9624, 3696))):
        content = json.loads((tmp_path / f'out/ucf101_0{split}.json').read_text())
        subsets = [facts['subset'] for facts in content['database'].values()]
        assert (subsets.count('training'), subsets.count('validation')) == sizes
        assert len(content['labels']) == 101
