"""Features against an independent network in PyTorch, of windows and of whole videos, and their
command.
"""

import json

import mindspore as ms
import numpy as np
import pytest

torch = pytest.importorskip('torch')

from test_training import command  # noqa: E402
from torch_i3d import random_network  # noqa: E402
from videos import moving_frames, write_video  # noqa: E402

from i3dbox.apis.features import extract_features  # noqa: E402
from i3dbox.averages import mean_over_steps  # noqa: E402
from i3dbox.config.config import Config  # noqa: E402
from i3dbox.errors import CheckpointError, ConfigError, DamagedSampleError, DataError  # noqa: E402
from i3dbox.inference.clip_pipelines import (  # noqa: E402
    authors_pipeline,
    config_pipelines,
    described,
    with_geometry,
)
from i3dbox.inference.clip_steps import clip_steps  # noqa: E402
from i3dbox.inference.clip_windows import ClipWindows  # noqa: E402
from i3dbox.inference.engines.mindspore_engine import MindSporeStream  # noqa: E402
from i3dbox.inference.feature_extractor import FeatureExtractor  # noqa: E402
from i3dbox.inference.feature_files import check_format, feature_file  # noqa: E402
from i3dbox.inference.feature_settings import PRESETS, complete  # noqa: E402
from i3dbox.inference.features import VideoFeatures  # noqa: E402
from i3dbox.inference.model_spec import ModelSpec, plain_i3d  # noqa: E402
from i3dbox.inference.network import load_network  # noqa: E402
from i3dbox.inference.recognizer import init_recognizer  # noqa: E402
from i3dbox.media.frame_iterator import FrameIterator  # noqa: E402
from i3dbox.models.i3d_table import ENDPOINTS, temporal_geometry  # noqa: E402
from i3dbox.weights.checkpoint_file import write_checkpoint  # noqa: E402
from i3dbox.weights.conversion import convert  # noqa: E402

CLASSES = 11
SMALL = dict(short_side=32, size=32, method='farneback')


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """The files of both streams, and PyTorch's networks of the same weights."""
    folder, networks = tmp_path_factory.mktemp('weights'), {}
    for name, channels, modality in (('rgb', 3, 'RGB'), ('flow', 2, 'Flow')):
        networks[name] = random_network(channels, CLASSES, seed=channels)
        torch.save(networks[name].state_dict(), folder / f'{name}.pt')
        write_checkpoint(
            str(folder / f'{name}.ckpt'),
            convert(str(folder / f'{name}.pt')).parameters,
            meta=dict(modality=modality),
        )
    return folder, networks


@pytest.fixture(scope='module')
def streams(weights):
    """Both recognizers, compiled in one mode."""
    ms.set_context(mode=ms.GRAPH_MODE)
    network, _ = load_network(
        ModelSpec.resolve(
            checkpoint={name: str(weights[0] / f'{name}.ckpt') for name in ('rgb', 'flow')}
        ),
        device='CPU',
    )
    return {name: MindSporeStream(stream) for name, stream in network.streams.items()}


@pytest.fixture(scope='module')
def whole(streams):
    """Networks for clips of any length: of the average pool, and of an early endpoint's maps."""
    return {name: stream.upto('Mixed_5c', any_length=True) for name, stream in streams.items()}


def torch_outputs(network, clip):
    """The endpoints and the logits of a clip (T x H x W x C, from 0 to 255), by PyTorch."""
    x = (
        torch.from_numpy(np.ascontiguousarray(clip.astype(np.float32).transpose(3, 0, 1, 2)[None]))
        * (2 / 255)
        - 1
    )
    with torch.no_grad():
        return network(x)


def authors_pool(x):
    """What public features are: the average pool of 2 x 7 x 7 (here 2 x H x W) with stride 1, the
    mean over time.
    """
    return (
        torch.nn.functional.avg_pool3d(x, (min(2, x.shape[2]), *x.shape[3:]), 1)
        .mean((2, 3, 4))[0]
        .numpy()
    )


def assert_close(found, expected):
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def features(networks, source, **settings):
    """(starts, ends, rows) of a source."""
    names = ('short_side', 'size', 'method', 'bound')
    settings = {**SMALL, **settings}
    pipeline = authors_pipeline(**{key: settings.pop(key) for key in names if key in settings})
    steps = clip_steps(dict(imgs=pipeline), 'joint' if len(networks) == 2 else next(iter(networks)))
    starts, ends, rows = zip(*VideoFeatures(networks, steps, **settings).rows(source))
    return np.array(starts), np.array(ends), np.stack(rows)


def flow_clips(frames, window, stride):
    steps = clip_steps(dict(imgs=authors_pipeline(**SMALL)), 'flow')
    found = ClipWindows(steps, window, stride, tail='drop').over(FrameIterator(frames))
    return [window.flow[0] for window in found]


