import json
import logging
import re

import cv2
import numpy as np
import pytest
from fake_data import Damage, DrawClip, FakeDataset

from i3dbox.datasets.base import BaseDataset
from i3dbox.datasets.list_dataset import RawframeDataset, VideoDataset
from i3dbox.errors import AnnotationError, ConfigError, DamagedSampleError, DataError
from i3dbox.registry import DATASETS

PIPELINE = [dict(type=DrawClip)]
ODD_NAME = '#1 a; (b) & [c]+! größer.avi'


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')


@pytest.fixture
def ucf101(tmp_path):
    """Two classes, three training videos and one for testing, with videos, frames and flow."""
    train = [
        'Archery/v_Archery_g02_c01',
        'HandstandPushups/v_HandStandPushups_g02_c01',
        'Archery/v_Archery_g02_c02',
    ]
    test = ['Archery/v_Archery_g01_c01']
    labels = {'Archery': 1, 'HandstandPushups': 2}
    for name in train + test:
        touch(tmp_path / 'videos' / f'{name}.avi')
        for folder in ('rawframes', 'flow'):
            (tmp_path / folder / name).mkdir(parents=True)
    write(
        tmp_path / 'splits' / 'classInd.txt',
        ''.join(f'{i} {name}\r\n' for name, i in labels.items()),
    )
    write(
        tmp_path / 'splits' / 'trainlist01.txt',
        ''.join(f'{name}.avi {labels[name.partition("/")[0]]}\n' for name in train),
    )
    write(tmp_path / 'splits' / 'testlist01.txt', ''.join(f'{name}.avi\n' for name in test))
    return tmp_path


def build(root, type='UCF101Dataset', **kwargs):
    return DATASETS.build(dict(type=type, data_root=str(root), pipeline=PIPELINE, **kwargs))


def names(dataset):
    return [sample['name'] for sample in dataset.samples]


def test_ucf101_reads_its_split_files_and_finds_its_videos(ucf101):
    dataset = build(ucf101)
    assert dataset.classes == ['Archery', 'HandstandPushups'] and dataset.num_classes == 2
    assert names(dataset) == [
        'Archery/v_Archery_g02_c01',
        'HandstandPushups/v_HandStandPushups_g02_c01',
        'Archery/v_Archery_g02_c02',
    ]
    assert [sample['label'] for sample in dataset.samples] == [0, 1, 0]
    assert dataset.samples[0]['filename'] == str(
        ucf101 / 'videos' / 'Archery' / 'v_Archery_g02_c01.avi'
    )
    assert names(build(ucf101, subset='test')) == ['Archery/v_Archery_g01_c01']


def test_ucf101_reads_frame_folders_of_either_modality(ucf101):
    rgb, flow = (build(ucf101, source='frames', modality=modality) for modality in ('RGB', 'Flow'))
    assert names(rgb) == names(flow) == names(build(ucf101))
    assert rgb.samples[0]['frame_dir'] == str(
        ucf101 / 'rawframes' / 'Archery' / 'v_Archery_g02_c01'
    )
    assert flow.samples[0]['frame_dir'] == str(ucf101 / 'flow' / 'Archery' / 'v_Archery_g02_c01')
    assert 'filename_tmpl' not in rgb.samples[0]  # found by looking


def test_the_official_folder_names_are_found_and_each_folder_can_be_named(ucf101):
    expected = names(build(ucf101))
    (ucf101 / 'videos').rename(ucf101 / 'UCF-101')
    (ucf101 / 'splits').rename(ucf101 / 'ucfTrainTestlist')
    assert names(build(ucf101)) == expected
    (ucf101 / 'UCF-101').rename(ucf101 / 'v')
    (ucf101 / 'ucfTrainTestlist').rename(ucf101 / 's')
    (ucf101 / 'flow').rename(ucf101 / 'f')
    assert (
        names(build(ucf101, video_dir=str(ucf101 / 'v'), split_dir=str(ucf101 / 's'))) == expected
    )
    assert (
        names(
            build(
                ucf101,
                source='frames',
                modality='Flow',
                frame_dir=str(ucf101 / 'f'),
                split_dir=str(ucf101 / 's'),
            )
        )
        == expected
    )


