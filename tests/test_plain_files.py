"""JSON and .npy of strangers are read within limits and by an exact form, and their text reaches
terminals and spreadsheets harmless."""

import dataclasses
import io
import json
import pickle

import numpy as np
import pytest

from i3dbox.apis.deploy import MANIFEST, read_manifest
from i3dbox.commands import main
from i3dbox.datasets.annotations import read_json as read_annotations
from i3dbox.datasets.annotations import read_video_list
from i3dbox.errors import AnnotationError, CheckpointError, ConfigError, DataError, ExportError
from i3dbox.evaluation.results import Results, load_results
from i3dbox.exporters.sidecar import read_sidecar
from i3dbox.fileio import sha256
from i3dbox.plain_json import PLAIN_NAME, WHOLE, check_form, read_json
from i3dbox.plain_npy import open_npy
from i3dbox.terminal import plain_cell, printable
from i3dbox.weights.checkpoint_file import read_checkpoint, write_checkpoint

DEEP = '[' * 100000


@pytest.mark.parametrize(
    'value, form, message',
    [
        (True, int, "it is a whole number; got bool 'True'"),
        (float('nan'), float, 'it is a number'),
        ([1, 'a'], [int], r'it\[1\] is a whole number'),
        ({}, dict(a=int), "it is an object with 'a'"),
        (dict(a=[dict(b=None)]), dict(a=[dict(b=str)]), r'it.a\[0\].b is a text; got NoneType'),
        (dict(x=1, y='z'), {str: int}, 'it.y is a whole number'),
        (-1, WHOLE, 'it is a whole number from 0'),
        ('a', (None, [str]), 'it is null or a list'),
        (dict(a='b'), {'?a': (None, int)}, 'it.a is null or a whole number'),
    ],
)
def test_a_value_of_another_form_is_told_by_its_place(value, form, message):
    with pytest.raises(ValueError, match=message):
        check_form(value, form)


def test_values_of_the_form_pass():
    check_form(dict(a=None, b=[1, 2.5], more=[]), {'a': (None, str), 'b': [float], '?c': int})


@pytest.mark.parametrize('name', ['../a', 'a/b', 'a\\b', '..', '.', '', 'c:a', 'a\0', 3])
def test_a_name_that_leads_elsewhere_is_no_plain_name(name):
    assert not PLAIN_NAME.fits(name)
    assert PLAIN_NAME.fits('00_data') and PLAIN_NAME.fits('..a b.bin')


@pytest.mark.parametrize(
    'text, message',
    [(DEEP, 'too deeply'), ('9' * 5000, 'limit'), ('{', 'Expecting'), ('"long"', 'at most 5 are')],
)
def test_json_beyond_the_limits_is_an_error(tmp_path, text, message):
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(ValueError, match=message):
        read_json(str(tmp_path / 'a.json'), str, limit=5 if text == '"long"' else 1 << 20)


def npy(header):
    return b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header


