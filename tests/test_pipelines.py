"""Pipeline steps: what each does to frames, and what it refuses."""

import pickle

import cv2
import numpy as np
import pytest
from videos import moving_frames, write_images, write_video

from i3dbox.datasets.pipelines import Compose
from i3dbox.errors import ConfigError, DamagedSampleError, DataError, RegistryError
from i3dbox.flow.encoding import decode
from i3dbox.registry import PIPELINES


def build(type, **kwargs):
    return PIPELINES.build(dict(type=type, **kwargs))


def sample(imgs=None, seed=0, test_mode=False, **more):
    """A sample on its way through a pipeline."""
    results = dict(
        name='a', modality='RGB', test_mode=test_mode, rng=np.random.default_rng(seed), num_clips=1
    )
    if imgs is not None:
        results.update(imgs=imgs, modality='RGB' if imgs[0].shape[2] == 3 else 'Flow')
    return dict(results, **more)


def numbered(count, height=48, width=64, channels=3):
    """Frames in which every pixel tells its place: frame + row + column."""
    rows, columns = np.mgrid[:height, :width]
    return [
        np.repeat((number + rows + columns)[..., None], channels, 2).astype(np.uint8)
        for number in range(count)
    ]


def frame_inds(total, seed=0, test_mode=False, **kwargs):
    results = build('SampleFrames', **kwargs)(
        sample(seed=seed, test_mode=test_mode, total_frames=total)
    )
    clip_len = results['clip_len']
    assert len(results['frame_inds']) == results['num_clips'] * clip_len
    return results['frame_inds'].reshape(-1, clip_len).tolist()


# sampling


def test_frames_are_stretched_as_tensorflow_1_does():
    ramp = np.arange(0, 8, dtype=np.uint8)[None, :, None] * np.ones((6, 1, 3), np.uint8)
    for size in (4, 12):  # pixel i lies at i * old / new; beyond the last there is nothing to mix
        (found,) = build('Stretch', size=size)(dict(imgs=[ramp]))['imgs']
        assert found.shape == (size, size, 3) and found.dtype == np.float32
        expected = np.minimum(np.arange(size) * 8 / size, 7)
        np.testing.assert_allclose(found[0, :, 0], expected, atol=1e-6)


def test_frames_are_stretched_as_pytorch_does():
    ramp = np.array([0, 10], np.uint8)[None, :, None] * np.ones((3, 1, 3), np.uint8)
    (found,) = build('Stretch', size=4, half_pixels=True)(dict(imgs=[ramp]))['imgs']
    np.testing.assert_allclose(found[0, :, 0], [0, 2.5, 7.5, 10])
    (found,) = build('Stretch', size=5, half_pixels=True, keep_ratio=True)(dict(imgs=[ramp]))[
        'imgs'
    ]
    assert found.shape == (8, 5, 3)  # 3 x 2; the long side is rounded up
    torch = pytest.importorskip('torch')
    image = np.random.default_rng(0).integers(0, 256, (37, 50, 3), np.uint8)
    (found,) = build('Stretch', size=(90, 20), half_pixels=True)(dict(imgs=[image]))['imgs']
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image.transpose(2, 0, 1)[None]).float(), (20, 90), mode='bilinear'
    )
    np.testing.assert_allclose(found, expected[0].numpy().transpose(1, 2, 0), atol=1e-3)


def test_a_random_clip_is_consecutive_frames_and_reaches_both_ends():
    clips = [frame_inds(10, seed, clip_len=4)[0] for seed in range(200)]
    assert all(clip == list(range(clip[0], clip[0] + 4)) for clip in clips)
    assert {clip[0] for clip in clips} == set(range(7))


def test_random_clips_are_drawn_each_on_its_own():
    starts = [clip[0] for clip in frame_inds(1000, clip_len=8, num_clips=5)]
    assert len(set(starts)) == 5


def test_the_same_rng_gives_the_same_clip():
    assert (
        frame_inds(1000, 7, clip_len=8)
        == frame_inds(1000, 7, clip_len=8)
        != frame_inds(1000, 8, clip_len=8)
    )


def test_the_centre_clip_is_in_the_middle():
    assert (
        frame_inds(10, clip_len=4, mode='centre')
        == frame_inds(10, clip_len=4, mode='center')
        == [[3, 4, 5, 6]]
    )


def test_uniform_clips_go_from_start_to_end():
    assert frame_inds(10, clip_len=2, mode='uniform', num_clips=3) == [[0, 1], [4, 5], [8, 9]]
    assert frame_inds(10, clip_len=4, mode='uniform') == [[3, 4, 5, 6]]


