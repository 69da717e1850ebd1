"""Where a network looks: the maps are PyTorch's, lie where the motion is, and become a video."""

import os
import pathlib

import cv2
import mindspore as ms
import numpy as np
import pytest
import tiny
from videos import moving_frames, write_video

import i3dbox
from i3dbox.commands import main
from i3dbox.config import Config
from i3dbox.datasets.synthetic import SAND, draw_clip, draw_scene
from i3dbox.errors import ConfigError
from i3dbox.flow.encoding import encode
from i3dbox.inference.gradcam import label_of, maps_of, resized
from i3dbox.inference.model_spec import plain_i3d
from i3dbox.inference.recognizer import ExportedRecognizer, init_recognizer
from i3dbox.media.frame_iterator import FrameIterator
from i3dbox.models.gradcam import GradCam
from i3dbox.visualization.heat import heat_over, heat_picture
from i3dbox.weights.checkpoint_file import write_checkpoint

CLASSES = tiny.ActionsThatAreNamed.classes
HERE = str(pathlib.Path(__file__).parent)


def pipeline(clip_len=8, size=32, **sampling):
    return [
        dict(type='OpenClip'),
        dict(type='SampleFrames', clip_len=clip_len, **sampling),
        dict(type='DecodeClip'),
        dict(type='ComputeFlow', method='farneback'),
        dict(type='CenterCrop', size=size),
        dict(type='PackClips'),
    ]


def signs_model(modality):
    return dict(
        type='Recognizer3D',
        modality=modality,
        backbone=dict(type='SignsBackbone'),
        head=dict(type='I3DHead', num_classes=4),
    )


def write_signs(folder, modality, backbone='SignsBackbone', **sampling):
    """A config and checkpoint of a network whose class k is what the backbone's channel k says."""
    model = signs_model(modality)
    model['backbone']['type'] = backbone
    channels = 4 if modality == 'Flow' else 6
    weight = np.eye(4, channels, dtype=np.float32).reshape(4, channels, 1, 1, 1)
    parameters = {'head.logits.weight': weight, 'head.logits.bias': np.zeros(4, np.float32)}
    path = folder / f'{modality}.ckpt'
    write_checkpoint(str(path), parameters, meta=dict(modality=modality, classes=CLASSES))
    config = folder / f'{modality}.py'
    config.write_text(
        tiny.config_text(
            custom_imports=dict(imports=['tiny'], dirs=[HERE]),
            model=model,
            data=dict(test=dict(type='ActionsThatAreNamed', pipeline=pipeline(**sampling))),
        ),
        encoding='utf-8',
    )
    return str(config), str(path)


@pytest.fixture(scope='module')
def signs(tmp_path_factory):
    """(config, checkpoint) by stream, and of both."""
    folder = tmp_path_factory.mktemp('signs')
    rgb, flow = write_signs(folder, 'RGB'), write_signs(folder, 'Flow')
    both = folder / 'both.py'
    values = dict(
        custom_imports=dict(imports=['tiny'], dirs=[HERE]),
        model=dict(type='TwoStreamRecognizer', rgb=signs_model('RGB'), flow=signs_model('Flow')),
        data=dict(test=dict(type='ActionsThatAreNamed', pipeline=pipeline())),
    )
    both.write_text(tiny.config_text(**values), encoding='utf-8')
    return dict(rgb=rgb, flow=flow, joint=(str(both), dict(rgb=rgb[1], flow=flow[1])))


@pytest.fixture(scope='module')
def recognizers(signs):
    return {stream: init_recognizer(*named) for stream, named in signs.items()}


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    folder = tmp_path_factory.mktemp('video')
    return str(write_video(folder / 'walk.avi', moving_frames(21, 48, 40)))


def options(signs, stream='rgb'):
    config, checkpoint = signs[stream]
    if isinstance(checkpoint, dict):
        given = ['--rgb', checkpoint['rgb'], '--flow', checkpoint['flow']]
    else:
        given = ['--checkpoint', checkpoint]
    return ['--config', config, *given]


def frames_in(path):
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        done, frame = capture.read()
        if not done:
            return frames
        frames.append(frame)


# Against PyTorch

SHAPE = (16, 64, 64)
SEED = 3


@pytest.fixture(scope='module')
def torch_network():
    torch_i3d = pytest.importorskip('torch_i3d')
    return torch_i3d.random_network(3, 5, SEED)