@pytest.mark.parametrize(
    'content, message',
    [
        (b'', 'does not begin as one'),
        (b'PK\x03\x04', 'does not begin as one'),  # an .npz under another name
        (npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,"), 'no array of NumPy'),
        (npy(b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n" + b'x' * 99), 'no array'),
        (npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999,)}\n"), 'no array'),
        (npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2)}\n"), 'no array'),
        (npy(b"{'descr': '<U4', 'fortran_order': False, 'shape': (0,)}\n"), 'no array|numbers'),
    ],
)
def test_a_damaged_array_is_one_error(tmp_path, content, message):
    (tmp_path / 'a.npy').write_bytes(content)
    with pytest.raises(DataError, match=message):
        open_npy(tmp_path / 'a.npy')


def test_an_array_is_mapped(tmp_path):
    np.save(tmp_path / 'a.npy', np.arange(6.0).reshape(2, 3))
    assert open_npy(tmp_path / 'a.npy').tolist() == [[0, 1, 2], [3, 4, 5]]


MANIFEST_VALUES = dict(
    version=1,
    files=['batch'],
    inputs=[dict(name='imgs', folder='00_data', dtype='uint8', shape=[1, 4, 8, 8, 3])],
    sha256={},
    videos=[dict(name='a', label=0)],
    clips=[0],
    batch_size=1,
    num_classes=2,
    classes=None,
    average_clips='score',
    config=None,
    config_text='',
    protocol='whole',
    data='test',
    subset=None,
    modality='RGB',
    skipped=[],
)


@pytest.mark.parametrize(
    'change',
    [
        dict(files=['../../escaped']),
        dict(inputs=[dict(MANIFEST_VALUES['inputs'][0], folder='a/b')]),
        dict(inputs=[dict(MANIFEST_VALUES['inputs'][0], folder='..')]),
        dict(inputs=[dict(MANIFEST_VALUES['inputs'][0], dtype='O8')]),
        dict(batch_size=0),
        dict(clips=[7]),
        dict(files=['batch', 'batch'], clips=[0, 0]),
        dict(average_clips='mode'),
        dict(classes={'a': 1}),
    ],
)
def test_a_manifest_that_leads_elsewhere_or_says_nonsense_is_refused(tmp_path, change):
    path = tmp_path / MANIFEST
    path.write_text(json.dumps(MANIFEST_VALUES))
    assert read_manifest(str(tmp_path)) == MANIFEST_VALUES
    path.write_text(json.dumps({**MANIFEST_VALUES, **change}))
    with pytest.raises(DataError, match='is damaged or of another version'):
        read_manifest(str(tmp_path))


@pytest.mark.parametrize(
    'change',
    [
        dict(inputs=7),
        dict(inputs=[]),
        dict(inputs=[dict(name='imgs', shape='1x4', dtype='uint8')]),
        dict(inputs=[dict(name='imgs', shape=[1, -4], dtype='uint8')]),
        dict(output=dict(shape=[2])),
        dict(output=None),
        dict(classes='wave'),
        dict(protocol=dict(test_pipeline=['OpenClip'])),
    ],
)
def test_a_sidecar_of_other_types_is_refused(tmp_path, change):
    (tmp_path / 'a.onnx').write_bytes(b'model')
    info = dict(
        version=1,
        format='ONNX',
        sha256=sha256(tmp_path / 'a.onnx'),
        inputs=[dict(name='imgs', shape=[None, 4, 8, 8, 3], dtype='uint8')],
        output=dict(shape=[None, 3]),
        classes=None,
    )
    (tmp_path / 'a.onnx.json').write_text(json.dumps(info))
    assert read_sidecar(str(tmp_path / 'a.onnx')) == info
    (tmp_path / 'a.onnx.json').write_text(json.dumps({**info, **change}))
    with pytest.raises(ExportError, match='a.onnx.json is damaged'):
        read_sidecar(str(tmp_path / 'a.onnx'))


@pytest.mark.parametrize(
    'text',
    [
        DEEP,
        '9' * 5000,
        '{"labels": [["a"]], "database": {}}',
        '{"labels": ["a"], "database": {"v": {"subset": "training", "annotations": {"label": 1}}}}',
        '{"labels": ["a"], "database": {"v": {"subset": [], "annotations": {"label": "a"}}}}',
    ],
)
def test_annotations_of_other_types_are_refused(tmp_path, text):
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(AnnotationError, match='a.json'):
        read_annotations(str(tmp_path / 'a.json'), 'train')


def test_a_label_of_thousands_of_digits_is_no_label(tmp_path):
    (tmp_path / 'a.txt').write_text(f'a.mp4 {"9" * 5000}\n')
    with pytest.raises(AnnotationError, match='a.txt:1: expected'):
        read_video_list(str(tmp_path / 'a.txt'))


def scores(**changes):
    values = dict(
        names=['a'], labels=np.zeros(1, np.int32), scores=np.ones((1, 2), np.float32), meta={}
    )
    return Results(**{'classes': ['x', 'y'], **values, **changes})


@pytest.mark.parametrize('extension', ['pkl', 'json'])
@pytest.mark.parametrize(
    'change',
    [dict(classes=[1, 2]), dict(classes=5), dict(meta=dict(skipped=3)), dict(meta=['a'])],
)
def test_results_of_other_types_are_refused(tmp_path, extension, change):
    path = str(tmp_path / f'r.{extension}')
    scores(**change).save(path)
    with pytest.raises(ConfigError, match='is no result file'):
        load_results(path)


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(labels=np.array([0.5])), 'labels are no list of whole numbers'),
        (dict(labels=np.array([True])), 'labels are no list of whole numbers'),
        (dict(labels=np.array([[0]])), 'labels are not of the classes of its scores'),
        (dict(labels=np.array([[[0]]])), 'labels are no list of whole numbers'),
        (dict(scores=[['1', '0']]), 'scores are no table of numbers'),
        (dict(scores=np.ones((1, 2, 2), np.float32)), 'scores are no table of numbers'),
        (dict(scores=np.ones((1, 0), np.float32)), 'it holds no videos'),
        (dict(names='a'), 'names is a list'),
        (dict(classes='xy'), 'classes is null or a list'),
        (dict(classes=['x', 'y', 'z']), 'it names 3 classes; its scores are 2'),
    ],
)
def test_a_pickle_of_results_of_other_kinds_is_refused(tmp_path, change, message):
    fields = {**dataclasses.asdict(scores()), **change}
    (tmp_path / 'r.pkl').write_bytes(pickle.dumps(fields))
    with pytest.raises(ConfigError, match=message):
        load_results(str(tmp_path / 'r.pkl'))