def test_in_test_mode_random_becomes_uniform():
    kwargs = dict(clip_len=2, num_clips=3)
    assert frame_inds(10, test_mode=True, **kwargs) == frame_inds(10, mode='uniform', **kwargs)
    assert frame_inds(10, test_mode=True, clip_len=4) == frame_inds(10, mode='centre', clip_len=4)


def test_dense_clips_cover_every_frame():
    assert frame_inds(10, clip_len=4, mode='dense') == [[0, 1, 2, 3], [4, 5, 6, 7], [6, 7, 8, 9]]
    assert frame_inds(8, clip_len=4, mode='dense') == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert frame_inds(3, clip_len=4, mode='dense') == [[0, 1, 2, 0]]


def test_the_whole_video_can_be_one_clip():
    assert frame_inds(6, clip_len=4, mode='whole') == [[0, 1, 2, 3, 4, 5]]
    assert frame_inds(6, clip_len=2, frame_interval=4, mode='whole') == [[0, 4]]
    assert frame_inds(2, clip_len=4, mode='whole') == [[0, 1, 0, 1]]


def test_an_interval_spreads_the_frames():
    assert frame_inds(9, clip_len=3, frame_interval=4) == [[0, 4, 8]]


def test_a_short_video_is_looped_or_holds_its_last_frame():
    assert frame_inds(3, clip_len=8) == [[0, 1, 2, 0, 1, 2, 0, 1]]
    assert frame_inds(3, clip_len=5, out_of_bound='repeat_last') == [[0, 1, 2, 2, 2]]
    assert frame_inds(1, clip_len=3, num_clips=2, test_mode=True) == [[0, 0, 0]] * 2


@pytest.mark.parametrize(
    'wrong, message',
    [
        (dict(clip_len=0), 'clip_len is a whole number from 1; got 0'),
        (dict(clip_len=2.5), 'clip_len'),
        (dict(frame_interval=-1), 'frame_interval'),
        (dict(num_clips=0), 'num_clips'),
        (
            dict(mode='middle'),
            "mode is one of 'random', 'segments', .*, 'whole'; got 'middle'",
        ),
        (dict(out_of_bound='stop'), 'out_of_bound'),
        (dict(mode='centre', num_clips=3), 'takes no num_clips'),
    ],
)
def test_wrong_arguments_of_sampling_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        build('SampleFrames', **{'clip_len': 4, **wrong})


# decoding

CLIP = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=8, mode='centre'),
    dict(type='DecodeClip'),
]


def test_a_video_and_its_frames_give_the_same_clip(tmp_path):
    frames = moving_frames(20)
    video = Compose(CLIP)(sample(filename=write_video(tmp_path / 'v.avi', frames, 'FFV1')))
    folder = Compose(CLIP)(sample(frame_dir=write_images(tmp_path / 'v', frames, quality=100)))
    for results in (video, folder):
        assert (
            results['total_frames'] == 20
            and results['img_shape'] == (48, 64)
            and len(results['imgs']) == 8
        )
        for img, index in zip(results['imgs'], range(6, 14)):
            assert img.dtype == np.uint8 and np.abs(img.astype(int) - frames[index]).mean() < 8
        assert 'reader' not in results


def test_flow_is_read_from_folders_by_the_sample_or_step_template(tmp_path):
    flow = numbered(10, channels=2)
    write_images(tmp_path, flow, 'flow_{}_{:05}.jpg', quality=100)
    given = sample(frame_dir=tmp_path, modality='Flow', filename_tmpl='flow_{}_{:05}.jpg')
    assert Compose(CLIP)(given)['imgs'][0].shape == (48, 64, 2)
    init = dict(CLIP[0], filename_tmpl='flow_{}_{:05}.jpg')
    assert (
        Compose([init] + CLIP[1:])(sample(frame_dir=tmp_path, modality='Flow'))['total_frames']
        == 10
    )


def test_a_looped_video_decodes_each_frame_once(tmp_path):
    imgs = Compose(CLIP)(sample(filename=write_video(tmp_path / 'v.avi', moving_frames(3))))['imgs']
    assert len({id(img) for img in imgs}) == 3 and imgs[0] is imgs[3]


def test_damage_and_missing_keys_are_told(tmp_path):
    with pytest.raises(DamagedSampleError) as caught:
        Compose(CLIP)(sample(filename=str(tmp_path / 'gone.avi'), name='c/gone'))
    assert caught.value.name == 'c/gone'
    with pytest.raises(
        ConfigError, match="OpenClip needs 'filename', 'frame_dir' or 'packed'.*there are: modality"
    ):
        Compose(CLIP)(sample())
    with pytest.raises(ConfigError, match="SampleFrames needs 'total_frames'"):
        Compose(CLIP[1:])(sample(filename='x'))


