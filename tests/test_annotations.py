import json
import re

import pytest

from i3dbox.datasets import annotations as ann
from i3dbox.datasets.video_json import read_class_json, read_video_json
from i3dbox.errors import AnnotationError, ConfigError

CLASSES = ['Archery', 'HandstandPushups']


@pytest.fixture
def write(tmp_path):
    def write_file(content, name='list.txt'):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write_file


def facts(entries):
    return [(entry.path, entry.label) for entry in entries]


@pytest.mark.parametrize('split, train, test', [(1, 9537, 3783), (2, 9586, 3734), (3, 9624, 3696)])
def test_the_official_ucf101_splits_have_their_published_sizes(shared_data, split, train, test):
    folder = shared_data / 'ucf101_splits'
    classes = ann.read_ucf101_classes(str(folder / 'classInd.txt'))
    assert len(classes) == 101
    entries = ann.read_ucf101_list(str(folder / f'trainlist0{split}.txt'), classes)
    others = ann.read_ucf101_list(str(folder / f'testlist0{split}.txt'), classes, labelled=False)
    assert (len(entries), len(others)) == (train, test)
    assert (
        {entry.label for entry in entries} == {entry.label for entry in others} == set(range(101))
    )
    assert not {entry.path for entry in entries} & {entry.path for entry in others}


def test_ucf101_lists_are_read_whatever_their_line_ends_spelling_and_byte_order_mark(write):
    path = write('\ufeffArchery/v_a.avi 1\r\nHandStandPushups/v_b.avi 2\r\n\r\n')
    assert facts(ann.read_ucf101_list(path, CLASSES)) == [
        ('Archery/v_a.avi', 0),
        ('HandStandPushups/v_b.avi', 1),
    ]


def test_a_ucf101_test_list_may_have_labels_or_not(write):
    path = write('Archery/v_a.avi 1\nHandstandPushups/v_b.avi\n')
    assert [entry.label for entry in ann.read_ucf101_list(path, CLASSES, labelled=False)] == [0, 1]


@pytest.mark.parametrize(
    'text, message',
    [
        ('', 'is empty'),
        ('\n \r\n', 'is empty'),
        ('Archery/v_a.avi 1\nArchery/v_b.avi\n', r":2: no label; expected 'Archery/v_b.avi 1'"),
        ('Archery/v_a.avi 2\n', r":1: label 2 contradicts the folder: 'Archery' has label 1"),
        ('Archery/v_a.avi 0\n', r':1: label 0 contradicts'),
        ('Flying/v_a.avi 1\n', r":1: 'Flying' is none of the 2 classes"),
        ('v_a.avi 1\n', r":1: expected 'Class/video.avi label'"),
        (
            'Archery/v_a.avi 1\nArchery/v_a.avi 1\n',
            r":2: the video 'Archery/v_a.avi' stands in the list twice",
        ),
    ],
)
def test_a_bad_ucf101_list_is_refused_by_line(write, text, message):
    with pytest.raises(AnnotationError, match=message) as caught:
        ann.read_ucf101_list(write(text), CLASSES)
    assert 'list.txt' in str(caught.value)


