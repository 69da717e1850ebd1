"""The Frechet distance against SciPy's matrix root, and FVD by its command."""

import json

import mindspore as ms
import numpy as np
import pytest
from test_training import command
from videos import moving_frames, write_video

from i3dbox.apis.fvd import _clips, _pipelines, _with_epsilon, video_distance
from i3dbox.commands import main
from i3dbox.datasets.pipelines.stretch import Stretch
from i3dbox.errors import DataError
from i3dbox.evaluation.frechet import FrechetDistance, Gaussian, frechet_distance, square_root
from i3dbox.inference.clip_steps import clip_steps
from i3dbox.inference.model_spec import ModelSpec, plain_i3d
from i3dbox.models import build_recognizer
from i3dbox.weights.checkpoint import save_checkpoint


def features(count, size=24, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(count, size)) @ np.random.default_rng(1).normal(size=(size, size)) + shift
    )


def distance(real, generated, batch=50, resamples=0):
    found = FrechetDistance(resamples)
    for name, rows in (('real', real), ('generated', generated)):
        for start in range(0, len(rows), batch):
            found.update(name, rows[start : start + batch])
    return found


@pytest.mark.slow
@pytest.mark.parametrize('size, count', [(2, 50), (24, 300), (400, 1000)])
def test_the_distance_is_that_of_scipys_matrix_root(size, count):
    linalg = pytest.importorskip('scipy.linalg')
    real, generated = features(count, size), features(count + 50, size, seed=2, shift=0.5) * 1.1
    one, other = np.cov(real, rowvar=False), np.cov(generated, rowvar=False)
    expected = ((real.mean(0) - generated.mean(0)) ** 2).sum() + np.trace(
        one + other - 2 * np.real(linalg.sqrtm(one @ other))
    )
    assert distance(real, generated).value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize('count', [5, 24, 300])  # 5 and 24 have singular covariances
def test_a_set_is_nowhere_but_at_itself(count):
    rows = features(count)
    assert distance(rows, rows[::-1]).value <= 1e-12 * np.trace(np.cov(rows, rowvar=False))


def test_singular_covariances_have_their_exact_distance():
    # roots commute: the sum of (a - b)^2
    one, other = (
        np.diag([4.0, 1, 0, 0]),
        np.diag([1.0, 0, 9, 0]),
    )
    assert frechet_distance(np.zeros(4), one, np.ones(4), other) == pytest.approx(
        4 + 1 + 1 + 9, abs=1e-12
    )


def test_the_distance_grows_with_noise():
    rows, noise = features(400), np.random.default_rng(5).normal(size=(400, 24))
    values = [distance(rows, rows + level * noise).value for level in (0, 0.1, 0.5, 1, 2)]
    assert values[0] < 1e-9 and (np.diff(values) > 0).all()


def test_batches_make_no_difference_and_large_means_cost_no_digits():
    rows = features(200) + 1e6
    one, other = Gaussian(), Gaussian()
    one.update(rows)
    for part in np.array_split(rows, 7):
        other.update(part)
    for found in (one, other):
        np.testing.assert_allclose(found.mean, rows.mean(0), rtol=1e-14)
        np.testing.assert_allclose(
            found.covariance, np.cov(rows - 1e6, rowvar=False), rtol=1e-7, atol=1e-7
        )


def test_a_weight_of_two_is_the_feature_twice():
    rows, weights = features(30), np.random.default_rng(0).integers(0, 3, 30)
    one, other = Gaussian(), Gaussian()
    one.update(rows, weights)
    other.update(np.repeat(rows, weights, 0))
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-12)
    assert one.count == other.count


def test_resamples_vary_as_new_samples_do_and_not_with_the_batches():
    size = 4
    value = [
        distance(features(500, size, seed), features(500, size, seed + 100, shift=1)).value
        for seed in range(2, 22)
    ]
    found = distance(features(500, size, 2), features(500, size, 102, shift=1), resamples=20)
    assert 0.4 < found.resampled.std() / np.std(value) < 2.5
    again = distance(
        features(500, size, 2), features(500, size, 102, shift=1), batch=500, resamples=20
    )
    np.testing.assert_allclose(again.resampled, found.resampled, rtol=1e-9)