def test_a_folder_in_another_case_than_the_list_is_found(ucf101):
    (ucf101 / 'videos' / 'HandstandPushups').rename(ucf101 / 'videos' / 'HandStandPushups')
    dataset = build(ucf101)
    assert dataset.samples[1]['name'].startswith('HandstandPushups/')
    assert 'videos/HandStandPushups/' in dataset.samples[1]['filename'].replace('\\', '/')


def test_the_originals_json_stands_in_for_the_split_files(ucf101):
    dataset = build(ucf101)
    database = {}
    for name in names(dataset):
        folder, _, video = name.partition('/')
        database[video] = {'subset': 'training', 'annotations': {'label': folder}}
    write(ucf101 / 'ucf101_01.json', json.dumps({'labels': dataset.classes, 'database': database}))
    for source in ('video', 'frames'):
        other = build(ucf101, source=source, ann_file=str(ucf101 / 'ucf101_01.json'))
        assert names(other) == names(dataset)


def test_hmdb51_finds_videos_and_frames_of_odd_names(tmp_path):
    touch(tmp_path / 'hmdb51_org' / 'wave' / ODD_NAME)
    touch(tmp_path / 'hmdb51_org' / 'brush_hair' / 'b.avi')
    (tmp_path / 'rawframes' / 'wave' / ODD_NAME[:-4]).mkdir(parents=True)
    (tmp_path / 'rawframes' / 'brush_hair' / 'b').mkdir(parents=True)
    for name, video in (('wave', ODD_NAME), ('brush_hair', 'b.avi')):
        path = tmp_path / 'testTrainMulti_7030_splits' / f'{name}_test_split1.txt'
        write(path, f'{video} 1 \nunused.avi 0 \n')
    for source in ('video', 'frames'):
        dataset = build(tmp_path, 'HMDB51Dataset', source=source)
        assert dataset.classes == ['brush_hair', 'wave']
        assert names(dataset) == ['brush_hair/b', 'wave/' + ODD_NAME[:-4]]


def test_accents_are_found_in_the_other_unicode_form(tmp_path):
    touch(tmp_path / 'gro\u0308\u00dfer.mp4')
    write(tmp_path / 'list.txt', 'gr\u00f6\u00dfer.mp4 0\n')
    assert len(VideoDataset(str(tmp_path / 'list.txt'), str(tmp_path), pipeline=PIPELINE)) == 1


def test_mmactions_lists_make_data_sets(tmp_path):
    touch(tmp_path / 'videos' / 'some where' / 'a.mp4')
    (tmp_path / 'frames' / 'a').mkdir(parents=True)
    write(tmp_path / 'videos.txt', 'some where/a.mp4 2\n')
    write(tmp_path / 'frames.txt', 'a 30 2\n')
    video = VideoDataset(str(tmp_path / 'videos.txt'), str(tmp_path / 'videos'), pipeline=PIPELINE)
    assert video.num_classes == 3 and names(video) == ['some where/a']
    frames = RawframeDataset(
        str(tmp_path / 'frames.txt'),
        str(tmp_path / 'frames'),
        PIPELINE,
        num_classes=9,
        modality='Flow',
    )
    assert frames.num_classes == 9
    assert frames.samples == [
        dict(
            name='a',
            label=2,
            total_frames=30,
            frame_dir=str(tmp_path / 'frames' / 'a'),
        )
    ]
    write(tmp_path / 'classes.txt', 'x\ny\n')
    with pytest.raises(AnnotationError, match='videos.txt:1: label 2, but there are 2 classes'):
        VideoDataset(
            str(tmp_path / 'videos.txt'),
            str(tmp_path / 'videos'),
            PIPELINE,
            classes=str(tmp_path / 'classes.txt'),
        )


def test_the_json_that_videos_come_with_makes_a_data_set(tmp_path):
    (tmp_path / 'videos').mkdir()
    (tmp_path / 'videos/7.webm').touch()
    (tmp_path / 'train.json').write_text('[{"id": "7", "template": "Pushing [a cup]"}]')
    (tmp_path / 'labels.json').write_text('{"Pushing a cup": "1", "Pulling a cup": "0"}')
    dataset = DATASETS.build(
        dict(
            type='VideoDataset',
            ann_file=str(tmp_path / 'train.json'),
            classes=tmp_path / 'labels.json',
            data_prefix=str(tmp_path / 'videos'),
        )
    )
    with pytest.raises(ConfigError, match='train.json: JSON is read by VideoDataset, of videos wi'):
        DATASETS.build(dict(type='RawframeDataset', ann_file=str(tmp_path / 'train.json')))
    with pytest.raises(ConfigError, match='VideoDataset: ann_file is a path; got 3'):
        DATASETS.build(dict(type='VideoDataset', ann_file=3))
    assert dataset.classes == ['Pulling a cup', 'Pushing a cup'] and dataset.num_classes == 2
    (sample,) = dataset.samples
    assert (sample['name'], sample['label']) == ('7', 1)
    assert sample['filename'] == str(tmp_path / 'videos/7.webm')