@pytest.mark.parametrize(
    'text, message',
    [
        ('', 'is empty'),
        ('1 Archery\n3 Flying\n', ":2: expected '2 Class', got '3 Flying'"),
        ('Archery\n', ":1: expected '1 Class'"),
        ('1 Archery\n2 Archery\n', ":2: the class 'Archery' stands in the list twice"),
    ],
)
def test_a_bad_class_list_is_refused_by_line(write, text, message):
    with pytest.raises(AnnotationError, match=message):
        ann.read_ucf101_classes(write(text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(AnnotationError, match='absent.txt: cannot be read: No such file'):
        ann.read_ucf101_classes(str(tmp_path / 'absent.txt'))


ODD_NAMES = ['a (1) b.avi', '#437 & co;+[x]!.avi', 'Übung_größer.avi', '2.avi']


@pytest.mark.parametrize('encoding', ['utf-8', 'latin-1'])
def test_hmdb51_names_hold_anything_and_ids_choose_the_subset(write, tmp_path, encoding):
    lines = [f'{name} {id_} \r\n' for name, id_ in zip(ODD_NAMES, (1, 2, 0, 1))]
    write(''.join(lines).encode(encoding), 'wave_test_split2.txt')
    write('x.avi 1\n', 'brush_hair_test_split2.txt')
    write('y.avi 1\n', 'wave_test_split1.txt')
    classes, entries = ann.read_hmdb51_split(str(tmp_path), 2, 'train')
    assert classes == ['brush_hair', 'wave']
    assert facts(entries) == [('brush_hair/x.avi', 0), ('wave/a (1) b.avi', 1), ('wave/2.avi', 1)]
    _, entries = ann.read_hmdb51_split(str(tmp_path), 2, 'test')
    assert facts(entries) == [('wave/' + ODD_NAMES[1], 1)]
    write(f'{ODD_NAMES[2]} 2'.encode(encoding), 'wave_test_split2.txt')
    assert facts(ann.read_hmdb51_split(str(tmp_path), 2, 'test')[1]) == [
        ('wave/' + ODD_NAMES[2], 1)
    ]


def test_bad_hmdb51_files_are_refused_by_line(write, tmp_path):
    with pytest.raises(AnnotationError, match='holds no file <class>_test_split1.txt'):
        ann.read_hmdb51_split(str(tmp_path), 1, 'train')
    for text, message in (
        ('a.avi 3\n', ":1: expected 'name.avi id' with id 0, 1 or 2, got 'a.avi 3'"),
        ('a b.avi\n', ":1: expected 'name.avi id'"),
        ('', 'is empty'),
        ('a.avi 1\na.avi 2\n', ":2: the video 'wave/a.avi' stands in the list twice"),
    ):
        write(text, 'wave_test_split1.txt')
        with pytest.raises(AnnotationError, match=message):
            ann.read_hmdb51_split(str(tmp_path), 1, 'train')
    write('a.avi 1', 'wave_test_split1.txt')
    write('a.avi 1', 'walk_test_split2.txt')
    with pytest.raises(AnnotationError, match='walk_test_split1.txt: cannot be read'):
        ann.read_hmdb51_split(str(tmp_path), 1, 'train')


def original_json(**changes):
    video = {'subset': 'training', 'annotations': {'label': 'walk', 'segment': [1, 31]}, **changes}
    other = {'subset': 'validation', 'annotations': {'label': 'run', 'segment': [1, 2]}}
    return json.dumps({'labels': ['run', 'walk'], 'database': {'a b': video, 'c': other}})


def test_the_originals_json_is_read(write):
    path = write(original_json())
    assert ann.read_json(path, 'train')[0] == ['run', 'walk']
    assert facts(ann.read_json(path, 'train')[1]) == [('walk/a b', 1)]
    assert facts(ann.read_json(path, 'test')[1]) == [('run/c', 0)]


@pytest.mark.parametrize(
    'text, message',
    [
        ('{"labels": [],\n  oops}', 'list.txt:2: not JSON'),
        ('[1, 2]', 'expected an object with "labels" and "database"'),
        ('{"labels": ["a"]}', 'expected an object with "labels" and "database"'),
        (original_json(subset='testing'), '\'a b\': expected the subset "training" or'),
        (original_json(annotations={'label': 'fly'}), "'a b': 'fly' is none of the 2 \"labels\""),
        (
            original_json(annotations=None),
            '\'a b\': expected "subset" and "annotations" with "label"',
        ),
    ],
)
def test_a_bad_json_is_refused_by_entry(write, text, message):
    with pytest.raises(AnnotationError, match=re.escape(message)):
        ann.read_json(write(text), 'train')


SOMETHING = [
    dict(id='78687', label='holding a potato', template='Holding [something]', placeholders=[]),
    dict(id='42326', label='lid on jar', template='Putting [something] on [something]'),
]
LABELS = {'Putting something on something': '1', 'Holding something': '0'}
DIVING = [
    dict(vid_name='-mmq0PT-u8k_00155', label=1, start_frame=0, end_frame=48),
    dict(vid_name='2x00lRzlTVQ_00000', label=0, start_frame=0, end_frame=90),
]
VOCABULARY = [['Back', '15som', '05Twis', 'FREE'], ['Back', '15som', 'NoTwis', 'PIKE']]


def test_something_somethings_own_files_are_read(write):
    classes = read_class_json(write(json.dumps(LABELS), 'labels.json'))
    assert classes == ['Holding something', 'Putting something on something']
    assert facts(read_video_json(write(json.dumps(SOMETHING), 'train.json'), classes)) == [
        ('78687.webm', 0),
        ('42326.webm', 1),
    ]


def test_diving48s_own_files_are_read(write):
    classes = read_class_json(write(json.dumps(VOCABULARY), 'vocab.json'))
    assert classes == ['Back 15som 05Twis FREE', 'Back 15som NoTwis PIKE']
    assert facts(read_video_json(write(json.dumps(DIVING), 'train.json'), None)) == [
        ('-mmq0PT-u8k_00155.mp4', 1),
        ('2x00lRzlTVQ_00000.mp4', 0),
    ]


@pytest.mark.parametrize(
    'videos, message',
    [
        ('[{"id": "1"}]', 'expected the list of Something-Something .* it.0. is an object with'),
        ('[{"id": "../1", "template": "x"}]', 'id is a name without a separator'),
        ('[{"id": "1", "template": "Flying [x]"}]', "'1': 'Flying x' is none of the 2 classes"),
        ('[{"vid_name": "a", "label": -1}]', 'label is a whole number from 0'),
        (json.dumps(DIVING[:1] * 2), "the video '-mmq0PT-u8k_00155' stands in it 2 times"),
        ('{"a": 1}', 'it is a list; got dict'),
        ('[]', 'list.json: is empty'),
        ('[\n1', 'list.json:2: not JSON'),
    ],
)
def test_videos_in_another_json_are_refused(write, videos, message):
    with pytest.raises(AnnotationError, match=message):
        read_video_json(write(videos, 'list.json'), ['Holding something', 'Other'])


@pytest.mark.parametrize(
    'content',
    ['{"a": "0", "b": "2"}', '{"a": 0, "b": "0"}', '["a", "a"]', '[]', '{}', '[1]', '[""]'],
)
def test_classes_in_another_json_are_refused(write, content):
    with pytest.raises(AnnotationError, match='labels.json: '):
        read_class_json(write(content, 'labels.json'))


def test_something_something_needs_the_file_of_its_labels(write):
    with pytest.raises(ConfigError, match="classes='something-something-v2-labels.json'"):
        read_video_json(write(json.dumps(SOMETHING), 'train.json'), None)


def test_mmactions_lists_may_hold_spaces_in_paths(write):
    assert facts(ann.read_video_list(write('a b/c 1.mp4 7\nd.mp4 0\n'))) == [
        ('a b/c 1.mp4', 7),
        ('d.mp4', 0),
    ]
    (entry,) = ann.read_rawframe_list(write('a b/c 1 250 7\n'))
    assert (entry.path, entry.total_frames, entry.label) == ('a b/c 1', 250, 7)


@pytest.mark.parametrize(
    'text, message',
    [
        ('a.mp4 1\nb.mp4\n', r":2: expected 'path label' a line, got 'b.mp4'"),
        ('a.mp4 walk\n', r":1: expected 'path label'"),
        ('a.mp4 -1\n', r":1: expected 'path label'"),
        ('7\n', r":1: expected 'path label'"),
        ('a.mp4 1\na.mp4 2\n', ":2: the path 'a.mp4' stands in the list twice"),
        ('', 'is empty'),
    ],
)
def test_a_bad_video_list_is_refused_by_line(write, text, message):
    with pytest.raises(AnnotationError, match=message):
        ann.read_video_list(write(text))


def test_a_frame_list_needs_both_numbers(write):
    with pytest.raises(
        AnnotationError, match=":1: expected 'path total_frames label' a line, got 'a 1'"
    ):
        ann.read_rawframe_list(write('a 1\n'))


def test_class_names_are_one_a_line(write, shared_data):
    assert ann.read_class_names(write('brush hair\nwave\n')) == ['brush hair', 'wave']
    assert len(ann.read_class_names(str(shared_data / 'kinetics' / 'label_map_400.txt'))) == 400