# sizes and places


def test_resize_keeps_the_shape_of_the_frames():
    for kwargs, expected in (
        (dict(short_side=24), (24, 32)),
        (dict(scale=(-1, 24)), (24, 32)),
        (dict(scale=(float('inf'), 96)), (96, 128)),
        (dict(scale=(32, 32)), (24, 32)),
        (dict(scale=(30, 20), keep_ratio=False), (20, 30)),
    ):
        results = build('Resize', **kwargs)(sample(numbered(2)))
        assert results['img_shape'] == expected == results['imgs'][0].shape[:2]


def test_resize_does_each_distinct_frame_once_and_none_of_the_right_size():
    imgs = numbered(2) * 3
    resized = build('Resize', short_side=24)(sample(imgs))['imgs']
    assert resized[0] is resized[2] is resized[4]
    assert build('Resize', short_side=48)(sample(imgs))['imgs'][0] is imgs[0]


def test_resize_leaves_the_values_of_flow():
    flow = [np.full((48, 64, 2), (100, 200), np.uint8)]
    assert (build('Resize', short_side=24)(sample(flow))['imgs'][0] == (100, 200)).all()


@pytest.mark.parametrize(
    'wrong',
    [
        dict(),
        dict(scale=(1, 2), short_side=3),
        dict(scale=3),
        dict(scale=(-1, -1)),
        dict(scale=(0, 5)),
        dict(short_side=0),
        dict(scale=('a', 1)),
        dict(scale=(-1, 24), keep_ratio=False),
        dict(short_side=4, interpolation='no'),
    ],
)
def test_wrong_arguments_of_resize_are_refused(wrong):
    with pytest.raises(ConfigError):
        build('Resize', **wrong)


def place(img):
    """Row plus column of the upper left corner of a crop of numbered(1)."""
    return int(img[0, 0, 0])


def test_the_centre_crop_is_in_the_middle():
    results = build('CenterCrop', size=(32, 16))(sample(numbered(1)))
    assert results['img_shape'] == (16, 32) == results['imgs'][0].shape[:2]
    assert place(results['imgs'][0]) == 16 + 16


@pytest.mark.parametrize(('size', 'before', 'rounded'), [(33, 15, 16), (31, 16, 16), (61, 1, 2)])
def test_a_middle_between_two_pixels_is_the_first_or_the_even_one(size, before, rounded):
    imgs = sample([np.arange(64, dtype=np.uint8).reshape(1, 64, 1).repeat(64, 0)])['imgs']
    for arguments, first in ((dict(), before), (dict(rounded=True), rounded)):
        crop = build('CenterCrop', size=(size, 64), **arguments)
        assert crop(sample(imgs))['imgs'][0][0, 0, 0] == first


def test_a_random_crop_is_one_place_for_all_frames_and_a_view():
    imgs = numbered(5)
    results = build('RandomCrop', size=40)(sample(imgs, num_clips=1))
    places = [place(img) - number for number, img in enumerate(results['imgs'])]
    assert len(set(places)) == 1 and all(
        np.shares_memory(img, crop) for img, crop in zip(imgs, results['imgs'])
    )


def test_random_crops_reach_every_place_and_are_the_middle_in_test_mode():
    crop = build('RandomCrop', size=(62, 46))
    shapes = {place(crop(sample(numbered(1), seed))['imgs'][0]) for seed in range(100)}
    assert shapes == set(range(5))
    assert place(crop(sample(numbered(1), test_mode=True))['imgs'][0]) == 2


def test_a_crop_larger_than_the_frames_names_both_sizes():
    for type in ('RandomCrop', 'CenterCrop', 'ThreeCrop'):
        with pytest.raises(
            DataError, match=f'a: {type} to 56 x 50 does not fit the frames, which are 64 x 48'
        ):
            build(type, size=(56, 50))(sample(numbered(1)))


def test_three_crops_lie_along_the_longer_side_and_triple_the_clips():
    imgs = numbered(4)
    results = build('ThreeCrop', size=48)(sample(imgs, num_clips=2))
    assert results['num_clips'] == 6 and len(results['imgs']) == 12
    assert [place(img) for img in results['imgs'][::4]] == [0, 8, 16]
    assert np.array_equal(results['imgs'][5], imgs[1][:, 8:56])
    upright = build('ThreeCrop', size=(20, 30))(sample(numbered(1, height=70, width=20)))
    assert [place(img) for img in upright['imgs']] == [0, 20, 40]


