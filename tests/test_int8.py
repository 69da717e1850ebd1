"""OpenVINO's own files, in float32 and in int8: what they answer, on what clips int8 is calibrated
and held against, and what is refused.
"""

import importlib.util
import json
import os

import numpy as np
import pytest

pytest.importorskip('openvino')

import tiny  # noqa: E402
from smallest import SMALLEST  # noqa: E402
from tiny_export import (  # noqa: E402
    logits,
    some_clips,
    tiny_config,
    write_tiny_checkpoint,
)
from videos import write_video  # noqa: E402

from i3dbox.apis.calibration import calibration_clips  # noqa: E402
from i3dbox.apis.export import Verification, compare, export, verify  # noqa: E402
from i3dbox.config import Config  # noqa: E402
from i3dbox.errors import ConfigError, DeviceError, ExportError, I3DBoxError  # noqa: E402
from i3dbox.inference.clip_pipelines import authors_pipeline  # noqa: E402
from i3dbox.inference.model_spec import plain_i3d  # noqa: E402
from i3dbox.runtimes.exported import load_exported  # noqa: E402

has_nncf = importlib.util.find_spec('nncf') is not None
takes_nncf = pytest.mark.skipif(not has_nncf, reason='NNCF is not installed')
INPUTS = dict(imgs=('RGB', (8, 32, 32)))


@pytest.fixture(scope='module')
def whole(tiny_export):
    return tiny_export('OPENVINO')


@pytest.fixture(scope='module')
def quantized(tiny_export):
    if not has_nncf:
        pytest.skip('NNCF is not installed')
    return tiny_export('OPENVINO', precision='int8', calibrate='train', clips=12)


def copied(path, folder):
    """A copy of an exported file, its weights and its description."""
    for extension in ('.xml', '.bin', '.xml.json'):
        (folder / f'a{extension}').write_bytes(
            open(os.path.splitext(path)[0] + extension, 'rb').read()
        )
    return folder / 'a.xml'


# files


@pytest.mark.slow
def test_a_file_in_float32_gives_the_networks_logits(whole):
    exported, cfg = whole
    clips = some_clips(3)
    model = load_exported(exported.path)
    np.testing.assert_allclose(model(clips), logits(exported, clips), rtol=1e-4, atol=1e-5)
    assert model.engine.startswith('openvino') and model.engine.endswith('float32')
    assert verify(exported, cfg).passed


@pytest.mark.parametrize('damage', ['none', 'others'])
def test_a_file_without_its_weights_is_refused(whole, tmp_path, damage):
    path = copied(whole[0].path, tmp_path)
    weights = tmp_path / 'a.bin'
    if damage == 'none':
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:-1] + b'?')
    with pytest.raises(ExportError, match='a.bin.*is not there|a.bin are not the weights of'):
        load_exported(path)


def test_nothing_is_left_of_an_export_that_fails(tiny_export, tmp_path, monkeypatch):
    import openvino

    def fails(model, path, **options):
        (tmp_path / f'{os.path.splitext(path)[0]}.bin').write_bytes(b'half')
        raise RuntimeError('no space')

    monkeypatch.setattr(openvino, 'save_model', fails)
    (tmp_path / 'out').mkdir()
    with pytest.raises(ExportError, match='OpenVINO cannot write .*no space'):
        tiny_export('OPENVINO', out=str(tmp_path / 'out/a.xml'))
    assert os.listdir(tmp_path / 'out') == []


# int8


@pytest.mark.slow
def test_a_file_in_int8_is_held_against_the_network_on_clips_of_others(quantized):
    exported, cfg = quantized
    found = verify(exported, cfg)  # of made-up weights, whose logits are all near 0
    assert 0 < found.median <= found.relative < 1 and found.tolerance == ('relative', 0.1)
    assert found.same_first == found.number == len(exported.held_out) == 3
    assert 'not calibrated on' in found.clips
    with open(f'{exported.path}.json') as file:
        facts = json.load(file)['openvino']
    assert (facts['precision'], facts['clips']) == ('int8', 12)


def test_int8_is_what_the_file_is_run_in_unless_another_is_asked_for(quantized, whole):
    path = quantized[0].path
    assert load_exported(path).engine.endswith(', int8')
    assert load_exported(path, precision='float32').engine.endswith(', float32')
    with pytest.raises(DeviceError, match='was not made in int8: i3dbox export --format OPENVINO'):
        load_exported(whole[0].path, precision='int8')


@pytest.mark.slow
def test_prepared_clips_are_calibrated_on_as_they_are_served(tiny_export):
    if not has_nncf:
        pytest.skip('NNCF is not installed')
    exported, cfg = tiny_export(
        'OPENVINO', precision='int8', calibrate='train', clips=8, input='float32'
    )
    found = verify(exported, cfg)
    assert found.same_first == found.number == 2


@pytest.mark.slow
@takes_nncf
@pytest.mark.parametrize('backbone', ['ResNet3dSlowFast', 'ResNet3dCSN'])
def test_other_networks_are_made_int8(tmp_path, backbone):
    clips = dict(type='TinyDataset', size=16, clip=(8, 32, 32))
    model = dict(
        type='Recognizer3D',
        backbone=dict(type=backbone, **SMALLEST[backbone]),
        head=dict(type='PoolHead', num_classes=3),
    )
    data = dict(train=clips, test=clips)
    cfg = Config.fromfile(tiny.write_config(tmp_path, model=model, data=data))
    checkpoint = write_tiny_checkpoint(cfg, tmp_path / 'tiny.ckpt')
    arguments = dict(clip_len=8, size=32, precision='int8', calibrate='train', clips=12)
    found = verify(export(cfg, checkpoint, 'OPENVINO', **arguments), cfg)
    assert 0 < found.median <= found.relative < 0.5  # made-up weights, and noise
    assert found.same_first == found.number == 3