def test_features_that_do_not_fit_are_named():
    found = FrechetDistance(0)
    found.update('real', features(5))
    with pytest.raises(DataError, match='the generated set has 0 features; a covariance takes two'):
        found.value
    with pytest.raises(DataError, match='features are N x 24; got 5 x 3'):
        found.update('real', np.zeros((5, 3)))
    for value in (np.nan, np.inf, -1e61):
        with pytest.raises(DataError, match='NaN, or numbers above 1e.60'):
            found.update('real', np.full((5, 24), value))
    found.update('generated', features(5, 3))
    with pytest.raises(DataError, match='differ in length: 24 and 3'):
        found.value


def test_the_square_root_squares_to_the_matrix():
    matrix = np.cov(features(100), rowvar=False)
    np.testing.assert_allclose(
        square_root(matrix) @ square_root(matrix), matrix, rtol=1e-9, atol=1e-9
    )


# Videos


def clips(images, frames, stride=None):
    steps = [dict(type='DecodeClip'), dict(type='Stretch', size=4), dict(type='PackClips')]
    return _clips(clip_steps(dict(imgs=steps), 'rgb'), frames, stride, enumerate(images))


def test_clips_begin_at_each_stride():
    images = [np.full((2, 2, 3), i, np.uint8) for i in range(20)]
    for stride, begins in ((None, [0]), (8, [0, 8]), (4, [0, 4, 8, 12]), (10, [0, 10])):
        found = list(clips(images, 8, stride))
        assert [clip[0, 0, 0, 0, 0] for clip in found] == begins
        assert all(clip.shape == (1, 8, 4, 4, 3) and clip.dtype == np.float32 for clip in found)
    with pytest.raises(DataError, match='has 7 frames; a clip takes 8'):
        list(clips(images[:7], 8))


def test_a_frame_smaller_than_the_clip_is_stretched_and_nothing_else():
    # the crop's filler would be 8 x 4
    frame = np.arange(4 * 2 * 3, dtype=np.uint8).reshape(4, 2, 3)
    stretched = Stretch(4)(dict(imgs=[frame]))['imgs'][0]
    np.testing.assert_array_equal(next(clips([frame] * 8, 8))[0, 5], stretched)


def test_no_frame_is_read_after_the_first_clip_where_that_is_all():
    images = iter([np.zeros((2, 2, 3), np.uint8)] * 20)
    assert len(list(clips(images, 8))) == 1 and len(list(images)) == 12


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    ms.set_context(mode=ms.GRAPH_MODE)
    ms.set_seed(0)
    recognizer = build_recognizer(
        dict(
            type='Recognizer3D',
            backbone=dict(type='InceptionI3D'),
            head=dict(type='I3DHead', num_classes=10),
        )
    )
    path = tmp_path_factory.mktemp('weights') / 'rgb.ckpt'
    save_checkpoint(str(path), recognizer, meta=dict(modality='RGB'))
    return path


@pytest.mark.slow
def test_the_command_measures_folders_and_arrays_alike_and_outlives_a_damaged_video(
    checkpoint, tmp_path
):
    arrays = {}
    for place, name in enumerate(('real', 'generated')):
        (tmp_path / name).mkdir()
        arrays[name] = np.stack(
            [moving_frames(10 + place, 40, 32, seed=10 * place + i)[:10] for i in range(4)]
        )
        for number, video in enumerate(arrays[name]):
            write_video(tmp_path / name / f'{number}.avi', list(video), 'FFV1')
        np.save(tmp_path / f'{name}.npy', arrays[name])
    (tmp_path / 'generated/bad.avi').write_bytes(b'nothing' * 99)
    write_video(tmp_path / 'generated/short.avi', moving_frames(5, 40, 32), 'FFV1')
    options = ['--checkpoint', checkpoint, '--frames', 8, '--size', 32, '--json']
    done = command(
        'analysis/fvd', tmp_path / 'real', tmp_path / 'generated', *options, tmp_path / 'a.json'
    )
    assert (
        done.returncode == 1
        and '2 videos failed' in done.stderr
        and 'has 5 frames; a clip takes 8' in done.stderr
    )
    figures = json.loads((tmp_path / 'a.json').read_text())
    assert (
        figures['clips'] == dict(real=4, generated=4)
        and f'FVD: {figures["fvd"]:.6g}' in done.stdout
    )
    assert figures['resampled_variance'] > 0
    done = command(
        'analysis/fvd',
        tmp_path / 'real.npy',
        tmp_path / 'generated.npy',
        *options,
        tmp_path / 'b.json',
    )
    assert done.returncode == 0
    assert json.loads((tmp_path / 'b.json').read_text())['fvd'] == pytest.approx(
        figures['fvd'], rel=1e-2
    )


