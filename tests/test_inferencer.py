"""The recognizer with mmaction2's face."""

import csv
import json

import numpy as np
import pytest
from test_recognize import made
from videos import moving_frames, write_video

from i3dbox.apis import I3DInferencer, inference_recognizer
from i3dbox.errors import ConfigError, DamagedSampleError, DataError


@pytest.fixture(scope='module')
def inferencer(tmp_path_factory):
    cfg, checkpoints = made(tmp_path_factory.mktemp('network'), 'rgb')
    return I3DInferencer(cfg, checkpoints)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'in/deep').mkdir(parents=True)
    for number, name in enumerate(('a', 'deep/b', 'predictions')):
        write_video(tmp_path / f'in/{name}.avi', moving_frames(12 + number))
    (tmp_path / 'in/c.mp4').write_bytes(b'no video')
    return tmp_path / 'in'


def assert_is(found, answer):
    np.testing.assert_allclose(found['pred_score'], answer.probabilities, rtol=1e-6)
    assert found['rec_scores'] == [found['pred_score']] and found['rec_labels'] == [
        [found['pred_label']]
    ]
    assert found['pred_label'] == answer.top(1)[0].label
    assert found['pred_class'] == answer.top(1)[0].name


@pytest.mark.slow
def test_a_video_has_the_answer_of_inference_recognizer(inferencer, folder):
    (found,) = inferencer(str(folder / 'a.avi'))['predictions']
    assert_is(found, inference_recognizer(inferencer.recognizer, folder / 'a.avi'))
    assert found['name'] == 'a' and found['filename'] == str(folder / 'a.avi')
    (array,) = inferencer(np.stack(moving_frames(12)))['predictions']
    assert array['name'] == 'frames' and array['filename'] == ''


@pytest.mark.slow
def test_windows_of_a_video_are_averaged(folder):
    cfg, checkpoints = made(folder.parent, 'rgb')
    windowed = I3DInferencer(cfg, checkpoints, window=8, stride=4)
    (found,) = windowed(folder / 'a.avi')['predictions']
    assert_is(found, inference_recognizer(windowed.recognizer, folder / 'a.avi', 8, 4))


def test_a_folder_gives_a_row_a_video_beside_the_files(inferencer, folder, tmp_path):
    found = inferencer(folder, batch_size=2, out_dir=tmp_path / 'out')['predictions']
    names = ['a', 'c', 'deep/b', 'predictions']
    assert [one['name'] for one in found] == names
    assert 'no video that FFmpeg can read' in found[1]['error']
    for one in found:
        path = tmp_path / f'out/predictions/{one["name"]}.json'
        assert json.loads(path.read_text()) == one
    table = json.loads((tmp_path / 'out/predictions.json').read_text())['videos']
    with open(tmp_path / 'out/predictions.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['name'] for row in rows] == [row['name'] for row in table] == names
    assert [row['label'] for row in rows] == [str(one.get('pred_label', '')) for one in found]
    assert rows[1]['error'] and not rows[0]['error']


def test_a_list_may_hold_anything_and_names_stay_apart(inferencer, folder):
    inputs = [folder / 'a.avi', str(folder / 'a.avi'), np.stack(moving_frames(9)), folder]
    found = inferencer(inputs)['predictions']
    names = ['a', 'a (2)', 'frames', 'a (3)', 'c', 'deep/b', 'predictions']
    assert [one['name'] for one in found] == names
    assert found[0]['pred_score'] == found[1]['pred_score'] == found[3]['pred_score']


def test_a_single_video_that_cannot_be_read_is_an_error(inferencer, folder):
    with pytest.raises(DamagedSampleError, match='no video that FFmpeg can read'):
        inferencer(folder / 'c.mp4')


@pytest.mark.parametrize('inputs', [[], 5, None])
def test_what_is_no_video_is_refused(inferencer, inputs):
    with pytest.raises(DataError, match='inputs are a video, a folder, an array'):
        inferencer(inputs)


def test_a_batch_is_at_least_one(inferencer, folder):
    with pytest.raises(ConfigError, match='batch_size is a whole number from 1; got 0'):
        inferencer(folder / 'a.avi', batch_size=0)
