"""Steps that are mmaction2's in name and arguments do what its own do.

Where a step takes no chance, frames and crops are compared with the formulas of its documentation,
written here again; where it does, with what it may draw.
"""

import numpy as np
import pytest
from PIL import Image

from i3dbox.datasets.pipelines.rand_augment import OPERATIONS
from i3dbox.errors import ConfigError
from i3dbox.inference.clip_steps import ClipSteps
from i3dbox.registry import PIPELINES


def sample(total, test_mode=False, seed=0, fps=None, **step):
    results = dict(
        total_frames=total, test_mode=test_mode, rng=np.random.default_rng(seed), fps=fps
    )
    results = PIPELINES.build(step)(results)
    return results['frame_inds'].reshape(results['num_clips'], results['clip_len'])


def starts(*args, **kwargs):
    return sample(*args, **kwargs)[:, 0]


# Sampling


@pytest.mark.parametrize('total', [10, 64, 65, 100, 300])
def test_dense_clips_of_a_test_start_at_ten_places_of_a_range(total):
    found = starts(total, True, type='DenseSampleFrames', clip_len=4, num_clips=8)
    places = np.linspace(0, max(1, 1 + total - 64) - 1, num=10, dtype=int)
    wanted = [(8 * clip + place) % total for place in places for clip in range(8)]
    assert found.tolist() == wanted


def test_dense_clips_of_training_stand_in_a_range_that_is_drawn():
    step = dict(type='DenseSampleFrames', clip_len=2, num_clips=4, sample_range=32)
    found = np.array([starts(100, seed=seed, **step) for seed in range(300)])
    assert (np.diff(found) == 8).all()
    assert found[:, 0].min() == 0 and found[:, 0].max() == 100 - 32 - 1
    assert starts(20, **step).tolist() == [0, 8, 16, 4]  # a short video, from its start, looped


@pytest.mark.parametrize('total', [1, 5, 16, 33, 250])
@pytest.mark.parametrize('num_clips', [1, 3])
def test_a_uniform_sample_of_a_test_is_of_every_part(total, num_clips):
    found = sample(total, True, type='UniformSample', clip_len=8, num_clips=num_clips)
    part = (total - 1) / 8
    wanted = [
        [int(np.round(part * i)) + int(part / (num_clips + 1) * (k + 1)) for i in range(8)]
        for k in range(num_clips)
    ]
    assert found.tolist() == wanted


def test_a_uniform_sample_of_training_draws_within_every_part():
    found = np.array(
        [sample(81, seed=seed, type='UniformSample', clip_len=8)[0] for seed in range(300)]
    )
    assert (found.min(0) == 10 * np.arange(8)).all()
    assert (found.max(0) == 10 * np.arange(1, 9)).all()