@pytest.fixture(scope='module')
def plain(torch_network, tmp_path_factory):
    """The recognizer of the same weights, with clips of SHAPE."""
    import torch

    from i3dbox.weights.conversion import convert

    folder = tmp_path_factory.mktemp('plain')
    torch.save(torch_network.state_dict(), folder / 'a.pt')
    write_checkpoint(str(folder / 'a.ckpt'), convert(str(folder / 'a.pt')).parameters)
    cfg = plain_i3d(dict(rgb=5))
    cfg.data = dict(test=dict(type='VideoDataset', pipeline=pipeline(*SHAPE[:2])))
    return init_recognizer(cfg, str(folder / 'a.ckpt'))


def by_torch(network, clip, endpoint, label):
    """(A, gradient, map of the clip's size) of a clip uint8 T x H x W x C."""
    import torch

    x = torch.from_numpy(clip.astype(np.float32).transpose(3, 0, 1, 2)[None]) * (2 / 255) - 1
    outputs = network(x)
    maps = outputs[endpoint]
    (gradient,) = torch.autograd.grad(outputs['logits'][0, label], maps)
    found = torch.relu((gradient.mean((2, 3, 4), keepdim=True) * maps).sum(1, keepdim=True))
    found = torch.nn.functional.interpolate(
        found, clip.shape[:3], mode='trilinear', align_corners=False
    )
    return maps.detach().numpy(), gradient.numpy(), found[0, 0].detach().numpy()


class Gradient(ms.nn.Cell):
    def __init__(self, cam):
        super().__init__(auto_prefix=False)
        self.cam = cam

    def construct(self, maps, label):
        return self.cam.logit_and_gradient(maps, label)


def scene(seed=0):
    return np.stack(moving_frames(SHAPE[0], *SHAPE[:0:-1], seed=seed))


def assert_close(found, expected, relative):
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < relative * np.abs(expected).max()


@pytest.mark.slow
@pytest.mark.parametrize('endpoint', ['Mixed_5c', 'Mixed_4f'])
def test_the_gradient_and_the_map_are_pytorchs(plain, torch_network, endpoint):
    cam = GradCam(plain.cells['rgb'], endpoint)
    gradient, clip = Gradient(cam), scene()
    for label in (4, 1):
        maps, expected, heat = by_torch(torch_network, clip, endpoint, label)
        _, found = gradient(ms.Tensor(maps), ms.Tensor(label, ms.int32))
        assert_close(found.asnumpy(), expected, 1e-3)
        network = plain.streams['rgb'].upto(endpoint, 'none')
        (found,) = maps_of(clip[None], network, cam, label)
        assert found.shape == maps.shape[2:] and heat.max() > 0
        assert_close(resized(found, SHAPE), heat, 1e-3)


@pytest.mark.slow
def test_a_frames_heat_is_the_mean_of_its_windows_maps(plain, torch_network):
    frames = np.stack(moving_frames(28, *SHAPE[:0:-1]))
    found = i3dbox.gradcam(plain, frames, class_name=2, endpoint='Mixed_5c')
    total, counts = np.zeros((28, *SHAPE[1:])), np.zeros((28, 1, 1))
    for first in (0, 8, 12):  # half a window further, and one that ends with the video
        clip = frames[first : first + 16]
        total[first : first + 16] += by_torch(torch_network, clip, 'Mixed_5c', 2)[2]
        counts[first : first + 16] += 1
    expected = total / counts
    assert found.streams['rgb'].heat.dtype == np.float32
    assert_close(found.streams['rgb'].heat, expected / expected.max(), 1e-3)
    np.testing.assert_array_equal(found.streams['rgb'].frames, frames)
    answer = plain(frames, window=16)
    assert found.score == pytest.approx(answer.scores[2]) and found.label == 2


@pytest.mark.slow
def test_another_class_needs_no_compilation(plain):
    cam = GradCam(plain.cells['rgb'], 'Mixed_5c')
    maps = ms.Tensor(np.random.default_rng(0).random((1, 1024, 2, 2, 2), np.float32))
    graphs = set()
    for label in range(5):
        cam(maps, ms.Tensor(label, ms.int32))
        graphs.add(len(cam.compile_cache))
    assert graphs == {1}


@pytest.mark.slow
def test_an_early_endpoint_will_do(plain):
    found = i3dbox.gradcam(plain, scene(), endpoint='Conv3d_1a_7x7')
    heat = found.streams['rgb'].heat
    assert heat.shape == SHAPE and np.isfinite(heat).all() and heat.max() in (0, 1)