def test_videos_that_differ_by_their_extension_alone_are_called_by_their_whole_names(tmp_path):
    for name in ('a.avi', 'a.mp4', 'b.avi', 'a.avi.mkv'):
        touch(tmp_path / name)
    dataset = listed(tmp_path, 'a.avi 0\na.mp4 0\nb.avi 1\n', test_mode=True)
    assert names(dataset) == ['a.avi', 'a.mp4', 'b']
    gone = listed(tmp_path, 'b.avi 0\nb.mp4 0\n', test_mode=True, missing='skip')
    assert names(gone) == ['b']  # as before: nothing that is there is called the same
    with pytest.raises(AnnotationError, match="two samples are called 'a.avi'.*or rename it"):
        listed(tmp_path, 'a.avi 0\na.mp4 0\na.avi.mkv 1\n')


def listed(root, text, type=VideoDataset, **kwargs):
    write(root / 'list.txt', text)
    return type(str(root / 'list.txt'), pipeline=PIPELINE, **{'data_prefix': str(root), **kwargs})


def test_a_path_that_stands_twice_counts_twice_in_training(tmp_path):
    touch(tmp_path / 'a.avi')
    touch(tmp_path / 'b.avi')
    dataset = listed(tmp_path, 'a.avi 0\nb.avi 1\na.avi 0\na.avi 0\n')
    assert names(dataset) == ['a', 'b', 'a (2)', 'a (3)']
    assert [sample['filename'] for sample in dataset.samples].count(str(tmp_path / 'a.avi')) == 3
    with pytest.raises(AnnotationError, match="list.txt:3: the path 'a.avi' stands in the list tw"):
        listed(tmp_path, 'a.avi 0\nb.avi 1\na.avi 0\n', test_mode=True)
    with pytest.raises(AnnotationError, match="list.txt:2: 'a.avi' has the label 1, and 0 in .*:1"):
        listed(tmp_path, 'a.avi 0\na.avi 1\n')


@pytest.mark.parametrize('prefix', ['', None, 'elsewhere'])
def test_absolute_paths_need_no_prefix(tmp_path, prefix):
    touch(tmp_path / 'some where' / 'a.avi')
    (tmp_path / 'elsewhere').mkdir()
    prefix = prefix and str(tmp_path / prefix)
    dataset = listed(tmp_path, f'{tmp_path}/some where/a.avi 0\n', data_prefix=prefix)
    assert dataset.samples[0]['filename'] == str(tmp_path / 'some where' / 'a.avi')
    assert names(dataset) == [f'{str(tmp_path)[1:]}/some where/a']  # leads into every folder


def test_paths_without_a_prefix_start_where_one_stands(tmp_path, monkeypatch):
    touch(tmp_path / 'videos' / 'a.avi')
    monkeypatch.chdir(tmp_path)
    assert listed(tmp_path, 'videos/a.avi 0\n', data_prefix=None).samples[0]['filename'] in (
        'videos/a.avi',
        './videos/a.avi',
    )


def test_a_name_leads_out_of_no_folder(tmp_path):
    touch(tmp_path / 'a.avi')
    (tmp_path / 'b').mkdir()
    assert names(listed(tmp_path, '../a.avi 0\n', data_prefix=str(tmp_path / 'b'))) == ['a']


