"""Figures do not depend on how they were computed, and a long video's is that of the whole
video.
"""

from collections import OrderedDict
from types import SimpleNamespace

import mindspore as ms
import numpy as np
import pytest
from fake_data import FakeDataset
from mindspore import Tensor, nn
from test_configs import ROOT
from tiny import TinyBackbone

from i3dbox.apis.test import DatasetScorer, known_results
from i3dbox.averages import average_clips, mean_over_steps
from i3dbox.config import Config
from i3dbox.config_checks.protocols import apply_protocol, describe_protocol
from i3dbox.datasets.pipelines.sampling import SampleFrames
from i3dbox.errors import ConfigError
from i3dbox.evaluation.results import Results
from i3dbox.fileio import sha256
from i3dbox.inference.clip_scorer import ClipScorer
from i3dbox.inference.engines.mindspore_engine import MindSporeStream, mindspore_streams
from i3dbox.inference.long_clips import cut_whole, least_frames
from i3dbox.models import build_recognizer
from i3dbox.models.feature_network import FeatureNetwork
from i3dbox.models.i3d_table import temporal_geometry

rng = np.random.default_rng(0)


class DrawLength:
    """A clip whose length is the sample's own."""

    varies = ('clip_len',)

    def __call__(self, results):
        return dict(
            results, imgs=np.full((1, 8 + results['index'], 16, 16, 3), results['index'], np.uint8)
        )


def clip(frames, size=32, channels=3):
    return rng.integers(0, 256, (1, 1, frames, size, size, channels), np.uint8)


@pytest.fixture(scope='module')
def stream():
    """I3D with statistics and scales of a trained network's kind."""
    ms.set_context(mode=ms.GRAPH_MODE)
    stream = build_recognizer(
        dict(
            type='Recognizer3D',
            backbone=dict(type='InceptionI3D'),
            head=dict(type='I3DHead', num_classes=5),
        )
    )
    for parameter in stream.get_parameters():
        kind = parameter.name.rpartition('.')[2]
        if kind in ('beta', 'moving_mean'):
            parameter.set_data(Tensor(rng.normal(0, 0.1, parameter.shape).astype(np.float32)))
        elif kind in ('gamma', 'moving_variance'):
            parameter.set_data(Tensor(rng.uniform(0.5, 1.5, parameter.shape).astype(np.float32)))
    return stream.set_train(False)


@pytest.fixture(scope='module')
def whole(stream):
    """Scores clips of any length; takes them whole."""
    return ClipScorer(MindSporeStream(stream), any_length=True)


@pytest.fixture(scope='module')
def windowed(stream, whole):
    """Scores clips of any length; the longest window holds 136 frames."""
    scorer = ClipScorer(MindSporeStream(stream), any_length=True, max_frames=136)
    scorer.network = whole.network  # one compilation for both
    return scorer


# The whole video


@pytest.mark.slow
def test_the_open_graph_gives_what_the_recognizer_gives(stream, whole):
    for frames in (64, 65):
        imgs = clip(frames)
        np.testing.assert_allclose(
            whole(imgs), stream(Tensor(imgs)).asnumpy(), rtol=1e-5, atol=1e-6
        )