@pytest.mark.slow  # to import PyTorch
def test_maps_are_interpolated_as_pytorch_does():
    torch = pytest.importorskip('torch')
    rng = np.random.default_rng(0)
    for shape, size in (((1, 2, 2), (8, 64, 64)), ((3, 5, 1), (7, 9, 4)), ((4, 4, 4), (4, 2, 3))):
        maps = rng.random(shape, np.float32)
        expected = torch.nn.functional.interpolate(
            torch.from_numpy(maps)[None, None], size, mode='trilinear', align_corners=False
        )
        np.testing.assert_allclose(resized(maps, size), expected[0, 0].numpy(), atol=1e-6)


# Where it looks


@pytest.mark.slow
@pytest.mark.parametrize('endpoint', ['signs', 'halves'])
def test_what_knows_a_class_by_motion_looks_where_the_motion_is(recognizers, endpoint):
    recognizer = recognizers['flow']
    cam = GradCam(recognizer.cells['flow'], endpoint)
    network = recognizer.streams['flow'].upto(endpoint, 'none')
    for name, label in (('RisingSand', 3), ('FallingSand', 1)):
        assert SAND[name][0] == (0, 2 - label)  # up is below zero
        _, flow = draw_clip(name, draw_scene(1, 1, 8))
        disc = np.abs(flow).max(-1) > 0
        (maps,) = maps_of(encode(flow)[None], network, cam, label)
        heat = resized(maps, flow.shape[:3])
        share, area = (heat * disc).sum() / heat.sum(), disc.mean()
        assert area < 0.5 and share > 0.9 and share > 2 * area
        (nothing,) = maps_of(encode(flow)[None], network, cam, 4 - label)
        assert not nothing.any()


@pytest.mark.slow
def test_what_says_nothing_for_the_class_stays_zero(recognizers):
    dark = np.zeros((9, 32, 32, 3), np.uint8)
    found = i3dbox.gradcam(recognizers['rgb'], dark, 'right', 'signs')
    heat = found.streams['rgb'].heat
    assert heat.shape == (9, 32, 32) and not heat.any()


def test_the_largest_of_the_video_is_one_and_quiet_moments_are_quiet(recognizers):
    frames = np.full((24, 32, 32, 3), 128, np.uint8)
    frames[:8, 8:16, 4:12] = 160
    frames[16:, 8:16, 4:12] = 255
    heat = i3dbox.gradcam(recognizers['rgb'], frames, 0, 'signs').streams['rgb'].heat
    assert heat.max() == 1 and 0 < heat[:4].max() < 0.6 and heat[20:, 8:16, 4:12].min() > 0.9
    assert not heat[:, :6].any()


@pytest.mark.parametrize('count', [1, 2, 5, 8])
def test_a_video_shorter_than_a_clip_will_do(recognizers, count):
    frames = np.stack(moving_frames(count, 40, 32))
    found = i3dbox.gradcam(recognizers['rgb'], frames, endpoint='signs')
    seen = found.streams['rgb']
    assert seen.heat.shape == (count, 32, 32) and seen.heat.max() == 1
    np.testing.assert_array_equal(seen.frames, frames[:, :, 4:36])
    assert len(found.times) == count


@pytest.mark.slow
def test_frames_that_an_interval_leaves_out_have_the_heat_of_the_last_before(tmp_path):
    recognizer = init_recognizer(*write_signs(tmp_path, 'RGB', frame_interval=3))
    frames = np.stack(moving_frames(22, 32, 32))
    seen = i3dbox.gradcam(recognizer, frames, endpoint='signs').streams['rgb']
    assert len(seen.heat) == 22
    for number in (0, 3, 9):
        np.testing.assert_array_equal(seen.frames[number], frames[number])


@pytest.mark.slow
def test_each_stream_has_its_own_map(recognizers, video):
    found = i3dbox.gradcam(recognizers['joint'], video, endpoint='halves')
    rgb, flow = found.streams['rgb'], found.streams['flow']
    assert rgb.frames.shape == (21, 32, 32, 3) and flow.frames.shape == (21, 32, 32, 2)
    assert rgb.heat.shape == flow.heat.shape == (21, 32, 32)
    np.testing.assert_array_equal(flow.frames[-1], flow.frames[-2])  # the last has no flow
    best = recognizers['joint'](video, window=8).top(1)[0]
    assert (found.label, found.name) == best[:2]
    assert found.probability == pytest.approx(best.probability)


