"""Windows slide over a stream of frames as over the whole video, in the memory of one window."""

import types

import numpy as np
import pytest
from videos import moving_frames, write_video

from i3dbox.datasets.pipelines import Compose
from i3dbox.datasets.pipelines.spatial import CenterCrop
from i3dbox.errors import ConfigError, DamagedSampleError
from i3dbox.flow.encoding import encode
from i3dbox.inference.clip_pipelines import authors_pipeline, exported_pipelines
from i3dbox.inference.clip_steps import clip_steps
from i3dbox.inference.clip_windows import ClipWindows
from i3dbox.media.frame_iterator import FrameIterator
from i3dbox.registry import FLOW_METHODS, PIPELINES
from i3dbox.streams import MODALITIES

SIZES = dict(short_side=32, size=32)


def windows_of(stream, window=8, stride=None, tail='move', **pipeline):
    """ClipWindows by the authors' pipeline, on small frames and with a quick flow."""
    steps = dict(imgs=authors_pipeline(**{**SIZES, 'method': 'farneback', **pipeline}))
    return ClipWindows(clip_steps(steps, stream), window, stride, tail)


def run(windows, frames, rate=25):
    found = [
        window
        for number, frame in enumerate(frames)
        for window in windows.push(number / rate, frame)
    ]
    return found + windows.finish()


def frames(count, size=32):
    return moving_frames(count, size, size)


def test_windows_hold_the_frames_that_they_name():
    video = frames(30)
    found = run(windows_of('rgb', stride=5), video)
    assert [(w.first, w.last) for w in found] == [
        (0, 8),
        (5, 13),
        (10, 18),
        (15, 23),
        (20, 28),
        (22, 30),
    ]
    for window in found:
        np.testing.assert_array_equal(window.rgb[0], video[window.first : window.last])
        assert (window.start, window.end) == pytest.approx((window.first / 25, window.last / 25))


def test_windows_follow_each_other_by_all_that_they_span():
    pipeline = authors_pipeline(**SIZES)
    pipeline[1]['frame_interval'] = 2
    windows = ClipWindows(clip_steps(dict(imgs=pipeline), 'rgb'), window=4, tail='drop')
    assert [window.first for window in run(windows, frames(26))] == [0, 8, 16]


def test_frames_smaller_than_the_crop_are_enlarged_where_the_pipeline_resizes_none():
    steps = clip_steps(dict(imgs=authors_pipeline(short_side=None, size=40)), 'rgb')
    (window,) = run(ClipWindows(steps, 4), frames(4, 16))
    assert window.rgb.shape == (1, 4, 40, 40, 3)


def test_flow_is_that_from_each_frame_to_the_next():
    video, compute = frames(14), FLOW_METHODS.build(dict(type='farneback'))
    grey = [frame @ np.array([0.299, 0.587, 0.114]) for frame in video]
    found = run(windows_of('joint', 4), video)
    assert [(w.first, w.last) for w in found] == [(0, 4), (4, 8), (8, 12), (10, 14)]
    for window in found:
        # the last window's flow begins an image earlier: frame 14 does not exist
        begin = min(window.first, 9)
        for place, image in enumerate(window.flow[0]):
            pair = [np.rint(grey[begin + place + i]).astype(np.uint8) for i in (0, 1)]
            assert np.abs(image.astype(int) - encode(compute(*pair))).mean() < 1.5


def test_the_last_frames_are_left_out_where_that_is_asked_for():
    # 16 frames have 15 flow images
    for stream, ends in (
        ('rgb', [(0, 8), (8, 16)]),
        ('joint', [(0, 8)]),
    ):
        found = run(windows_of(stream, tail='drop'), frames(16))
        assert [(w.first, w.last) for w in found] == ends


def test_no_flow_is_seen_twice():
    found = run(windows_of('flow'), frames(17))  # 16 flow images
    assert [(w.first, w.last) for w in found] == [(0, 8), (8, 16)]


def test_a_jump_in_the_time_stamps_is_not_filled_with_copies():
    stream = FrameIterator(frames(4), fps=25)
    stream._frames = iter(
        [(0.0, frames(1)[0]), (0.04, frames(1)[0]), (3600.0, frames(1)[0]), (3600.04, frames(1)[0])]
    )
    stream.read = 4
    assert len(list(stream)) == 4