def test_multi_scale_crops_take_their_sides_from_the_scales():
    crop = build('MultiScaleCrop', input_size=24, scales=(1, 0.5), max_wh_scale_gap=1)
    shapes = {crop(sample(numbered(1), seed))['img_shape'] for seed in range(60)}
    assert shapes == {(48, 48), (48, 24), (24, 48), (24, 24)}
    square = build(
        'MultiScaleCrop', input_size=23, scales=(1, 0.5), max_wh_scale_gap=0, random_crop=True
    )
    assert {square(sample(numbered(1), seed))['img_shape'] for seed in range(60)} == {
        (48, 48),
        (23, 23),
    }
    assert crop(sample(numbered(1), test_mode=True))['img_shape'] == (48, 48)


# two channels: column and row, from 1
PLACES = np.dstack(np.indices((48, 64))[::-1] + 1).astype(np.uint8)


def test_multi_scale_crops_stand_in_corners_and_middle():
    for fixed in (5, 13):
        crop = build('MultiScaleCrop', input_size=24, scales=(0.5,), num_fixed_crops=fixed)
        corners = {tuple(crop(sample([PLACES], seed))['imgs'][0][0, 0]) for seed in range(300)}
        assert len(corners) == fixed and {(1, 1), (41, 1), (1, 25), (41, 25), (21, 13)} <= corners
        assert all(
            crop(sample([PLACES], seed))['imgs'][0].shape == (24, 24, 2) for seed in range(20)
        )


def test_random_resized_crops_vary_and_stay_within_their_ranges():
    crop = build('RandomResizedCrop', area_range=(0.25, 0.5))
    shapes = [crop(sample(numbered(1), seed))['imgs'][0].shape for seed in range(50)]
    assert (
        all(0.23 < h * w / (48 * 64) < 0.53 and 0.7 < w / h < 1.4 for h, w, _ in shapes)
        and len(set(shapes)) > 20
    )
    assert crop(sample(numbered(1), test_mode=True))['img_shape'] == (48, 48)


@pytest.mark.parametrize(
    'wrong',
    [
        dict(type='CenterCrop', size=0),
        dict(type='RandomCrop', size=(3, 4, 5)),
        dict(type='ThreeCrop', size='big'),
        dict(type='MultiScaleCrop', input_size=8, scales=(2,)),
        dict(type='MultiScaleCrop', input_size=8, scales=()),
        dict(type='MultiScaleCrop', input_size=8, num_fixed_crops=7),
        dict(type='Flip', flip_ratio=1.5),
        dict(type='RandomResizedCrop', area_range=(0, 1)),
        dict(type='RandomResizedCrop', aspect_ratio_range=(2, 1)),
        dict(type='ColorJitter', hue=0.6),
        dict(type='ColorJitter'),
        dict(type='ColorJitter', brightness=-1),
        dict(type='OpenClip', num_threads=0),
    ],
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ConfigError):
        PIPELINES.build(wrong)


def test_flip_mirrors_rgb():
    imgs = numbered(3)
    results = build('Flip', flip_ratio=1)(sample(imgs))
    assert results['flip'] and all(
        np.array_equal(a, b[:, ::-1]) for a, b in zip(results['imgs'], imgs)
    )


def test_a_mirrored_flow_has_its_horizontal_component_negated():
    flow = [np.random.default_rng(0).integers(0, 256, (48, 64, 2), np.uint8)]
    kept = flow[0].copy()
    flipped = decode(build('Flip', flip_ratio=1)(sample(flow * 2))['imgs'][1])
    np.testing.assert_allclose(flipped[..., 0], -decode(kept)[:, ::-1, 0], atol=1e-5)
    np.testing.assert_array_equal(flipped[..., 1], decode(kept)[:, ::-1, 1])
    assert np.array_equal(flow[0], kept)  # the frame itself, which a loop shares, is as it was


def test_flip_is_by_chance_and_never_in_test_mode():
    flip = build('Flip')
    flips = [flip(sample(numbered(1), seed))['flip'] for seed in range(200)]
    assert 70 < sum(flips) < 130
    assert not any(
        build('Flip', flip_ratio=1)(sample(numbered(1), test_mode=True))['flip'] for _ in range(3)
    )


# colour


def jitter(imgs, seed=0, **kwargs):
    return build('ColorJitter', **kwargs)(sample(imgs, seed))['imgs']