# Parity


@pytest.mark.slow
@pytest.mark.parametrize(
    'endpoint, pool',
    [
        ('Mixed_5c', 'avg'),
        ('Logits', 'avg'),
        ('Mixed_5c', 'none'),
        ('Mixed_3b', 'avg'),
        ('MaxPool3d_2a_3x3', 'none'),
    ],
)
def test_windows_of_16_frames_equal_pytorchs(streams, weights, endpoint, pool):
    frames = np.stack(moving_frames(40, 32, 32))
    starts, ends, rows = features(
        {'rgb': streams['rgb'].upto(endpoint, pool)},
        frames,
        window=16,
        stride=8,
        tail='drop',
    )
    np.testing.assert_allclose(starts, np.arange(4) * 8 / 25)
    np.testing.assert_allclose(ends, starts + 16 / 25)
    for number, row in enumerate(rows):
        outputs = torch_outputs(weights[1]['rgb'], frames[8 * number : 8 * number + 16])
        if endpoint == 'Logits':
            expected = outputs['logits'][0].numpy()
        else:
            expected = (
                outputs[endpoint][0].numpy() if pool == 'none' else authors_pool(outputs[endpoint])
            )
        assert_close(row, expected)


@pytest.mark.slow
def test_both_streams_windows_of_64_frames_stand_side_by_side(streams, weights):
    frames = moving_frames(70, 32, 32)
    _, _, rows = features(
        {name: stream.upto('Mixed_5c') for name, stream in streams.items()},
        frames,
        window=64,
        tail='drop',
    )
    (flow,) = flow_clips(frames, 64, 64)
    clips = dict(rgb=np.stack(frames[:64]), flow=flow)
    assert_close(
        rows[0],
        np.concatenate(
            [
                authors_pool(torch_outputs(weights[1][name], clip)['Mixed_5c'])
                for name, clip in clips.items()
            ]
        ),
    )
    assert rows.shape == (1, 2048)


def test_every_endpoint_can_be_asked_for(streams):
    for endpoint in ENDPOINTS:
        assert streams['rgb'].upto(endpoint).temporal_geometry == temporal_geometry(endpoint)
    with pytest.raises(ConfigError, match="no endpoint 'Mixed_5d'. Did you mean 'Mixed_5c'?"):
        streams['rgb'].upto('Mixed_5d')
    with pytest.raises(ConfigError, match='Logits are behind the average pool'):
        streams['rgb'].upto('Logits', 'none')


# Whole videos


@pytest.mark.slow
@pytest.mark.parametrize('length', [5, 41, 151, 160])
def test_a_whole_video_in_windows_is_one_forward_over_it(whole, weights, length):
    frames = moving_frames(length, 32, 32)
    starts, ends, rows = features({'rgb': whole['rgb']}, frames, window=0, max_frames=127)
    clip = np.stack([frames[i % length] for i in range(max(length, 8))])
    steps = torch_outputs(weights[1]['rgb'], clip)['Mixed_5c'].mean((3, 4))[0].numpy().T
    assert_close(rows, (steps[1:] + steps[:-1]) / 2 if len(steps) > 1 else steps)
    np.testing.assert_allclose(starts, np.arange(len(rows)) * 8 / 25)
    assert ends[-1] == pytest.approx(length / 25)


@pytest.mark.slow
def test_whole_videos_of_both_streams_leave_out_the_last_frame(whole, weights):
    frames = moving_frames(138, 32, 32)
    _, _, rows = features(whole, frames, window=0, max_frames=127)
    (flow,) = flow_clips(frames, 137, 137)
    steps = np.concatenate(
        [
            torch_outputs(weights[1][name], clip)['Mixed_5c'].mean((3, 4))[0].numpy()
            for name, clip in dict(rgb=np.stack(frames[:137]), flow=flow).items()
        ]
    ).T
    assert_close(rows, (steps[1:] + steps[:-1]) / 2)


@pytest.mark.slow
def test_maps_of_a_whole_video_are_one_forwards_steps(streams, weights):
    frames = moving_frames(60, 32, 32)
    networks = {'rgb': streams['rgb'].upto('Mixed_3b', 'none', any_length=True)}
    _, _, rows = features(networks, frames, window=0, max_frames=40)
    expected = torch_outputs(weights[1]['rgb'], np.stack(frames))['Mixed_3b'][0].numpy()
    assert_close(rows[:, :, 0].swapaxes(0, 1), expected)


# Files