@pytest.mark.parametrize('count', [2, 3, 7])
def test_a_video_shorter_than_a_window_is_looped(count):
    video = frames(count)
    (window,) = run(windows_of('joint'), video)
    assert (window.first, window.last) == (0, count)
    np.testing.assert_array_equal(window.rgb[0], [video[i % count] for i in range(8)])
    np.testing.assert_array_equal(
        window.flow[0, count - 1 : 2 * count - 2], window.flow[0, : 8 - count + 1][: count - 1]
    )


def test_what_is_held_does_not_grow():
    windows = windows_of('joint', stride=20)
    for number, frame in enumerate(frames(10) * 8):
        windows.push(number, frame)
        assert all(len(held) <= 20 for held in (*windows._held.values(), windows._times))
    assert [(w.first, w.last) for w in windows.finish()] == [(72, 80)]


def test_a_single_frame_has_no_flow():
    with pytest.raises(DamagedSampleError, match='a single frame has no flow'):
        run(windows_of('flow'), frames(1))
    assert len(run(windows_of('rgb'), frames(1))) == 1
    assert run(windows_of('flow'), []) == []


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(stream='audio'), 'stream is one of rgb, flow, joint'),
        (dict(window=0), 'window is a whole number from 1'),
        (dict(stride=0), 'stride is'),
        (dict(tail='keep'), "tail is one of 'move', 'drop'"),
        (dict(size=300), r'size \(300\) is at most short_side \(32\)'),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        windows_of(**{'stream': 'rgb', **arguments})


# Any test pipeline


@PIPELINES.register
class Dim:
    """A step of a user's own: darkens each frame by its number in the clip."""

    needs = ('imgs', 'num_clips')

    def __call__(self, results):
        each = len(results['imgs']) // results['num_clips']
        results['imgs'] = [
            np.maximum(img, place % each) - np.uint8(place % each)
            for place, img in enumerate(results['imgs'])
        ]
        return results


PIPELINE = [
    dict(type='OpenClip'),
    dict(
        type='SampleFrames', clip_len=5, frame_interval=2, mode='whole', out_of_bound='repeat_last'
    ),
    dict(type='DecodeClip'),
    dict(type='Resize', scale=(48, 36), keep_ratio=False),
    dict(type='ComputeFlow', method='farneback'),
    dict(type='ThreeCrop', size=(36, 36)),
    dict(type='Dim'),
    dict(type='PackClips'),
]
ORDERS = {
    'flow as frames come': PIPELINE,
    'a step of the clip before the flow': [*PIPELINE[:3], PIPELINE[6], *PIPELINE[3:6], PIPELINE[7]],
    'crops before all': [*PIPELINE[:3], PIPELINE[5], *PIPELINE[3:5], PIPELINE[7]],
}


@pytest.mark.parametrize('order', ORDERS)
@pytest.mark.parametrize('stream', ['rgb', 'flow'])
@pytest.mark.parametrize('count', [4, 12, 13])
def test_a_whole_video_becomes_what_the_pipeline_makes_of_it(tmp_path, order, stream, count):
    steps, path = (
        ORDERS[order],
        write_video(tmp_path / 'a.avi', moving_frames(count, 64, 48), 'FFV1'),
    )
    sample = dict(
        filename=str(path), name='a', modality=MODALITIES[stream], test_mode=True, rng=None
    )
    expected = Compose(steps)(sample)['imgs']
    windows = ClipWindows(clip_steps(dict(imgs=steps), stream), None)
    for time, frame in FrameIterator(str(path)):
        assert windows.push(time, frame) == []
    (clip,) = windows.finish()
    np.testing.assert_array_equal(getattr(clip, stream), expected)


def test_a_pipeline_of_prepared_flow_computes_that_of_a_video_behind_its_resizing():
    prepared = [step for step in authors_pipeline(32, 32) if step['type'] != 'ComputeFlow']
    video = frames(9, 48)
    clips = [
        run(ClipWindows(clip_steps(dict(imgs=steps), 'flow', dict(method='farneback')), 8), video)
        for steps in (prepared, authors_pipeline(32, 32))
    ]
    np.testing.assert_array_equal(clips[0][0].flow, clips[1][0].flow)


def test_flow_by_a_step_of_ones_own_is_left_to_it():
    class Still:
        def __call__(self, results):
            images = results['imgs'][::2]
            return dict(results, imgs=[np.full_like(image[..., :2], 128) for image in images])

    steps = [*authors_pipeline(32, 32)[:4], dict(type=Still), *authors_pipeline(32, 32)[5:]]
    (window,) = run(ClipWindows(clip_steps(dict(imgs=steps), 'flow'), 8), frames(9, 48))
    assert window.flow.shape == (1, 8, 32, 32, 2) and (window.flow == 128).all()