def test_a_prefix_may_be_written_as_in_mmaction2(tmp_path):
    touch(tmp_path / 'videos' / 'a.avi')
    (tmp_path / 'frames' / 'a').mkdir(parents=True)
    assert names(listed(tmp_path, 'a.avi 0\n', data_prefix=dict(video=tmp_path / 'videos'))) == [
        'a'
    ]
    frames = dict(data_prefix=dict(img=tmp_path / 'frames'), type=RawframeDataset)
    assert names(listed(tmp_path, 'a 9 0\n', **frames)) == ['a']
    for prefix in (dict(img='x'), dict(video='x', img='y'), {}):
        with pytest.raises(
            ConfigError, match=r'data_prefix is a folder, or dict\(video=...\) \(img is for Raw'
        ):
            listed(tmp_path, 'a.avi 0\n', data_prefix=prefix)


def test_fields_may_have_another_delimiter(tmp_path):
    touch(tmp_path / 'a b, c.avi')
    assert listed(tmp_path, 'a b, c.avi, 3\n', delimiter=',').samples[0]['label'] == 3
    with pytest.raises(
        AnnotationError, match="list.txt:1: expected 'path;label' a line, got 'a 3'"
    ):
        listed(tmp_path, 'a 3\n', delimiter=';')


@pytest.mark.parametrize(
    'line, message',
    [
        ('a.avi,0', "expected 'path label' a line, got 'a.avi,0'; delimiter=',' is for such lines"),
        ('a.avi 0 0', 'lines of `path total_frames label` are for RawframeDataset'),
    ],
)
def test_lists_of_another_form_are_told_what_reads_them(tmp_path, line, message):
    touch(tmp_path / 'a.avi')
    with pytest.raises((AnnotationError, DataError), match=re.escape(message)):
        listed(tmp_path, line)


def test_several_lists_are_told_what_joins_them():
    with pytest.raises(ConfigError, match='ann_file is one list; ConcatDataset joins data sets of'):
        VideoDataset(['a.txt', 'b.txt'])


def test_clips_of_a_folder_begin_at_their_offset(tmp_path):
    for number in range(1, 8):
        image = np.full((16, 16, 3), 30 * number, np.uint8)
        path = tmp_path / 'a' / f'img_{number:05}.png'
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), image)
    steps = ['OpenClip', dict(type='SampleFrames', clip_len=3), 'DecodeClip', 'PackClips']
    write(tmp_path / 'list.txt', 'a 0 3 0\na 4 3 1\n')
    dataset = RawframeDataset(
        str(tmp_path / 'list.txt'),
        str(tmp_path),
        [dict(type=step) if isinstance(step, str) else step for step in steps],
        with_offset=True,
        test_mode=True,
    )
    assert names(dataset) == ['a@0', 'a@4']
    clips = [dataset.load(index, np.random.default_rng(0))['imgs'] for index in range(2)]
    assert [clip[0, :, 0, 0, 0].tolist() for clip in clips] == [[30, 60, 90], [150, 180, 210]]


def test_labels_that_count_from_1_are_told_so(tmp_path):
    touch(tmp_path / 'a.avi')
    touch(tmp_path / 'b.avi')
    with pytest.raises(AnnotationError, match='this list counts from 1: take 1 off each label'):
        listed(tmp_path, 'a.avi 1\nb.avi 2\n', num_classes=2)
    with pytest.raises(AnnotationError, match='counted from 0$'):
        listed(tmp_path, 'a.avi 0\nb.avi 2\n', num_classes=2)


class TheirDataset(BaseDataset):
    """As mmaction2's users write one."""

    def __init__(self, found, **kwargs):
        self.found = found
        super().__init__(PIPELINE, **kwargs)

    def load_data_list(self):
        return self.found


def test_load_data_list_lists_samples_and_names_are_made_of_paths():
    dataset = TheirDataset(
        [dict(filename='/data/x/a.mp4', label=1), dict(frame_dir='x/b.c', label=0, total_frames=9)]
    )
    assert names(dataset) == ['data/x/a', 'x/b.c'] and dataset.num_classes == 2


@pytest.mark.parametrize('found', [[('a', 1)], [dict(label=1)], [None]])
def test_what_is_no_sample_is_refused(found):
    with pytest.raises(DataError, match='sample 0 is a dict with filename or frame_dir, and label'):
        TheirDataset(found)


def test_a_data_set_that_lists_nothing_is_told_what_to_write():
    class Nothing(BaseDataset):
        pass

    with pytest.raises(ConfigError, match='Nothing has no load_annotations, which lists samples'):
        Nothing(PIPELINE)


