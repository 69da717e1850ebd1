"""Windows slide over a stream of frames as over the whole video, in the memory of one window."""

import numpy as np
import pytest
from videos import moving_frames

from i3dbox.errors import ConfigError
from i3dbox.flow.encoding import encode
from i3dbox.inference.clip_windows import ClipWindows
from i3dbox.media.frame_iterator import FrameStream
from i3dbox.registry import FLOW_METHODS

SIZES = dict(short_side=32, size=32)


def run(windows, frames, rate=25):
    found = [window for number, frame in enumerate(frames) for window in windows.push(number / rate, frame)]
    return found + windows.finish()


def frames(count, size=32):
    return moving_frames(count, size, size)


def test_windows_hold_the_frames_that_they_name():
    video = frames(30)
    found = run(ClipWindows('rgb', window=8, stride=5, **SIZES), video)
    assert [(w.first, w.last) for w in found] == [(0, 8), (5, 13), (10, 18), (15, 23), (20, 28), (22, 30)]
    for window in found:
        np.testing.assert_array_equal(window.rgb, np.stack(video[window.first:window.last]))
        assert (window.start, window.end) == pytest.approx((window.first / 25, window.last / 25))


def test_flow_is_that_from_each_frame_to_the_next():
    video, compute = frames(14), FLOW_METHODS.build(dict(type='farneback'))
    grey = [frame @ np.array([0.299, 0.587, 0.114]) for frame in video]
    found = run(ClipWindows('joint', window=4, stride=4, method='farneback', **SIZES), video)
    assert [(w.first, w.last) for w in found] == [(0, 4), (4, 8), (8, 12), (10, 14)]
    for window in found:
        begin = min(window.first, 9)  # the last window's flow begins an image earlier: frame 14 does not exist
        for place, image in enumerate(window.flow):
            pair = [np.rint(grey[begin + place + i]).astype(np.uint8) for i in (0, 1)]
            assert np.abs(image.astype(int) - encode(compute(*pair))).mean() < 1.5


def test_the_last_frames_are_left_out_where_that_is_asked_for():
    for stream, ends in (('rgb', [(0, 8), (8, 16)]), ('joint', [(0, 8)])):  # 16 frames have 15 flow images
        found = run(ClipWindows(stream, window=8, tail='drop', method='farneback', **SIZES), frames(16))
        assert [(w.first, w.last) for w in found] == ends


def test_no_flow_is_seen_twice():
    found = run(ClipWindows('flow', window=8, method='farneback', **SIZES), frames(17))  # 16 flow images
    assert [(w.first, w.last) for w in found] == [(0, 8), (8, 16)]


def test_a_jump_in_the_time_stamps_is_not_filled_with_copies():
    stream = FrameStream(frames(4), fps=25)
    stream._frames = iter([(0.0, frames(1)[0]), (0.04, frames(1)[0]), (3600.0, frames(1)[0]), (3600.04, frames(1)[0])])
    stream.read = 4
    assert len(list(stream)) == 4


@pytest.mark.parametrize('count', [2, 3, 7])
def test_a_video_shorter_than_a_window_is_looped(count):
    video = frames(count)
    window, = run(ClipWindows('joint', window=8, method='farneback', **SIZES), video)
    assert (window.first, window.last) == (0, count)
    np.testing.assert_array_equal(window.rgb, np.stack([video[i % count] for i in range(8)]))
    np.testing.assert_array_equal(window.flow[count - 1:2 * count - 2], window.flow[:8 - count + 1][:count - 1])


def test_what_is_held_does_not_grow():
    windows = ClipWindows('joint', window=8, stride=20, method='farneback', **SIZES)
    for number, frame in enumerate(frames(10) * 8):
        windows.push(number, frame)
        assert len(windows._rgb) <= 20 and len(windows._flow) <= 20 and len(windows._times) <= 20
    assert [(w.first, w.last) for w in windows.finish()] == [(72, 80)]


def test_a_single_frame_has_no_flow():
    with pytest.raises(ConfigError, match='a single frame has no flow'):
        run(ClipWindows('flow', window=8, **SIZES), frames(1))
    assert len(run(ClipWindows('rgb', window=8, **SIZES), frames(1))) == 1
    assert run(ClipWindows('flow', window=8, **SIZES), []) == []


@pytest.mark.parametrize('arguments, message', [
    (dict(stream='audio'), 'stream is one of rgb, flow, joint'), (dict(window=0), 'window is a whole number from 1'),
    (dict(stride=0), 'stride is'), (dict(tail='keep'), "tail is one of 'move', 'drop'"),
    (dict(size=300), r'size \(300\) is at most short_side \(256\)')])
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        ClipWindows(**arguments)