@pytest.mark.parametrize('format', ['npy', 'npz', 'h5'])
@pytest.mark.parametrize('shape', [(7,), (4, 2, 3, 5)])
def test_files_hold_rows_and_times(tmp_path, format, shape):
    if format == 'h5':
        h5py = pytest.importorskip('h5py')
    rows = np.random.default_rng(0).normal(size=(13, *shape)).astype(np.float32)
    path = str(tmp_path / f'deep/a.{format}')
    with feature_file(path) as write:
        for number, row in enumerate(rows):
            write(number / 2, number / 2 + 1, row)
    if format == 'npy':
        return np.testing.assert_array_equal(np.load(path, mmap_mode='r'), rows)
    found = np.load(path) if format == 'npz' else h5py.File(path)
    np.testing.assert_array_equal(found['features'], rows)
    np.testing.assert_array_equal(found['start'], np.arange(13) / 2)
    np.testing.assert_array_equal(found['end'], np.arange(13) / 2 + 1)


def test_half_a_file_never_appears(tmp_path):
    for format in ('npy', 'npz'):
        with pytest.raises(ValueError), feature_file(str(tmp_path / f'a.{format}')) as write:
            write(0, 1, np.zeros(3))
            raise ValueError
    assert not list(tmp_path.iterdir())


def test_a_missing_library_is_told(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'h5py', None)
    with pytest.raises(ConfigError, match='h5 files need h5py: pip install h5py'):
        check_format('h5')


# Models and settings


def test_models_are_found_by_names_files_and_configs(weights):
    paths = {name: str(weights[0] / f'{name}.ckpt') for name in ('rgb', 'flow')}
    both = ModelSpec.resolve(checkpoint=paths)
    assert both.streams == ('rgb', 'flow') and both.cfg.model.flow.head.num_classes == CLASSES
    assert ModelSpec.resolve(checkpoint=paths, stream='flow').cfg.model.modality == 'Flow'
    assert ModelSpec.resolve(checkpoint=paths['flow']).streams == ('flow',)
    cfg = Config(dict(model=dict(both.cfg.model.rgb), runner=dict(both.cfg.runner), data=dict()))
    assert ModelSpec.resolve(config=cfg, checkpoint=paths['rgb']).streams == ('rgb',)
    for arguments, message in (
        (
            dict(checkpoint=paths['rgb'], stream='joint'),
            'joint takes a checkpoint of rgb and one of flow; there is rgb alone',
        ),
        (dict(config=cfg, checkpoint=dict(flow=paths['flow'])), 'of rgb alone; --flow names'),
        (dict(model=['i3d_rgb_kinetics400'] * 2), 'are of one stream'),
        (dict(), 'name a model of the zoo'),
    ):
        with pytest.raises(ConfigError, match=message):
            ModelSpec.resolve(**arguments)
    with pytest.raises(
        CheckpointError, match="no 'i3d_rgb_kinetics40'. Did you mean 'i3d_rgb_kinetics400'"
    ):
        ModelSpec.resolve(['i3d_rgb_kinetics40'])


def test_presets_are_settings():
    for preset in PRESETS.values():
        assert complete(preset)['stride'] in (16, 64)
    with pytest.raises(ConfigError, match="no setting 'windows'"):
        complete(dict(windows=3))
    with pytest.raises(ConfigError, match='max_frames must be at least 111'):
        VideoFeatures(
            {'rgb': type('', (), dict(pool='avg', temporal_geometry=(8, 6)))},
            clip_steps(dict(imgs=authors_pipeline()), 'rgb'),
            window=0,
            max_frames=110,
        )


def test_a_video_that_breaks_off_is_damaged(streams, tmp_path, monkeypatch):
    class BrokenOff(FrameIterator):
        damage = property(lambda self: 'it ends' * (self.read == 20), lambda self, value: None)

    monkeypatch.setattr('i3dbox.inference.features.FrameIterator', BrokenOff)
    with pytest.raises(DamagedSampleError, match='it ends'):
        features({'rgb': streams['rgb'].upto('Mixed_5c')}, moving_frames(20, 32, 32), window=64)
    for window in (0, 16):
        with pytest.raises(DamagedSampleError, match='a single frame has no flow'):
            features(
                {'flow': streams['flow'].upto('Mixed_5c')}, moving_frames(1, 32, 32), window=window
            )


# A config's own pipeline


def own_config(*steps, **sampling):
    """Plain I3D whose clips are made by `steps`."""
    cfg = plain_i3d(dict(rgb=11))
    pipeline = [
        dict(type='OpenClip'),
        dict(type='SampleFrames', clip_len=8, **sampling),
        dict(type='DecodeClip'),
        *steps,
        dict(type='PackClips'),
    ]
    cfg.data = dict(test=dict(type='VideoDataset', pipeline=pipeline))
    return cfg