@pytest.mark.slow
@takes_nncf
def test_real_weights_in_int8_stay_near_the_network(shared_data, tmp_path):
    """Of six videos one is held out."""
    from i3dbox.inference.model_spec import ModelSpec
    from i3dbox.weights.zoo import cached_path

    name = 'i3d_rgb_kinetics400'
    if not os.path.exists(cached_path(name)):
        pytest.skip('its weights are not here')
    spec = ModelSpec.resolve(name)
    exported = export(
        spec.cfg,
        spec.checkpoint,
        'OPENVINO',
        str(tmp_path / 'a.xml'),
        clip_len=16,
        precision='int8',
        calibrate=str(shared_data / 'videos'),
        clips=8,
    )
    found = verify(exported, spec.cfg)
    assert found.passed and found.median < 0.05 and found.same_first == found.number


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(precision='int8'), 'int8 takes clips that ranges are read off: --calibrate'),
        (dict(calibrate='train'), '--calibrate is for --precision int8'),
        (dict(precision='int8', calibrate='nowhere'), 'there is no nowhere'),
        (dict(precision='int8', calibrate='train', clips=3), 'takes 4 clips or more.*there are 3'),
        (dict(precision='int4'), "precision is one of 'float32', 'int8'; got 'int4'"),
        (dict(format='ONNX', precision='int8', calibrate='train'), 'ONNX files are of float32'),
    ],
    ids=str,
)
@takes_nncf
def test_what_int8_cannot_be_made_of_is_told_before_the_export(tiny_export, arguments, message):
    with pytest.raises(I3DBoxError, match=message):
        tiny_export(**{'format': 'OPENVINO', **arguments})


def test_without_nncf_int8_says_what_brings_it(tiny_export, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda name, *rest: None if name == 'nncf' else find_spec(name, *rest),
    )
    with pytest.raises(ExportError, match=r'needs the package nncf: pip install "i3dbox\[int8\]"'):
        tiny_export('OPENVINO', precision='int8', calibrate='nowhere')


# the clips


@pytest.fixture(scope='module')
def grey_videos(tmp_path_factory):
    """Eight videos of 40 frames, each of a brightness of its own."""
    folder = tmp_path_factory.mktemp('grey')
    for number in range(8):
        frames = np.full((40, 40, 48, 3), 20 + 25 * number, np.uint8)
        write_video(folder / f'{number}.avi', frames)
    return str(folder)


def videos_of(clips):
    """The numbers of the videos that clips are of, by their brightness."""
    return [round((float(clip['imgs'].mean()) - 20) / 25) for clip in clips]


def config():
    cfg = plain_i3d(dict(rgb=3))
    cfg.data = dict(test=dict(pipeline=authors_pipeline(36, 32, clip_len=8)))
    return cfg


def test_one_video_in_four_is_held_out(grey_videos):
    found = calibration_clips(config(), grey_videos, INPUTS, number=12)
    assert videos_of(found.calibration) == [0, 0, 1, 1, 2, 2, 4, 4, 5, 5, 6, 6]
    assert videos_of(found.held_out) == [3, 3, 7]
    assert found.calibration[0]['imgs'].shape == (1, 8, 32, 32, 3)
    assert found.text == f'12 clips of 6 videos of {grey_videos}'


def test_few_clips_are_of_videos_far_apart(grey_videos):
    found = calibration_clips(config(), grey_videos, INPUTS, number=4, hold_out=False)
    assert videos_of(found.calibration) == [0, 2, 4, 6] and found.held_out == []


def test_clips_of_one_video_are_spread_over_it(tmp_path):
    ramp = np.broadcast_to(np.arange(100, dtype=np.uint8)[:, None, None, None], (100, 40, 48, 3))
    write_video(tmp_path / 'a.avi', ramp)
    found = calibration_clips(config(), str(tmp_path / 'a.avi'), INPUTS, number=4)
    starts = [float(clip['imgs'][0, 0].mean()) for clip in found.calibration]
    np.testing.assert_allclose(starts, [0, 30, 61, 92], atol=4)


def test_a_damaged_video_is_passed_over(grey_videos, tmp_path):
    for name in os.listdir(grey_videos):
        (tmp_path / name).write_bytes(open(os.path.join(grey_videos, name), 'rb').read())
    (tmp_path / '1.avi').write_bytes(b'RIFF')
    found = calibration_clips(config(), str(tmp_path), INPUTS, number=6)
    assert 1 not in videos_of(found.calibration) and len(found.calibration) == 5


def test_a_config_without_that_data_is_told(tmp_path):
    with pytest.raises(ConfigError, match='the config has no data.train to calibrate on'):
        calibration_clips(plain_i3d(dict(rgb=3)), 'train', INPUTS)
    assert len(calibration_clips(tiny_config(tmp_path), 'test', INPUTS, 4).calibration) == 4


def test_a_class_that_the_network_was_sure_of_and_the_file_is_not_fails():
    sure, unsure = np.array([[4.0, 1.0, 0.0]]), np.array([[1.01, 1.0, -9.0]])
    flipped = np.array([[1.0, 1.02, -9.0]])
    assert compare(sure[:, [1, 0, 2]], sure)[4:] == (0, 1, 1)
    assert compare(flipped, unsure)[4:] == (0, 0, 1)
    assert compare(sure, sure)[4:] == (1, 0, 1)
    near = Verification('', *compare(flipped, unsure)[:5], 1, 1, ('absolute', 0.1))
    assert near.is_close and not near.passed
    assert not near._replace(absolute=0.2, sure=0).passed
