"""A stream of frames gives any video as it is to be seen: upright, in RGB, at its times, in one
size.
"""

import contextlib
import os
import struct
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest
from videos import encode, moving_frames, write_mjpeg, write_video

from i3dbox.errors import ConfigError, DamagedSampleError
from i3dbox.media.frame_iterator import FrameIterator


def test_a_video_is_read_from_start_to_end_with_its_times(tmp_path):
    video = moving_frames(20)
    stream = FrameIterator(write_video(tmp_path / 'a.avi', video, fps=10))
    assert (stream.total, stream.fps, stream.name) == (20, 10, 'a')
    times, found = zip(*stream)
    np.testing.assert_allclose(times, np.arange(20) / 10, atol=1e-6)
    assert np.abs(np.array(found).astype(int) - np.array(video)).mean() < 16  # JPEG
    assert not stream.damage


def test_another_rate_repeats_and_leaves_out(tmp_path):
    path = write_video(tmp_path / 'a.avi', moving_frames(20), fps=10)
    original = [frame for _, frame in FrameIterator(path)]
    times, half = zip(*FrameIterator(path, fps=5))
    np.testing.assert_allclose(times, np.arange(10) / 5)
    np.testing.assert_array_equal(half, original[::2])
    times, double = zip(*FrameIterator(path, fps=20))
    np.testing.assert_allclose(times, np.arange(39) / 20)
    np.testing.assert_array_equal(double, [original[i // 2] for i in range(39)])
    assert FrameIterator(path, fps=5).total == 10


def test_arrays_are_a_stream_too():
    video = moving_frames(5)
    stream = FrameIterator(np.stack(video), rate=50)
    assert stream.total == 5
    times, found = zip(*stream)
    np.testing.assert_allclose(times, np.arange(5) / 50)
    np.testing.assert_array_equal(found, video)
    with pytest.raises(
        ConfigError, match='frames are uint8 H x W x 3, RGB; frame 0 is float64 32 x 32'
    ):
        list(FrameIterator([np.zeros((32, 32))]))


@pytest.mark.parametrize(
    'content, message',
    [
        (None, 'cannot be opened: No such file'),
        (b'', 'the file is empty'),
        (b'hello' * 99, 'this is no video that FFmpeg can read'),
    ],
)
def test_what_is_no_video_is_named(tmp_path, content, message):
    path = tmp_path / 'a.mp4'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DamagedSampleError, match=f'a.mp4: .*{message}'):
        list(FrameIterator(str(path)))


def test_a_file_that_breaks_off_ends_the_stream_and_tells(tmp_path):
    path = write_video(tmp_path / 'a.avi', moving_frames(100))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    stream = FrameIterator(str(path))
    count = sum(1 for _ in stream)
    assert 30 < count < 70 and stream.read == count and stream.damage


# Odd input

TURNS = {
    'a quarter': ((0, 1, -1, 0), lambda frame: np.rot90(frame, -1)),
    'half': ((-1, 0, 0, -1), lambda frame: np.rot90(frame, 2)),
    'three quarters': ((0, -1, 1, 0), lambda frame: np.rot90(frame)),
    'mirrored': ((-1, 0, 0, 1), lambda frame: frame[:, ::-1]),
    'upside down': ((1, 0, 0, -1), lambda frame: frame[::-1]),
}


def turned(path, matrix):
    """Writes into an .mp4 how it is to be turned, as phones do."""
    data = bytearray(path.read_bytes())
    place = data.find(b'tkhd') + 4 + 4 + 20 + 16
    assert struct.unpack('>9i', data[place : place + 36])[:2] == (65536, 0)
    a, b, c, d = (65536 * part for part in matrix)
    data[place : place + 36] = struct.pack('>9i', a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def gif(path, frames, durations, alpha=False):
    image = pytest.importorskip('PIL.Image')
    images = []
    for frame in frames:
        if alpha:
            frame = np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)])
            frame[:10, :, 3] = 0
        images.append(image.fromarray(frame))
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations)
    return path


def deep(path, frames):
    """A grey video of 16 bits."""
    writer = cv2.VideoWriter(
        str(path),
        cv2.CAP_FFMPEG,
        cv2.VideoWriter_fourcc(*'FFV1'),
        25,
        (64, 48),
        [cv2.VIDEOWRITER_PROP_DEPTH, cv2.CV_16U, cv2.VIDEOWRITER_PROP_IS_COLOR, 0],
    )
    for frame in frames:
        writer.write(frame[..., 1].astype(np.uint16) * 257)
    writer.release()
    return path


