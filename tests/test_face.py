"""`import i3dbox` costs nothing, and all that a notebook needs is there by its name."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest
from i3d_weights import write_i3d_checkpoint

import i3dbox
from i3dbox.errors import CheckpointError, ConfigError, I3DBoxError
from i3dbox.weights.checkpoint import load_checkpoint


def test_importing_the_package_imports_nothing_heavy():
    code = (
        'import sys, i3dbox; heavy = {"mindspore", "cv2", "numpy", "av", "numba"} & '
        'set(sys.modules); assert not heavy, heavy; assert "create_model" in dir(i3dbox)'
    )
    assert subprocess.run([sys.executable, '-c', code], timeout=60).returncode == 0


@pytest.mark.parametrize('name', i3dbox.__all__)
def test_each_name_is_there(name):
    assert callable(getattr(i3dbox, name))
    assert getattr(i3dbox, name) is getattr(i3dbox, name)


def test_a_type_checker_sees_the_names_that_there_are():
    tree = ast.parse(pathlib.Path(i3dbox.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == i3dbox._HOMES and set(i3dbox.__all__) == set(seen)


def test_the_package_is_the_console_command():
    command = [sys.executable, '-m', 'i3dbox', '--version']
    done = subprocess.run(command, text=True, capture_output=True, timeout=60)
    assert done.stdout == f'i3dbox {i3dbox.__version__}\n'


def test_another_name_is_not():
    with pytest.raises(AttributeError, match="has no attribute 'inferense'"):
        i3dbox.inferense  # noqa: B018


def test_models_are_listed_by_a_pattern():
    flow = i3dbox.list_models('*_flow_*')
    assert flow and all('_flow_' in name for name in flow)
    assert set(flow) < set(i3dbox.list_models())
    assert i3dbox.list_models('resnet*') == []


def test_a_pair_of_both_streams_is_listed_by_the_name_that_stands_for_it():
    assert i3dbox.list_models('i3d_k*400') == ['i3d_kinetics400']


@pytest.mark.parametrize('number', [0, -3, 2.5, True])
def test_a_number_of_classes_that_is_none_is_refused(number):
    with pytest.raises(ConfigError, match='num_classes is a whole number from 1'):
        i3dbox.create_model('i3d_rgb_kinetics400', number, pretrained=False)


@pytest.fixture
def cached(tmp_path, monkeypatch):
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path))
    write_i3d_checkpoint(tmp_path / 'i3d_rgb_kinetics400.ckpt', 'RGB', 400)


@pytest.mark.slow
def test_a_model_is_created_with_its_weights_and_a_head_of_ones_own(cached):
    whole = i3dbox.create_model('i3d_rgb_kinetics400')
    tuned = i3dbox.create_model('i3d_rgb_kinetics400', num_classes=7)
    bare = i3dbox.create_model('i3d_rgb_kinetics400', pretrained=False)
    assert (whole.num_classes, tuned.num_classes, bare.num_classes) == (400, 7, 400)
    stems = [next(iter(network.get_parameters())).asnumpy() for network in (whole, tuned, bare)]
    assert (stems[0] == stems[1]).all() and (stems[0] != stems[2]).any()


def test_a_model_that_there_is_not_is_told():
    with pytest.raises(CheckpointError, match="Did you mean 'i3d_rgb_kinetics400'"):
        i3dbox.create_model('i3d_rgb_kinetics40')
    with pytest.raises(CheckpointError, match="Did you mean 'i3d_rgb"):
        i3dbox.create_model('i3d_rgb')


WRONG = {
    'cfg is a Config': lambda: i3dbox.train('i3d_rgb_ucf101.py'),
    'plan is what prepare returns; got str': lambda: i3dbox.finetune('my_videos'),
    'overrides are a dict': lambda: i3dbox.Config.fromfile('i3d.py', ['seed=1']),
    'a checkpoint is a file or zoo://NAME; got None': lambda: load_checkpoint(None),
    'a model is named by a str; got 3': lambda: i3dbox.init_recognizer(3),
    'recognizer is what init_recognizer returns; got str': lambda: i3dbox.VideoStream('a.onnx'),
    'is what init_recognizer returns': lambda: i3dbox.inference_recognizer('a.onnx', 'a.mp4'),
    "pattern is a text such as '*flow*'; got 3": lambda: i3dbox.list_models(3),
    "which is one of 'real', 'generated'; got 'foo'": lambda: distance().update('foo', [[1.0]]),
    'resamples is a whole number from 0; got -1': lambda: distance(-1),
    "window is a whole number from 0; got '16'": lambda: features(window='16'),
    'stride is a whole number from 1; got 0': lambda: features(stride=0),
}


def distance(resamples=0):
    return i3dbox.FrechetDistance(resamples)


def features(**settings):
    return i3dbox.extract_features(['a.mp4'], 'out', 'i3d_rgb_kinetics400', **settings)


@pytest.mark.parametrize('message', WRONG)
def test_an_argument_of_another_kind_is_told_by_its_name(message):
    with pytest.raises(I3DBoxError, match=re.escape(message)):
        WRONG[message]()


def test_dir_shows_what_there_is_to_use():
    assert [name for name in dir(i3dbox) if not name.startswith('__')] == sorted(i3dbox.__all__)