def test_windows_take_every_other_frame_where_the_pipeline_does():
    video = frames(30, 48)
    found = run(ClipWindows(clip_steps(dict(imgs=PIPELINE), 'rgb'), 5, 7), video)
    assert [(w.first, w.last) for w in found] == [(0, 9), (7, 16), (14, 23), (21, 30)]
    whole = run(ClipWindows(clip_steps(dict(imgs=PIPELINE), 'rgb'), None), video)[0].rgb
    np.testing.assert_array_equal(found[2].rgb[:, 0], whole[:, 7] + 7 * (whole[:, 7] > 0))


def test_a_pipeline_without_its_ends_is_refused():
    for steps in (PIPELINE[:-1], [step for step in PIPELINE if step['type'] != 'DecodeClip']):
        with pytest.raises(ConfigError, match='has the step DecodeClip, and PackClips as its last'):
            clip_steps(dict(imgs=steps), 'rgb')


# Steps of a user's own


class Own:
    """A step that does what `function` does to each picture."""

    def __init__(self, function):
        self.function = function

    def __call__(self, results):
        results['imgs'] = [self.function(image) for image in results['imgs']]
        return results


class FollowingCrop(CenterCrop):
    """A crop that moves to the right by a pixel a frame, and so looks at the whole clip."""

    def __call__(self, results):
        results['imgs'] = [
            image[: self.size[1], number : number + self.size[0]]
            for number, image in enumerate(results['imgs'])
        ]
        return results


class BySource(Own):
    def __call__(self, results):
        return results['filename']


def of_steps(*steps, before=()):
    steps = [dict(type='SampleFrames', clip_len=4), *before, dict(type='DecodeClip'), *steps]
    return clip_steps(dict(imgs=[*steps, dict(type='PackClips')]), 'rgb')


def test_a_users_own_padding_comes_before_frames_are_enlarged():
    pad = dict(type=Own, function=lambda image: np.pad(image, ((0, 8), (0, 8), (0, 0))))
    steps = of_steps(pad, dict(type='CenterCrop', size=32))
    (window,) = run(ClipWindows(steps, 4), frames(4, 24))
    np.testing.assert_array_equal(window.rgb[0][:, :24, :24], frames(4, 24))


def test_a_crop_of_a_users_own_sees_the_whole_clip():
    (window,) = run(ClipWindows(of_steps(dict(type=FollowingCrop, size=24)), 4), frames(4))
    for number, image in enumerate(frames(4)):
        np.testing.assert_array_equal(window.rgb[0, number], image[:24, number : number + 24])


def test_a_step_before_decoding_is_refused():
    with pytest.raises(ConfigError, match='Own.* stands before DecodeClip'):
        of_steps(before=[dict(type=Own, function=abs)])


def test_what_a_step_looks_for_and_does_not_find_is_told():
    with pytest.raises(ConfigError, match=r"results.'filename'.*; it has imgs"):
        run(ClipWindows(of_steps(dict(type=BySource, function=abs)), 4), frames(4))


# Pipelines of exported files


def of_file(steps, *shape):
    model = types.SimpleNamespace(
        info=dict(protocol=dict(test_pipeline=steps)),
        inputs=[types.SimpleNamespace(name='imgs', shape=(1, *shape, 3))],
    )
    return exported_pipelines(model)['imgs']


def test_the_pipeline_of_a_file_is_left_as_it_is_where_its_sizes_are_built_in():
    steps = [
        dict(type='SampleFrames', clip_len=64),
        dict(type='Resize', short_side=16),
        dict(type='ThreeCrop', size=[20, 12]),
        dict(type=Own, size=3),
    ]
    assert of_file(steps, 8, 12, 20) == [dict(steps[0], clip_len=8), *steps[1:]]
    changed = of_file(steps, 8, 24, 24)
    assert [step.get('short_side', step.get('size')) for step in changed] == [None, 24, 24, 3]


def test_each_stream_of_a_file_has_its_own_size():
    crop = dict(type='CenterCrop', size=8)
    model = types.SimpleNamespace(
        info=dict(protocol=dict(rgb_test_pipeline=[crop], flow_test_pipeline=[crop])),
        inputs=[
            types.SimpleNamespace(name='rgb', shape=(1, 4, 16, 16, 3)),
            types.SimpleNamespace(name='flow', shape=(1, 4, 12, 12, 2)),
        ],
    )
    found = exported_pipelines(model)
    assert (found['rgb'][0]['size'], found['flow'][0]['size']) == (16, 12)