def grey(path, frames):
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*'FFV1'), 25, (64, 48), False
    )
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., 1]))
    writer.release()
    return path


def read(path):
    times, frames = zip(*FrameIterator(str(path)))
    return np.array(times), np.stack(frames).astype(int)


@pytest.mark.parametrize('turn', TURNS)
def test_a_turned_video_is_seen_upright(tmp_path, turn):
    matrix, upright = TURNS[turn]
    path = write_video(tmp_path / 'a.mp4', moving_frames(3), 'mp4v')
    lying = read(path)[1]
    np.testing.assert_array_equal(
        read(turned(path, matrix))[1], [upright(frame) for frame in lying]
    )


@pytest.mark.parametrize('size', [(64, 48), (98, 66), (340, 256)])
@pytest.mark.parametrize(
    'tags', [{}, dict(colorspace=1, color_range=1), dict(colorspace=1, color_range=2)]
)
def test_pixels_are_those_of_opencv_whatever_colours_are_tagged(tmp_path, size, tags):
    path = encode(tmp_path / 'a.mp4', moving_frames(4, *size), 'libx264', **tags)
    capture, theirs = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), []
    for _ in range(4):
        theirs.append(capture.read()[1][..., ::-1])
    np.testing.assert_array_equal(read(path)[1], theirs)


def test_painting_on_a_frame_leaves_the_next_ones_alone(tmp_path):
    path = encode(tmp_path / 'a.mov', moving_frames(5), 'qtrle', 'rgb24')
    expected = read(path)[1]
    for number, (_, frame) in enumerate(FrameIterator(str(path))):
        np.testing.assert_array_equal(frame, expected[number])
        frame[:] = 0


def test_a_stream_can_be_closed_on_the_way(tmp_path):
    stream = FrameIterator(str(write_video(tmp_path / 'a.avi', moving_frames(30))))
    for number, _ in enumerate(stream):
        if number == 9:
            stream.close()
    assert stream.read == 10 and not stream.damage


@pytest.mark.parametrize('make', [grey, deep])
def test_grey_and_deep_videos_become_rgb_of_8_bits(tmp_path, make):
    frames = moving_frames(5)
    found = read(make(tmp_path / 'a.mkv', frames))[1]
    for channel in range(3):
        assert np.abs(found[..., channel] - np.stack(frames)[..., 1]).max() <= 2


def test_gifs_keep_their_times_and_colours(tmp_path):
    frames = moving_frames(8)
    times, found = read(gif(tmp_path / 'a.gif', frames, [40] * 4 + [120] * 4))
    np.testing.assert_allclose(times, [0, 0.04, 0.08, 0.12, 0.16, 0.28, 0.4, 0.52], atol=1e-6)
    assert np.abs(found - np.stack(frames)).mean() < 8  # a palette
    stream = FrameIterator(str(tmp_path / 'a.gif'))
    assert sum(1 for _ in stream) == 8 and not stream.damage
    assert len(read(gif(tmp_path / 'alpha.gif', frames, 40, alpha=True))[1]) == 8
    found = read(gif(tmp_path / 'alpha.png', frames, 40, alpha=True))
    np.testing.assert_array_equal(found[1][:, 10:], np.stack(frames)[:, 10:])
    np.testing.assert_allclose(found[0], np.arange(8) / 25, atol=1e-6)  # a file without time stamps


def from_pipe(path, pipe):
    """What a stream reads from a pipe that a file is fed to."""
    os.mkfifo(pipe)

    def feed():
        with open(pipe, 'wb') as file:
            with contextlib.suppress(BrokenPipeError):
                file.write(path.read_bytes())

    threading.Thread(target=feed, daemon=True).start()
    return read(pipe)[1]


def test_a_pipe_is_read_as_it_comes(tmp_path):
    for number, path in enumerate(
        (
            write_video(tmp_path / 'a.avi', moving_frames(60)),
            write_video(tmp_path / 'index_at_the_end.mp4', moving_frames(60), 'mp4v'),
            gif(tmp_path / 'a.gif', moving_frames(60), 40),
        )
    ):
        np.testing.assert_array_equal(from_pipe(path, tmp_path / f'pipe{number}'), read(path)[1])


