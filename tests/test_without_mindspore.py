"""An installation without MindSpore answers, takes features, measures and tests; what trains says
what it lacks. Run where MindSpore is installed, it is hidden from the commands.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
from videos import moving_frames, write_video

from i3dbox.errors import DataError
from i3dbox.models.i3d_table import parameter_shapes
from i3dbox.weights.checkpoint_file import write_checkpoint

HIDDEN = "import sys; sys.modules['mindspore'] = None; "
CONFIG = """
model = dict(
    type='Recognizer3D',
    backbone=dict(type='InceptionI3D'),
    head=dict(type='I3DHead', num_classes=4))
pipeline = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=8, mode='whole'),
    dict(type='DecodeClip'),
    dict(type='Resize', short_side=36),
    dict(type='CenterCrop', size=32),
    dict(type='PackClips')]
data = dict(test=dict(
    type='VideoDataset', ann_file='list.txt', data_prefix='videos', pipeline=pipeline,
    classes=['a', 'b', 'c', 'd']))
runner = dict(CPU=dict(type='CPURunner'))
hooks = [dict(type='LoggerHook'), dict(type='CheckpointHook')]
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A config, made-up weights, and two videos with their list."""
    folder = tmp_path_factory.mktemp('without')
    rng = np.random.default_rng(7)
    parameters = {
        name: rng.normal(0, 0.05, shape).astype(np.float32) ** 2 + 0.01
        for name, shape in parameter_shapes(3, 4).items()
    }
    write_checkpoint(str(folder / 'a.ckpt'), parameters, meta=dict(modality='RGB'))
    (folder / 'config.py').write_text(CONFIG)
    (folder / 'videos').mkdir()
    for name in ('one', 'two'):
        write_video(folder / f'videos/{name}.avi', moving_frames(20, 48, 40))
    (folder / 'list.txt').write_text('one.avi 0\ntwo.avi 3\n')
    return folder


@pytest.fixture
def run(folder, tmp_path, monkeypatch):
    """A function: runs a command in the folder, without MindSpore."""
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path))

    def run(*arguments, status=0):
        program = HIDDEN + 'from i3dbox.commands import cli; sys.exit(cli(sys.argv[1:]))'
        done = subprocess.run(
            [sys.executable, '-c', program, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == status, done.stderr
        assert 'Traceback' not in done.stderr
        return done.stdout if status == 0 else done.stderr

    return run


@pytest.mark.slow
def test_a_video_is_recognised(run):
    said = run(
        'demo', 'videos/one.avi', '--config', 'config.py', '--checkpoint', 'a.ckpt', '--top', '1'
    )
    assert 'computed by openvino' in said and '100' not in said.splitlines()[-1].split('%')[0]


@pytest.mark.slow
def test_features_are_taken(run, tmp_path):
    out = tmp_path / 'features'
    model = ('--config', 'config.py', '--checkpoint', 'a.ckpt', '--endpoint', 'Mixed_3b')
    said = run('features', 'videos', str(out), *model, '--window', '0')
    assert 'computed by openvino' in said and '2 files of features made' in said
    assert np.load(out / 'one.npy').shape == (9, 256)
    settings = json.loads((out / 'features.json').read_text())
    assert (settings['engine'], settings['precision']) == ('openvino', 'float32')


def test_a_folder_that_was_begun_before_there_were_engines_is_mindspores(tmp_path):
    from i3dbox.apis.features import BEFORE, SETTINGS
    from i3dbox.preparation.extraction import keep_settings

    keep_settings(str(tmp_path), dict(fps=25), SETTINGS)
    keep_settings(str(tmp_path), dict(fps=25, **BEFORE), SETTINGS, BEFORE)
    with pytest.raises(DataError, match="begun with engine='mindspore', and this is 'openvino'"):
        keep_settings(
            str(tmp_path), dict(fps=25, **{**BEFORE, 'engine': 'openvino'}), SETTINGS, BEFORE
        )


@pytest.mark.slow
def test_a_distance_is_measured(run):
    said = run('fvd', 'videos', 'videos', '--config', 'config.py', '--checkpoint', 'a.ckpt')
    assert 'FVD: ' in said and '(2 real and 2 generated clips)' in said


@pytest.mark.slow
def test_a_test_set_is_scored_and_the_results_say_by_what(run, tmp_path):
    out = tmp_path / 'scores.json'
    said = run('test', 'config.py', 'a.ckpt', '--out', str(out))
    assert '2 videos' in said and said.count('computed by openvino') == 1
    assert json.loads(out.read_text())['meta']['precision'] == 'float32'


@pytest.mark.parametrize(
    'arguments',
    [
        ('train', 'config.py'),
        ('export', 'config.py', 'a.ckpt', '--format', 'MINDIR'),
        ('demo', 'videos/one.avi', '--config', 'config.py', '--checkpoint', 'a.ckpt')
        + ('--engine', 'mindspore'),
    ],
    ids=['train', 'export', 'engine'],
)
def test_what_needs_mindspore_says_what_brings_it(run, arguments):
    said = run(*arguments, status=1)
    assert 'MindSpore' in said and 'pip install "i3dbox[train]"' in said
    assert len(said.splitlines()) == 1