@pytest.mark.parametrize(
    'content, message',
    [
        (['a'], 'it holds a list; expected what `i3dbox test --out` writes'),
        ({'a': 1}, 'it holds a dict; expected what'),
    ],
)
def test_a_pickle_of_another_program_is_told_what_was_expected(tmp_path, content, message):
    (tmp_path / 'r.pkl').write_bytes(pickle.dumps(content))
    with pytest.raises(ConfigError, match=message):
        load_results(str(tmp_path / 'r.pkl'))


@pytest.mark.parametrize(
    'sample, message',
    [
        (dict(label=0.9), 'label is a whole number from 0'),
        (dict(label='0'), 'label is a whole number from 0'),
        (dict(label=True), 'label is a whole number from 0'),
        (dict(scores=['1', '0']), 'scores of a video are no numbers'),
        (dict(scores=[True, False]), 'scores of a video are no numbers'),
    ],
)
def test_a_json_of_results_of_other_kinds_is_refused(tmp_path, sample, message):
    path = tmp_path / 'r.json'
    scores().save(str(path))
    content = json.loads(path.read_text())
    content['samples'][0].update(sample)
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=message):
        load_results(str(path))


@pytest.mark.parametrize('value', [float('inf'), float('nan')])
def test_scores_that_are_not_finite_are_told(tmp_path, caplog, value):
    scores(scores=np.array([[value, 0]], np.float32)).save(str(tmp_path / 'r.pkl'))
    load_results(str(tmp_path / 'r.pkl'))
    assert 'scores of 1 of 1 videos are not finite' in caplog.text


@pytest.mark.parametrize('meta', [dict(classes=3), dict(modality=['RGB']), dict(step='one')])
def test_a_checkpoint_whose_description_is_nonsense_is_damaged(tmp_path, meta):
    path = str(tmp_path / 'a.ckpt')
    write_checkpoint(path, dict(a=np.zeros(1, np.float32)), meta=meta)
    with pytest.raises(CheckpointError, match='is damaged: its description'):
        read_checkpoint(path)


HOSTILE = '\x1b]0;title\x07\x1b[2Jwave\u202e\u2028\x9b31m'


def test_what_a_terminal_would_obey_is_shown():
    shown = printable(HOSTILE)
    assert shown == '\\x1b]0;title\\x07\\x1b[2Jwave\\u202e\\u2028\\x9b31m'
    assert printable('跑 a\tb\nc\r') == '跑 a\tb\nc\r'
    assert printable('a\udce9') == 'a\\udce9'


def test_class_names_of_others_reach_the_terminal_harmless(tmp_path, capsys):
    paths = [str(tmp_path / name) for name in ('a.json', 'b.json')]
    for path in paths:
        scores(classes=[HOSTILE, '=cmd()'], meta=dict(protocol=HOSTILE)).save(path)
    assert main('fuse_scores', [*paths, '--eval', 'per_class', 'confusion_matrix']) == 0
    out = capsys.readouterr().out
    assert '\\x1b[2Jwave' in out and not {'\x1b', '\x07', '\u202e', '\u2028', '\x9b'} & set(out)


@pytest.mark.parametrize('text', ['=1+1', '+a', '-a', '@a', '\ta'])
def test_a_cell_is_no_formula(text):
    assert plain_cell(text) == f"'{text}" and plain_cell('a=b') == 'a=b'


def test_a_stream_counts_what_it_was_given():
    from i3dbox.terminal import Printable

    stream = io.StringIO()
    assert Printable(stream).write('a\x1b') == 2 and stream.getvalue() == 'a\\x1b'