def test_a_pipe_that_would_have_to_be_sought_in_says_so(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (20, 480, 640, 3), dtype=np.uint8)
    # longer than what is looked at ahead
    path = write_video(tmp_path / 'index_at_the_end.mp4', noise, 'mp4v')
    with pytest.raises(
        DamagedSampleError, match='no frame can be decoded from a pipe .*write it to a file'
    ):
        from_pipe(path, tmp_path / 'pipe')


WAITING = """
import os, signal, sys, threading, time
from i3dbox.media.frame_iterator import FrameIterator
def feed():
    with open(sys.argv[1], 'wb', buffering=0) as pipe:
        pipe.write(open(sys.argv[2], 'rb').read()[:int(sys.argv[3])])
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(50)
threading.Thread(target=feed, daemon=True).start()
try:
    list(FrameIterator(sys.argv[1]))
except KeyboardInterrupt:
    os._exit(130)
"""


@pytest.mark.slow
@pytest.mark.parametrize('given', [5000, 40000])
def test_ctrl_c_ends_the_wait_for_a_pipe(tmp_path, given):
    path = write_video(tmp_path / 'a.avi', moving_frames(60))
    os.mkfifo(tmp_path / 'pipe')
    done = subprocess.run(
        [sys.executable, '-c', WAITING, str(tmp_path / 'pipe'), str(path), str(given)],
        timeout=40,  # the pipe stays open for longer
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (130, b'')


# Pictures of several sizes in one file

LARGE, SMALL = moving_frames(6, 128, 96), moving_frames(6, 64, 48)


def check_sizes(path, first, then, tolerance):
    """All frames are there, the later ones in the size of the first."""
    found = read(path)[1]
    expected = first + [
        cv2.resize(frame, first[0].shape[1::-1], interpolation=cv2.INTER_AREA) for frame in then
    ]
    assert len(found) == len(expected)
    assert np.abs(found - np.stack(expected)).mean(axis=(1, 2, 3)).max() < tolerance


@pytest.mark.parametrize('first, then', [(LARGE, SMALL), (SMALL, LARGE)])
def test_pictures_that_change_their_size_become_as_the_first(tmp_path, first, then):
    check_sizes(write_mjpeg(tmp_path / 'a.avi', first + then), first, then, 9)


@pytest.mark.parametrize('first, then', [(LARGE, SMALL), (SMALL, LARGE)])
def test_broadcasts_that_change_their_size_become_as_the_first(tmp_path, first, then):
    parts = [
        encode(tmp_path / f'{number}.ts', frames, 'libx264')
        for number, frames in enumerate((first, then))
    ]
    (tmp_path / 'a.ts').write_bytes(b''.join(part.read_bytes() for part in parts))
    check_sizes(tmp_path / 'a.ts', first, then, 14)


@pytest.mark.parametrize(
    'codec, pixels',
    [
        ('libsvtav1', 'yuv420p'),
        ('libx264', 'yuv420p10le'),
        ('libvpx-vp9', 'yuva420p'),
        ('libx265', 'yuv420p10le'),
    ],
)
def test_codecs_of_today_are_read(tmp_path, codec, pixels):
    frames = moving_frames(5, 128, 96)
    found = read(encode(tmp_path / 'a.mkv', frames, codec, pixels))[1]
    assert len(found) == 5 and np.abs(found - np.stack(frames)).mean() < 14


def test_the_cover_of_a_sound_file_is_no_video(tmp_path):
    path = tmp_path / 'song.mp3'
    cover = b'\0image/jpeg\0\3\0' + cv2.imencode('.jpg', moving_frames(1)[0])[1].tobytes()
    tag = b'APIC' + struct.pack('>IH', len(cover), 0) + cover
    size = bytes(len(tag) >> shift & 127 for shift in (21, 14, 7, 0))
    sound = (
        b'\xff\xfb\x90\x00' + bytes(413)
    ) * 9  # silent frames of MPEG-1 layer 3, 128 kbit/s at 44.1 kHz
    path.write_bytes(b'ID3\3\0\0' + size + tag + sound)
    with pytest.raises(DamagedSampleError, match='song.mp3: .*no moving pictures'):
        FrameIterator(str(path))