@pytest.mark.slow
def test_features_are_of_the_clips_that_the_configs_test_pipeline_makes(weights):
    cfg = own_config(dict(type='ThreeCrop', size=32), frame_interval=2)
    spec = ModelSpec.resolve(cfg, checkpoint=str(weights[0] / 'rgb.ckpt'))
    extract = FeatureExtractor(spec, endpoint='Mixed_3b')
    assert (extract.settings['window'], extract.settings['stride']) == (8, 16)
    assert extract.settings['pipelines']['imgs'][3] == dict(type='ThreeCrop', size=32)
    frames = np.stack(moving_frames(31, 48, 32))
    windows = init_recognizer(cfg, str(weights[0] / 'rgb.ckpt')).cutter(8, 16)
    clips = [window.rgb for window in windows.over(enumerate(frames))]
    assert [clip.shape for clip in clips] == [(3, 8, 32, 32, 3)] * 2
    for (_, _, row), clip in zip(extract(frames), clips):
        network = extract.features.networks['rgb']
        crops = [mean_over_steps(network(crop[None])[0]) for crop in clip]
        np.testing.assert_allclose(row, np.mean(crops, 0), rtol=1e-5, atol=1e-6)


def test_what_is_asked_for_takes_the_place_of_what_the_pipeline_says():
    cfg = own_config(dict(type='Resize', short_side=40), dict(type='CenterCrop', size=32))
    (steps,) = config_pipelines(cfg).values()
    found = with_geometry(steps, short_side=72, size=64)
    assert found[3:5] == [dict(type='Resize', short_side=72), dict(type='CenterCrop', size=64)]
    assert with_geometry(steps) == steps and steps[3]['short_side'] == 40
    bare = own_config()
    (steps,) = config_pipelines(bare).values()
    assert with_geometry(steps, 72, 64)[3:5] == found[3:5]
    with pytest.raises(ConfigError, match=r'size \(48\) is at most short_side \(40\)'):
        with_geometry(config_pipelines(cfg)['imgs'], size=48)


def test_what_made_clips_is_told_in_words_where_they_say_all():
    plain = dict(imgs=authors_pipeline())
    words = dict(short_side=256, size=224, method='tvl1', bound=20)
    assert described(plain, {}) == words
    assert described(plain, dict(method='dis')) == dict(words, method='dis')
    other = config_pipelines(own_config(dict(type='ThreeCrop', size=32)))
    assert described(other, {})['pipelines'] == other
    skipping = config_pipelines(own_config(dict(type='CenterCrop', size=32), frame_interval=2))
    assert described(skipping, {})['pipelines'] == skipping


# The command


@pytest.mark.slow
def test_the_command_extracts_resumes_and_outlives_a_damaged_video(weights, streams, tmp_path):
    videos, out = tmp_path / 'videos', tmp_path / 'out'
    (videos / 'deep').mkdir(parents=True)
    write_video(videos / 'a.avi', moving_frames(40, 48, 40), fps=50)
    write_video(videos / 'deep/b.avi', moving_frames(20, 48, 40, seed=1))
    (videos / 'bad.mp4').write_bytes(b'nothing' * 99)
    options = [
        videos,
        out,
        '--checkpoint',
        weights[0] / 'rgb.ckpt',
        '--preset',
        'activitynet',
        '--short-side',
        40,
        '--size',
        32,
        '--format',
        'npz',
        '--workers',
        1,
    ]
    done = command('extract_features', *options)
    assert done.returncode == 1 and '1 videos failed' in done.stderr and 'bad.mp4' in done.stderr
    assert '2 files of features made, 60 frames' in done.stdout
    found = np.load(out / 'a.npz')
    assert found['features'].shape == (1, 1024)  # 0.8 s at 25 frames/s
    settings = dict(short_side=40, size=32, window=16, fps=25, tail='drop')
    starts, ends, rows = features(
        {'rgb': streams['rgb'].upto('Mixed_5c')}, str(videos / 'a.avi'), **settings
    )
    assert_close(found['features'], rows)
    assert (found['start'], found['end']) == (starts, ends)
    assert np.load(out / 'deep/b.npz')['features'].shape == (1, 1024)
    assert json.loads((out / 'features.json').read_text())['fps'] == 25

    (out / 'a.npz').unlink()
    (videos / 'bad.mp4').unlink()
    done = command('extract_features', *options)
    assert (
        done.returncode == 0
        and '1 files of features made, 40 frames; 1 were there already' in done.stdout
    )
    with pytest.raises(DataError, match='was begun with stride=16, and this is 8'):
        extract_features(
            [],
            str(out),
            dict(checkpoint=str(weights[0] / 'rgb.ckpt')),
            'npz',
            **{**PRESETS['activitynet'], 'short_side': 40, 'size': 32, 'stride': 8},
        )


def test_a_place_that_cannot_be_written_is_told_before_a_network_is_looked_for(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='features.json cannot be written: .*name another place'):
        extract_features(str(tmp_path), str(tmp_path / 'file/out'), 'no_such_model')