def test_absent_videos_are_summed_up_and_refused(ucf101):
    (ucf101 / 'videos' / 'Archery' / 'v_Archery_g02_c02.avi').unlink()
    with pytest.raises(DataError) as caught:
        build(ucf101)
    message = str(caught.value)
    assert "1 of 3 entries of the list are not there: 'Archery/v_Archery_g02_c02.avi'" in message
    assert 'trainlist01.txt:3' in message and "missing='skip' of this data set goes" in message
    assert 'no folder' not in message


def test_absent_videos_are_skipped_when_asked(ucf101, caplog):
    (ucf101 / 'videos' / 'Archery' / 'v_Archery_g02_c02.avi').unlink()
    with caplog.at_level(logging.WARNING):
        assert len(build(ucf101, missing='skip')) == 2
    assert '1 of 3 entries' in caplog.text and 'are skipped' in caplog.text


def test_a_class_that_is_not_on_the_disk_is_named(ucf101):
    (ucf101 / 'videos' / 'HandstandPushups').rename(ucf101 / 'elsewhere')
    with pytest.raises(DataError, match="1 of 3 entries.*there is no folder 'HandstandPushups'"):
        build(ucf101)


def test_many_absent_entries_are_counted_rather_than_listed(tmp_path):
    write(tmp_path / 'list.txt', ''.join(f'{i}.mp4 0\n' for i in range(20)))
    message = "20 of 20 entries.*'0.mp4', '1.mp4', '2.mp4', '3.mp4', '4.mp4' and 15 more"
    with pytest.raises(DataError, match=message):
        VideoDataset(str(tmp_path / 'list.txt'), str(tmp_path), missing='skip', pipeline=PIPELINE)