@pytest.mark.slow
def test_several_crops_stand_side_by_side(tmp_path):
    three = dict(type='ThreeCrop', size=16)
    config, checkpoint = write_signs(tmp_path, 'RGB')
    cfg = Config.fromfile(config)
    cfg.data.test.pipeline = [three if 'size' in s else s for s in cfg.data.test.pipeline]
    frames = np.stack(moving_frames(9, 32, 16))
    recognizer = init_recognizer(cfg, checkpoint)
    seen = i3dbox.gradcam(recognizer, frames, endpoint='signs').streams['rgb']
    assert seen.frames.shape == (9, 16, 48, 3) and seen.heat.shape == (9, 16, 48)
    (clips,) = [window.rgb for window in recognizer.cutter(8, 9).over(enumerate(frames[:8]))]
    np.testing.assert_array_equal(seen.frames[3], np.concatenate(clips[:, 3], axis=1))


@pytest.mark.slow
def test_a_logit_is_meant_where_clips_are_averaged_by_their_softmax(signs):
    cfg = Config.fromfile(signs['rgb'][0])
    cams = []
    for how in ('score', 'prob'):
        cfg.model.average_clips = how
        cams.append(GradCam(init_recognizer(cfg, signs['rgb'][1]).cells['rgb'], 'signs'))
    maps = np.random.default_rng(0).random((1, 6, 2, 4, 4), np.float32)
    found = [cam(ms.Tensor(maps), ms.Tensor(1, ms.int32)) for cam in cams]
    for one, other in zip(*found):
        np.testing.assert_array_equal(one.asnumpy(), other.asnumpy())
    assert float(found[0][1].asnumpy()) == pytest.approx(4 * maps[0, 1].mean() / 4, rel=1e-5)


# The video


@pytest.mark.parametrize(
    'stream, rows',
    [
        ('rgb', 1),
        pytest.param('flow', 1, marks=pytest.mark.slow),
        pytest.param('joint', 2, marks=pytest.mark.slow),
    ],
)
def test_the_command_writes_a_frame_for_each(signs, video, tmp_path, capsys, stream, rows):
    out = tmp_path / 'deep' / 'heat.mp4'
    words = ['--endpoint', 'halves', '--class', '左', '--out', str(out)]
    assert main('gradcam', [video, *options(signs, stream), *words]) == 0
    said = capsys.readouterr().out
    assert '左 (class 2): ' in said and f'{out} written' in said
    written = frames_in(out)
    assert len(written) == 21 and written[0].shape[0] == rows * (404 + 24) + 48
    assert os.listdir(out.parent) == ['heat.mp4']


def test_heat_is_painted_where_it_is_and_the_class_below():
    picture, heat = np.full((40, 40, 3), 200, np.uint8), np.zeros((40, 40), np.float32)
    heat[:10] = 1
    painted = heat_over(picture, heat)
    assert (painted[10:] == 200).all() and (painted[:10, :, 0] > painted[:10, :, 2] + 50).all()
    drawn = [heat_picture({'RGB': picture}, {'RGB': heat}, name, 1.0) for name in ('', '打球')]
    assert drawn[0].shape == drawn[1].shape and (drawn[0][:428] == drawn[1][:428]).all()
    assert (drawn[0] != drawn[1]).any()


# What is wrong is told before anything is computed


@pytest.fixture
def refused(signs, video, tmp_path, capsys, monkeypatch):
    """The line that the command says; nothing is computed, and nothing is left."""

    def never(*args, **options):
        raise AssertionError('it computes')

    monkeypatch.setattr('i3dbox.inference.gradcam.recognize_windows', never)

    def line(*words, out='heat.mp4', source=video, stream='rgb', named=None):
        given = options(signs, stream) if named is None else named
        words = [source, *given, *words, '--out', str(tmp_path / out)]
        assert main('gradcam', words) == 1
        assert not list(tmp_path.iterdir())
        return capsys.readouterr().err

    return line


def test_a_class_that_there_is_not_is_told_with_the_nearest(refused):
    line = refused('--class', 'fallling', '--endpoint', 'signs')
    assert "no class 'fallling'. Did you mean 'falling'?" in line and 'rising' in line
    assert 'a number from 0 to 3; got 4' in refused('--class', '4', '--endpoint', 'signs')