def test_a_tools_epsilon_goes_into_every_network_of_i3d():
    spec = ModelSpec.resolve(plain_i3d(dict(rgb=5, flow=5)), checkpoint='a.ckpt')
    changed = _with_epsilon(spec, 1e-5).cfg.model
    assert changed.rgb.backbone.norm == changed.flow.backbone.norm == dict(eps=1e-5)
    assert 'norm' not in spec.cfg.model.rgb.backbone
    assert _with_epsilon(spec, None) is spec
    spec = ModelSpec.resolve(plain_i3d(dict(rgb=5)), checkpoint='a.ckpt')
    assert _with_epsilon(spec, 1e-5).cfg.model.backbone.norm == dict(eps=1e-5)


def test_clips_can_be_those_of_the_configs_test_pipeline():
    cfg = plain_i3d(dict(rgb=5))
    steps = [dict(type='DecodeClip'), dict(type='ThreeCrop', size=32), dict(type='PackClips')]
    sampling = dict(type='SampleFrames', clip_len=8, frame_interval=2)
    cfg.data = dict(test=dict(type='VideoDataset', pipeline=[sampling, *steps]))
    spec = ModelSpec.resolve(cfg, checkpoint='a.ckpt')
    made = clip_steps(_pipelines(spec, 'pipeline', 224), 'rgb')
    images = moving_frames(31, 48, 32)
    found = list(_clips(made, 8, 16, enumerate(images)))
    assert [clip.shape for clip in found] == [(3, 8, 32, 32, 3)] * 2
    np.testing.assert_array_equal(found[1][0][3], images[16 + 6][:, :32])
    with pytest.raises(DataError, match='has 14 frames; a clip takes 15'):
        list(_clips(made, 8, None, enumerate(images[:14])))


def test_features_pass_by_the_network(tmp_path):
    np.save(tmp_path / 'a.npy', features(50).astype(np.float32))
    np.save(tmp_path / 'b.npy', features(60, seed=3).astype(np.float32))
    found = video_distance(str(tmp_path / 'a.npy'), str(tmp_path / 'b.npy'))
    assert found.clips == dict(real=50, generated=60)
    assert found.value == pytest.approx(
        distance(features(50), features(60, seed=3)).value, rel=1e-4
    )
    np.save(tmp_path / 'c.npy', np.zeros((2, 3), int))
    with pytest.raises(DataError, match=r'c.npy: must be uint8 N x T x H x W x 3, or features'):
        video_distance(str(tmp_path / 'a.npy'), str(tmp_path / 'c.npy'))


@pytest.mark.parametrize('count, few', [(400, False), (399, True)])
def test_a_distance_of_few_clips_says_so(tmp_path, capsys, count, few):
    for name in ('real', 'generated'):
        np.save(tmp_path / f'{name}.npy', features(count if name == 'real' else 400, 8))
    words = [str(tmp_path / f'{name}.npy') for name in ('real', 'generated')]
    assert main('fvd', [*words, '--json', str(tmp_path / 'fvd.json')]) == 0
    assert ('of fewer clips than 400 a distance says little' in capsys.readouterr().out) == few
    assert json.loads((tmp_path / 'fvd.json').read_text())['few_clips'] == few