@pytest.mark.parametrize(
    'kwargs, error, message',
    [
        (dict(modality='Depth'), ConfigError, "modality is one of 'RGB', 'Flow'; got 'Depth'"),
        (dict(subset='val'), ConfigError, "subset is one of 'train', 'test'; got 'val'"),
        (dict(split=4), ConfigError, 'split is one of 1, 2, 3; got 4'),
        (
            dict(source='zip'),
            ConfigError,
            "source is one of 'video', 'frames', 'packed'; got 'zip'",
        ),
        (dict(missing='ignore'), ConfigError, "missing is one of 'raise', 'skip'"),
        (
            dict(damaged='skip'),
            ConfigError,
            "damaged is one of 'raise', 'replace' in training; got 'skip'",
        ),
        (
            dict(damaged='replace', test_mode=True),
            ConfigError,
            "'raise', 'skip' in testing; got 'replace'",
        ),
        (
            dict(video_dir='absent'),
            DataError,
            'absent: there is no such folder; expected the videos there',
        ),
        (dict(split=2), AnnotationError, 'trainlist02.txt: cannot be read'),
        (dict(ann_file='absent.json'), AnnotationError, 'absent.json: cannot be read'),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(ucf101, kwargs, error, message):
    with pytest.raises(error, match=message):
        build(ucf101, **kwargs)


def test_a_missing_data_root_is_named_with_what_belongs_there(tmp_path):
    with pytest.raises(
        DataError, match='absent: there is no such folder; expected a data set there'
    ):
        build(tmp_path / 'absent')
    with pytest.raises(
        DataError, match='holds no split files; expected a folder splits or ucfTrainTestlist'
    ):
        build(tmp_path)
    write(tmp_path / 'splits' / 'classInd.txt', '1 Archery\n')
    write(tmp_path / 'splits' / 'trainlist01.txt', 'Archery/v.avi 1\n')
    with pytest.raises(DataError, match='holds no videos; expected a folder videos or UCF-101'):
        build(tmp_path)


def test_a_subset_without_entries_is_refused(tmp_path):
    touch(tmp_path / 'videos' / 'wave' / 'a.avi')
    write(tmp_path / 'splits' / 'wave_test_split1.txt', 'a.avi 1\n')
    with pytest.raises(DataError, match='HMDB51Dataset has no samples'):
        build(tmp_path, 'HMDB51Dataset', subset='test')


def rng():
    return np.random.default_rng(3)


def test_load_gives_the_pipeline_what_it_needs():
    seen = {}

    class Look:
        def __call__(self, results):
            seen.update(results)
            return results

    dataset = FakeDataset(
        3, [dict(type=Look), dict(type=DrawClip)], modality='Flow', test_mode=True
    )
    results = dataset.load(1, rng())
    expected = dict(name='s1', label=1, index=1, modality='Flow', test_mode=True)
    assert {key: seen[key] for key in expected} == expected
    assert results['imgs'].shape == (1, 2, 2, 2, 3)
    assert dataset.samples[1] == dict(name='s1', label=1)


def test_a_replacement_is_the_next_readable_sample_with_the_same_random_numbers():
    dataset = FakeDataset(4, [dict(type=Damage, places=(2, 3)), dict(type=DrawClip)])
    results, reports = dataset.get(2, rng())
    assert results['name'] == 's0'
    assert reports == [('s2', 's2.avi', 'is empty', 's0'), ('s3', 's3.avi', 'is empty', 's0')]
    np.testing.assert_array_equal(results['imgs'], dataset.get(0, rng())[0]['imgs'])


def test_testing_stops_at_a_damaged_sample_unless_told_to_skip_it():
    pipeline = [dict(type=Damage, places=(2,)), dict(type=DrawClip)]
    with pytest.raises(DamagedSampleError, match='s2.avi: is empty'):
        FakeDataset(4, pipeline, test_mode=True).get(2, rng())
    assert FakeDataset(4, pipeline, test_mode=True, damaged='skip').get(2, rng()) == (
        None,
        [('s2', 's2.avi', 'is empty', None)],
    )


def two_stream(root, flow=(), **kwargs):
    stream = dict(type='UCF101Dataset', data_root=str(root), pipeline=PIPELINE)
    flow = dict(stream, source='frames', **dict(flow))
    return DATASETS.build(dict(type='TwoStreamDataset', rgb=stream, flow=flow, **kwargs))


def test_two_streams_are_joined_by_name_whatever_their_order(ucf101):
    write(ucf101 / 'other' / 'classInd.txt', (ucf101 / 'splits' / 'classInd.txt').read_text())
    lines = (ucf101 / 'splits' / 'trainlist01.txt').read_text().splitlines()
    write(ucf101 / 'other' / 'trainlist01.txt', '\n'.join(reversed(lines)))
    dataset = two_stream(ucf101, dict(split_dir=str(ucf101 / 'other')))
    assert dataset.inputs == ('rgb', 'flow') and dataset.num_classes == 2
    for sample in dataset.samples:
        assert sample['name'] == dataset.flow.samples[sample['flow']]['name']
        assert sample['name'] == dataset.rgb.samples[sample['rgb']]['name']
    assert [sample['flow'] for sample in dataset.samples] == [2, 1, 0]


def test_both_streams_draw_the_same_random_numbers(ucf101):
    dataset = two_stream(ucf101)
    results = dataset.load(1, rng())
    assert results['name'] == dataset.samples[1]['name'] and results['label'] == 1
    np.testing.assert_array_equal(results['rgb'], results['flow'])


def test_streams_of_different_videos_are_refused(ucf101):
    (ucf101 / 'flow' / 'Archery' / 'v_Archery_g02_c02').rmdir()
    message = (
        '1 samples of the RGB data set are not in the flow data set; '
        "the first is 'Archery/v_Archery_g02"
    )
    with pytest.raises(DataError, match=message):
        two_stream(ucf101, dict(missing='skip'))
    assert len(two_stream(ucf101, missing='skip')) == 2


def test_streams_of_different_labels_are_refused(ucf101):
    write(ucf101 / 'other' / 'classInd.txt', '1 HandstandPushups\n2 Archery\n')
    lines = (ucf101 / 'splits' / 'trainlist01.txt').read_text().splitlines()
    lines = [line[:-1] + str(3 - int(line[-1])) for line in lines]
    write(ucf101 / 'other' / 'trainlist01.txt', '\n'.join(lines))
    with pytest.raises(
        DataError, match="class 0 is 'Archery' in the one and 'HandstandPushups' in the oth"
    ):
        two_stream(ucf101, dict(split_dir=str(ucf101 / 'other')))


def test_a_two_stream_sample_is_damaged_if_either_stream_is(ucf101):
    dataset = two_stream(ucf101, dict(pipeline=[dict(type=Damage, places=(0,)), *PIPELINE]))
    results, reports = dataset.get(0, rng())
    assert results['index'] == 1 and reports[0].name == 'Archery/v_Archery_g02_c01'