def test_an_endpoint_that_there_is_not_is_told_with_those_that_are(refused):
    assert "no endpoint 'sign'. Did you mean 'signs'?" in refused('--endpoint', 'sign')
    assert 'Logits have no place in the frame' in refused('--endpoint', 'Logits')


def test_an_exported_file_is_refused_before_it_is_read(refused, tmp_path):
    line = refused(named=['--model', 'there_is_none.onnx'])
    assert 'there_is_none.onnx is exported' in line and 'name the model of the zoo' in line


def test_another_ending_and_the_video_itself_are_refused(refused, video):
    assert 'ends in .mp4; got' in refused(out='heat.avi')
    with pytest.raises(ConfigError, match='is the video itself'):
        source = video[:-4] + '.mp4'
        os.link(video, source)
        i3dbox.gradcam('i3d_rgb_kinetics400', source, out=source)


def test_a_video_that_cannot_be_read_is_told(refused, tmp_path_factory):
    assert 'none.mp4' in refused(source='none.mp4')
    damaged = tmp_path_factory.mktemp('damaged') / 'bad.mp4'
    damaged.write_bytes(b'nothing' * 99)
    assert 'bad.mp4: this is no video' in refused(source=str(damaged))


def test_a_recognizer_of_an_exported_file_is_refused(video):
    recognizer = ExportedRecognizer.__new__(ExportedRecognizer)
    recognizer.name, recognizer.engine = 'best.onnx', 'onnxruntime'
    with pytest.raises(ConfigError, match='best.onnx is exported.*name the model of the zoo'):
        i3dbox.gradcam(recognizer, video)


def test_a_video_that_breaks_off_is_told(recognizers):
    class BrokenOff(FrameIterator):
        damage = property(lambda self: 'it ends early', lambda self, value: None)

    frames = BrokenOff(np.stack(moving_frames(9, 32, 32)))
    with pytest.warns(UserWarning, match='it ends early'):
        found = i3dbox.gradcam(recognizers['rgb'], frames, endpoint='signs')
    assert found.damage == 'it ends early' and len(found.times) == 9


def test_more_frames_than_memory_is_for_are_refused(recognizers, monkeypatch):
    monkeypatch.setattr('i3dbox.inference.gradcam.MAX_WHOLE', 10)
    with pytest.raises(ConfigError, match='frames has more than 10 frames'):
        i3dbox.gradcam(recognizers['rgb'], np.zeros((11, 32, 32, 3), np.uint8), endpoint='signs')


def test_a_single_frame_has_no_flow(recognizers):
    with pytest.raises(i3dbox.errors.DamagedSampleError, match='a single frame has no flow'):
        i3dbox.gradcam(recognizers['flow'], np.zeros((1, 32, 32, 3), np.uint8), endpoint='signs')


def test_a_video_that_cannot_be_written_to_its_end_leaves_nothing(
    recognizers, video, tmp_path, monkeypatch
):
    for error in (KeyboardInterrupt, OSError):

        def fails(*args, error=error):
            raise error

        monkeypatch.setattr('i3dbox.visualization.labelled_video.VideoWriter.write', fails)
        with pytest.raises(error):
            out = str(tmp_path / 'heat.mp4')
            i3dbox.gradcam(recognizers['rgb'], video, endpoint='signs', out=out)
        assert not list(tmp_path.iterdir())


def test_a_backbone_that_has_no_layers_is_told_what_is_needed(tmp_path, video):
    config = tiny.write_config(tmp_path)
    from i3dbox.inference.network import build_network

    network, _ = build_network(Config.fromfile(config), 'CPU')
    arrays = {p.name: p.asnumpy() for p in network.get_parameters() if 'step' not in p.name}
    write_checkpoint(str(tmp_path / 'a.ckpt'), arrays, meta=dict(modality='RGB'))
    recognizer = init_recognizer(config, str(tmp_path / 'a.ckpt'))
    with pytest.raises(ConfigError, match='TinyBackbone cannot be .* nn.SequentialCell'):
        i3dbox.gradcam(recognizer, video)


def test_classes_are_named_by_name_or_number():
    names = ['a', '7', 'b']
    assert [label_of(wanted, names) for wanted in ('b', '7', 1, '2')] == [2, 1, 1, 2]


@pytest.mark.slow
def test_the_default_endpoint_is_the_backbones_last(recognizers, video):
    found = i3dbox.gradcam(recognizers['rgb'], video)
    assert found.endpoint == [*recognizers['rgb'].cells['rgb'].backbone.name_cells()][-1]