@pytest.mark.slow
@pytest.mark.parametrize('frames', [137, 300, 301, 302, 303, 304, 305, 306, 307])
def test_windows_over_a_long_video_give_what_the_whole_gives(whole, windowed, frames):
    imgs = clip(frames)
    assert len(cut_whole(frames, 136, 8, 6)[2]) > 1
    np.testing.assert_allclose(windowed(imgs), whole(imgs), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_windows_over_a_long_video_give_what_the_recognizer_gives_the_whole(stream, windowed):
    imgs = clip(301)
    np.testing.assert_allclose(windowed(imgs), stream(Tensor(imgs)).asnumpy(), rtol=1e-4, atol=1e-6)


def test_scoring_a_data_set_of_whole_videos_is_one_compilation_and_a_forward_for_each():
    ms.set_context(mode=ms.GRAPH_MODE)
    recognizer = build_recognizer(
        dict(
            type='Recognizer3D',
            backbone=dict(type=TinyBackbone),
            head=dict(type='I3DHead', num_classes=3),
        )
    )
    dataset = FakeDataset(7, [dict(type=DrawLength)], test_mode=True)
    scorer = DatasetScorer(mindspore_streams(recognizer), dataset, num_workers=2)
    network, calls = scorer.scorers['imgs'].network, []
    scorer.scorers['imgs'].network = lambda clip: calls.append(clip.shape[1]) or network(clip)
    assert scorer().names == [f's{i}' for i in range(7)]
    assert calls == [8 + i for i in range(7)] and len(network.cell.compile_cache) == 1


@pytest.mark.slow
def test_one_compilation_serves_all_lengths(whole, windowed):
    for frames in (8, 9, 23, 64, 100):
        whole(clip(frames, 32))
        whole(clip(frames, 40))
    windowed(clip(200))
    assert len(whole.network.cell.compile_cache) == 1


@pytest.mark.slow
def test_a_window_without_all_that_a_step_depends_on_gives_something_else(stream, whole):
    imgs = clip(160)
    steps = whole.network(imgs[0])[0]
    short = whole.network(imgs[0, :, :80])[0]
    context = temporal_geometry()[1]
    kept = 10 - context
    np.testing.assert_allclose(short[:, :kept], steps[:, :kept], rtol=1e-4, atol=1e-6)
    assert np.abs(short[:, -1] - steps[:, 9]).max() > 1e-3


@pytest.mark.parametrize('endpoint', ['Mixed_5c', 'Mixed_4f', 'Mixed_3b'])
def test_even_windows_keep_every_step_once_with_all_that_it_depends_on(endpoint):
    stride, context = temporal_geometry(endpoint)
    for limit in (200, least_frames(stride, context)):
        for length in range(1, 700):
            frames, hop, cuts = cut_whole(length, limit, stride, context)
            if length <= limit:
                assert (frames, cuts) == (length, [(0, 0, None)])
                continue
            kept = [
                start // stride + step for start, first, last in cuts for step in range(first, last)
            ]
            assert kept == list(range(-(-length // stride))) and frames <= limit
            assert [start for start, *_ in cuts] == [
                min(hop * i, length - frames) for i in range(len(cuts))
            ]
            assert hop * (len(cuts) - 2) + frames < length  # one less would not do
            for start, first, last in cuts:  # no kept step sees an end that is not the clip's
                assert start % stride == 0 and (length - frames) % stride == 0
                assert start == 0 or first >= context
                assert start + frames == length or last + context <= frames // stride
            # nor is one too long
            assert frames * len(cuts) < length + (2 * context + 1) * stride * len(cuts)


def test_a_backbone_of_ones_own_is_never_taken_for_i3d():
    """Its cells may be called as I3D's are, and stand otherwise to the frames."""
    backbone = nn.SequentialCell(OrderedDict(Mixed_3b=nn.ReLU(), last=nn.ReLU()))
    stream = SimpleNamespace(backbone=backbone, head=None, preprocess=None, channels=3)
    with pytest.raises(ConfigError, match='SequentialCell does not say .* at Mixed_3b'):
        FeatureNetwork(stream, 'Mixed_3b').temporal_geometry
    backbone.temporal_stride, backbone.temporal_context = 4, 1
    assert FeatureNetwork(stream, 'last').temporal_geometry == (4, 1)
    with pytest.raises(ConfigError, match='at Mixed_3b'):
        FeatureNetwork(stream, 'Mixed_3b').temporal_geometry


def test_a_limit_that_no_step_fits_into_is_refused(stream):
    with pytest.raises(
        ConfigError, match='evaluation.max_frames must be at least 111 for this network; got 64'
    ):
        ClipScorer(MindSporeStream(stream), any_length=True, max_frames=64)


@pytest.mark.slow
def test_the_mean_over_steps_is_the_heads(stream, whole):
    imgs = clip(8)  # a single step
    steps = whole.network(imgs[0])[0]
    assert steps.shape == (5, 1)
    np.testing.assert_allclose(
        mean_over_steps(steps), stream(Tensor(imgs)).asnumpy()[0], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(mean_over_steps(np.array([[1.0, 2.0, 6.0]])), [(1.5 + 4) / 2])


# Several clips


@pytest.mark.slow
@pytest.mark.parametrize('how', ['score', 'prob'])
def test_clips_are_averaged_as_the_recognizer_averages_them(how):
    recognizer = build_recognizer(
        dict(
            type='Recognizer3D',
            backbone=dict(type=TinyBackbone),
            average_clips=how,
            head=dict(type='I3DHead', num_classes=3),
        )
    ).set_train(False)
    imgs = rng.integers(0, 256, (2, 3, 4, 8, 8, 3), np.uint8)
    np.testing.assert_allclose(
        ClipScorer(MindSporeStream(recognizer))(imgs),
        recognizer(Tensor(imgs)).asnumpy(),
        rtol=1e-4,
        atol=1e-5,
    )


def test_the_mean_of_probabilities_is_not_that_of_logits():
    logits = np.array([[[0.0, 4.0], [3.0, 0.0]]])
    assert average_clips(logits, 'score').tolist() == [[1.5, 2.0]]
    shares = np.exp(average_clips(logits, 'prob'))
    softmax = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(shares, softmax.mean(1), rtol=1e-6)


# Protocols


def config(name='i3d_rgb_ucf101'):
    return Config.fromfile(str(ROOT / f'configs/{name}.py'))


def test_the_default_is_the_authors_whole_video():
    cfg = config()
    text = describe_protocol(cfg)
    assert text == (
        "SampleFrames(clip_len=64, mode='whole') > Resize(short_side=256) > CenterCrop(size=224), "
        'mean of the logits'
    )
    apply_protocol(cfg, 'whole')
    assert describe_protocol(cfg) == text


def test_a_protocol_changes_both_streams_and_the_average():
    cfg = config('two_stream_ucf101')
    apply_protocol(cfg, 'views')
    assert describe_protocol(cfg) == (
        "SampleFrames(clip_len=64, mode='uniform', num_clips=10) > "
        'Resize(short_side=256) > ThreeCrop(size=224), mean of the softmax'
    )
    assert cfg.model.rgb.average_clips == cfg.model.flow.average_clips == 'prob'


def test_streams_of_different_protocols_are_told_apart():
    cfg = config('two_stream_ucf101')
    cfg.data.test.flow.pipeline = [dict(step) for step in cfg.data.test.flow.pipeline]
    cfg.data.test.flow.pipeline[1] = dict(type='SampleFrames', clip_len=64, mode='centre')
    assert describe_protocol(cfg).startswith("rgb: SampleFrames(clip_len=64, mode='whole')")


@pytest.mark.parametrize(
    'protocols, name, message',
    [
        (
            dict(whole=dict(frames=dict(mode='whole'))),
            'hole',
            "no protocol 'hole'. Did you mean 'whole'",
        ),
        (
            dict(odd=dict(clips=3)),
            'odd',
            "protocols.odd has the keys frames, crop, average_clips; got 'clips'",
        ),
        (
            dict(crop=dict(crop=dict(type='ThreeCrop'))),
            'crop',
            'needs one step Crop in the pipeline of data.test; it has 0',
        ),
    ],
)
def test_a_protocol_that_cannot_be_followed_is_told(protocols, name, message):
    cfg = config()
    cfg.protocols = protocols
    cfg.data.test.pipeline = [step for step in cfg.data.test.pipeline if step.type != 'CenterCrop']
    with pytest.raises(ConfigError, match=message):
        apply_protocol(cfg, name)


def test_one_clip_at_random_depends_on_the_sample_alone():
    step, starts = SampleFrames(8, mode='drawn'), []
    for seed in (1, 1, 2):
        results = dict(total_frames=1000, test_mode=True, rng=np.random.default_rng(seed))
        starts.append(step(results)['frame_inds'][0])
    assert starts[0] == starts[1] != starts[2]


# Results that are there already


@pytest.fixture
def finished(tmp_path):
    """A function: says whether the results of a checkpoint are known for a config's text."""
    checkpoint, file = tmp_path / 'a.ckpt', tmp_path / 'a.pkl'
    checkpoint.write_bytes(b'weights')
    meta = dict(
        checkpoint=dict(model=dict(sha256=sha256(str(checkpoint)))),
        config_text="model = dict(type='A', depth=3)\n",
    )
    Results(['a'], np.zeros(1, np.int32), np.zeros((1, 2)), None, meta).save(file)
    return lambda text: known_results(file, checkpoint, dict(config_text=text)) is not None


def test_results_stay_known_when_a_config_is_formatted_in_another_way(finished):
    assert finished('model = dict(\n    type="A",\n    depth=3,\n)\n')
    assert not finished("model = dict(type='A', depth=4)\n")
    assert not finished('model = dict(type=')