def test_color_jitter_is_one_draw_for_the_clip():
    imgs = moving_frames(1) * 3 + [moving_frames(1)[0]]
    changed = jitter(imgs, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
    assert changed[0] is changed[1] and np.array_equal(changed[0], changed[3])
    assert not np.array_equal(changed[0], imgs[0])


def test_color_jitter_leaves_grey_to_brightness_and_contrast():
    grey = [np.full((8, 8, 3), 120, np.uint8)]
    assert np.abs(jitter(grey, saturation=1, hue=0.5)[0].astype(int) - 120).max() <= 1
    assert np.abs(jitter(grey, contrast=1)[0].astype(int) - 120).max() <= 1
    assert {int(jitter(grey, seed, brightness=0.5)[0][0, 0, 0]) // 20 for seed in range(50)} == {
        3,
        4,
        5,
        6,
        7,
        8,
    }


def test_a_saturation_of_zero_is_what_opencv_calls_grey(monkeypatch):
    imgs = moving_frames(1)
    step = build('ColorJitter', saturation=1)
    results = sample(imgs)
    results['rng'] = type('Low', (), {'uniform': staticmethod(lambda *_: -np.ones(4))})
    grey = cv2.cvtColor(imgs[0], cv2.COLOR_RGB2GRAY)
    assert np.abs(step(results)['imgs'][0].astype(int) - grey[..., None]).max() <= 1


def test_color_jitter_rests_in_test_mode_and_refuses_flow():
    imgs = moving_frames(1)
    assert build('ColorJitter', brightness=1)(sample(imgs, test_mode=True))['imgs'] is imgs
    with pytest.raises(ConfigError, match='ColorJitter is for RGB'):
        build('ColorJitter', hue=0.1)(sample(numbered(1, channels=2)))


# the whole way

TRAIN = [
    dict(type='SampleFrames', clip_len=8),
    dict(type='Resize', short_side=40),
    dict(type='RandomCrop', size=32),
    dict(type='Flip'),
    dict(type='ColorJitter', brightness=0.3),
    dict(type='PackClips'),
]


def run(path, seed=0, **kwargs):
    steps = [dict(type='OpenClip')] + TRAIN[:1] + [dict(type='DecodeClip')] + TRAIN[1:]
    return Compose(steps)(sample(filename=path, seed=seed, **kwargs))


def test_a_pipeline_ends_in_one_contiguous_array(tmp_path):
    path = write_video(tmp_path / 'v.avi', moving_frames(5))
    results = run(path)
    imgs = results['imgs']
    assert imgs.shape == (1, 8, 32, 32, 3) and imgs.dtype == np.uint8 and imgs.flags.c_contiguous
    assert results['img_shape'] == (32, 32)
    np.testing.assert_array_equal(imgs[0, 5:], imgs[0, :3])  # looped


def test_a_pipeline_is_a_function_of_its_rng(tmp_path):
    path = write_video(tmp_path / 'v.avi', moving_frames(30))
    first, again, other = (run(path, seed)['imgs'] for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    tests = [run(path, seed, test_mode=True)['imgs'] for seed in (3, 4)]
    assert np.array_equal(*tests)


def test_rgb_and_flow_of_a_sample_take_the_same_frames_and_crops():
    starts, places = [], []
    for channels, total in ((3, 100), (2, 99)):
        results = sample([np.zeros((48, 64, channels), np.uint8)], seed=5, total_frames=total)
        starts.append(build('SampleFrames', clip_len=8)(results)['frame_inds'][0])
        results['imgs'] = [np.dstack([PLACES] * 2)[..., :channels]]
        results = build('Flip')(build('RandomCrop', size=32)(results))
        places.append((results['flip'], *results['imgs'][0][0, 0, 1:2]))
    assert abs(int(starts[0]) - int(starts[1])) <= 1 and places[0] == places[1]


def test_clips_follow_one_another_in_the_packed_array():
    results = build('PackClips')(sample(numbered(6), num_clips=3))
    assert results['imgs'].shape == (3, 2, 48, 64, 3)
    assert results['imgs'][:, :, 0, 0, 0].tolist() == [[0, 1], [2, 3], [4, 5]]


def test_frames_of_different_sizes_cannot_be_packed():
    with pytest.raises(DataError, match='got 64 x 48 and 32 x 24'):
        build('PackClips')(sample(numbered(1) + numbered(1, 24, 32), num_clips=1))


def test_compose_takes_callables_and_refuses_the_rest():
    assert Compose([lambda results: dict(results, seen=True)])({})['seen']
    with pytest.raises(ConfigError, match='got 3'):
        Compose([3])
    with pytest.raises(RegistryError, match="Did you mean 'Resize'"):
        Compose([dict(type='Resise')])


def test_pipelines_can_be_sent_to_worker_processes():
    assert len(pickle.loads(pickle.dumps(Compose(CLIP + TRAIN))).steps) == 9