@pytest.mark.parametrize('keep_tail_frames, last', [(False, 95), (True, 98)])
def test_clips_of_segments_stand_in_equal_parts(keep_tail_frames, last):
    step = dict(type='SampleFrames', clip_len=1, num_clips=8, mode='segments')
    step['keep_tail_frames'] = keep_tail_frames
    found = np.array([starts(99, seed=seed, **step) for seed in range(500)])
    part = 99 / 8 if keep_tail_frames else 99 // 8
    assert (found.min(0) == np.floor(np.arange(8) * part)).all()
    assert (found // 1 < np.ceil(np.arange(1, 9) * part)).all() and found.max() == last


def test_segments_of_fewer_frames_than_clips_are_in_order():
    found = starts(6, type='SampleFrames', clip_len=1, num_clips=9, mode='segments')
    assert (np.diff(found) >= 0).all() and 0 <= found.min() <= found.max() < 6
    assert not starts(3, type='SampleFrames', clip_len=4, num_clips=2, mode='segments').any()


def test_jitter_takes_frames_later_in_training_alone():
    step = dict(type='SampleFrames', clip_len=5, frame_interval=4, temporal_jitter=True)
    found = np.array([sample(17, seed=seed, **step)[0] for seed in range(200)])
    late = found[:, :4] - 4 * np.arange(4)  # the last frame is the video's
    assert set(late.ravel()) == {0, 1, 2, 3}
    assert sample(17, True, **step)[0].tolist() == [0, 4, 8, 12, 16]


@pytest.mark.parametrize(
    'fps, wanted', [(30, [0, 1, 2, 3]), (60, [0, 2, 4, 6]), (15, [0, 0, 1, 1])]
)
def test_a_target_rate_takes_frames_of_the_time(fps, wanted):
    step = dict(type='SampleFrames', clip_len=4, target_fps=30, mode='uniform')
    span = wanted[-1] + 1
    assert sample(span, True, fps=fps, **step)[0].tolist() == wanted
    with pytest.raises(ConfigError, match='target_fps is for videos that say their rate'):
        sample(span, True, **step)


@pytest.mark.parametrize(
    'step',
    [dict(type='UniformSample', clip_len=4), dict(type='SampleFrames', clip_len=4, target_fps=5)],
)
def test_windows_of_a_stream_refuse_what_they_cannot_sample(step):
    steps = [dict(type='OpenClip'), step, dict(type='DecodeClip'), dict(type='PackClips')]
    with pytest.raises(ConfigError, match='UniformSample takes|target_fps is for'):
        ClipSteps(steps, 'RGB')


# Processing


def frames(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def process(step, imgs, modality='RGB', test_mode=False, seed=0, **more):
    results = dict(
        imgs=list(imgs),
        modality=modality,
        num_clips=1,
        test_mode=test_mode,
        rng=np.random.default_rng(seed),
        **more,
    )
    return PIPELINES.build(step)(results)


def test_ten_crops_are_corners_and_middle_and_their_mirror_images():
    imgs = frames(3, 20, 31, 3)
    results = process(dict(type='TenCrop', size=12), imgs)
    assert results['num_clips'] == 10 and len(results['imgs']) == 30
    x, y = (31 - 12) // 4, (20 - 12) // 4
    places = [(0, 0), (4 * x, 0), (0, 4 * y), (4 * x, 4 * y), (2 * x, 2 * y)]
    for clip, (left, top) in enumerate(places):
        wanted = imgs[:, top : top + 12, left : left + 12]
        assert (np.stack(results['imgs'][6 * clip : 6 * clip + 3]) == wanted).all()
        assert (np.stack(results['imgs'][6 * clip + 3 : 6 * clip + 6]) == wanted[:, :, ::-1]).all()


def test_ten_crops_of_flow_turn_its_direction():
    imgs = frames(1, 4, 4, 2)
    mirror = process(dict(type='TenCrop', size=4), imgs, 'Flow')['imgs'][1]
    assert (mirror[..., 0] == 255 - imgs[0][:, ::-1, 0]).all()
    assert (mirror[..., 1] == imgs[0][:, ::-1, 1]).all()


def test_a_vertical_flip_turns_flow_upside_down():
    imgs = frames(1, 4, 5, 2)
    step = dict(type='Flip', flip_ratio=1, direction='vertical')
    (flow,) = process(step, imgs, 'Flow')['imgs']
    assert (flow[..., 1] == 255 - imgs[0][::-1, :, 1]).all()
    assert (flow[..., 0] == imgs[0][::-1, :, 0]).all()
    (rgb,) = process(step, frames(1, 4, 5, 3))['imgs']
    assert (rgb == frames(1, 4, 5, 3)[0][::-1]).all()


@pytest.mark.parametrize('ratio, label, wanted', [(1, 4, 5), (1, 5, 4), (1, 3, 3), (0, 4, 4)])
def test_a_flip_may_make_another_class(ratio, label, wanted):
    step = dict(type='Flip', flip_ratio=ratio, flip_label_map={4: 5, 5: 4})
    assert process(step, frames(1, 2, 2, 3), label=label)['label'] == wanted


def test_a_random_rescale_reaches_both_ends_and_is_the_middle_in_a_test():
    step = dict(type='RandomRescale', scale_range=(8, 11))
    sizes = {process(step, frames(1, 16, 32, 3), seed=seed)['img_shape'] for seed in range(60)}
    assert sizes == {(side, 2 * side) for side in (8, 9, 10, 11)}
    assert process(step, frames(1, 16, 32, 3), test_mode=True)['img_shape'] == (9, 18)


def test_color_jitter_takes_ranges():
    grey = [np.full((2, 2, 3), 100, np.uint8)]
    step = dict(type='ColorJitter', brightness=(0.5, 0.7))
    values = [process(step, grey, seed=seed)['imgs'][0][0, 0, 0] for seed in range(200)]
    assert min(values) in (50, 51) and max(values) in (69, 70)
    fixed = dict(type='ColorJitter', brightness=(2, 2))
    assert process(fixed, grey)['imgs'][0].max() == 200


@pytest.mark.parametrize(
    'step, message',
    [
        (dict(type='Flip', direction='diagonal'), "direction is one of 'horizontal', 'vertical'"),
        (dict(type='Flip', flip_label_map=[1, 2]), 'flip_label_map is a dict of labels'),
        (dict(type='Flip', flip_label_map={1: 'a'}), 'flip_label_map is a whole number from 0'),
        (dict(type='TenCrop', crop_size=224), "'crop_size'. It is mmaction2's; here: size"),
        (dict(type='RandomRescale', scale_range=8), r'scale_range is \(shortest, longest\)'),
        (dict(type='ColorJitter', hue=(0.2, 0.1)), r'hue is a number or \(least, most\)'),
        (dict(type='ColorJitter', hue=(-0.6, 0)), 'hue is a number from -0.5 to 0.5'),
        (dict(type='DenseSampleFrames', clip_len=1, sample_range=0), 'sample_range is a whole num'),
        (dict(type='UniformSample', clip_len=0), 'clip_len is a whole number from 1'),
        (
            dict(type='SampleFrames', clip_len=1, keep_tail_frames=True),
            "keep_tail_frames is for the mode 'segments'",
        ),
        (dict(type='SampleFrames', clip_len=1, target_fps=0), 'target_fps is a number above 0'),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused(step, message):
    with pytest.raises(ConfigError, match=message):
        PIPELINES.build(step)


# RandAugment


def augmented(seed=0, frames=3, **step):
    step = PIPELINES.build(dict(type='RandAugment', **step))
    frame = np.random.default_rng(5).integers(0, 256, (24, 32, 3), np.uint8)
    imgs = [frame.copy() for _ in range(frames)]
    rng = np.random.default_rng(seed)
    out = step(dict(imgs=imgs, modality='RGB', test_mode=False, rng=rng))['imgs']
    return frame, out


def test_all_frames_of_a_clip_are_augmented_alike_and_clips_apart():
    seen = set()
    for seed in range(12):
        frame, out = augmented(seed)
        assert all((other == out[0]).all() for other in out)
        assert out[0].shape == frame.shape and out[0].dtype == np.uint8
        seen.add(out[0].tobytes())
    assert len(seen) > 8
    np.testing.assert_array_equal(augmented(3)[1][0], augmented(3)[1][0])


def test_without_strength_nothing_changes_but_what_has_none():
    for name, operation in OPERATIONS.items():
        frame = np.random.default_rng(5).integers(0, 256, (24, 32, 3), np.uint8)
        found = np.asarray(operation(Image.fromarray(frame), 0.0))
        if name not in ('equalize', 'autocontrast'):
            np.testing.assert_array_equal(found, frame, err_msg=name)


def test_operations_are_what_their_names_say():
    frame = np.random.default_rng(5).integers(0, 256, (24, 32, 3), np.uint8)

    def done(name, strength):
        return np.asarray(OPERATIONS[name](Image.fromarray(frame), strength))

    np.testing.assert_array_equal(done('solarize', -0.5), np.where(frame < 128, frame, 255 - frame))
    np.testing.assert_array_equal(done('posterize', 1), frame & 0b11110000)
    np.testing.assert_allclose(done('brightness', -1), frame * 0.1, atol=1)
    shift = round(150 / 331 * 32)
    moved = done('translate_x', shift * 331 / 150 / 32)
    np.testing.assert_array_equal(moved[:, : 32 - shift], frame[:, shift:])
    assert (moved[:, 32 - shift :] == 128).all()
    level = np.tile(np.arange(60, 92, dtype=np.uint8)[None, :, None], (24, 1, 3))
    stretched = np.asarray(OPERATIONS['autocontrast'](Image.fromarray(level), 1))
    assert (stretched.min(), stretched.max()) == (0, 255)
    flat = (OPERATIONS['rotate'](Image.fromarray(np.full((9, 9, 3), 128, np.uint8)), 1),)
    assert (np.asarray(flat[0]) == 128).all()


def test_each_is_applied_with_its_probability_and_none_in_a_test():
    frame, out = augmented(prob=0.0)
    np.testing.assert_array_equal(out[0], frame)
    step = PIPELINES.build(dict(type='RandAugment'))
    kept = dict(imgs=[frame], modality='RGB', test_mode=True, rng=None)
    assert step(kept)['imgs'][0] is frame
    with pytest.raises(ConfigError, match='RandAugment is for RGB'):
        step(dict(kept, modality='Flow'))
    with pytest.raises(ConfigError, match='magnitude'):
        PIPELINES.build(dict(type='RandAugment', magnitude=11))
