"""Reading videos and frame folders: exactly the frames asked for, or an error that says why not."""

import gc
import os
import re
import struct

import cv2
import numpy as np
import pytest
from videos import encode, moving_frames, write_images, write_mjpeg, write_video

from i3dbox.errors import ConfigError, DamagedSampleError
from i3dbox.media import video_reader as video
from i3dbox.media.frame_folder import FrameFolder
from i3dbox.media.video_reader import VideoReader


def decode_all(path):
    """All frames of a video, RGB, by a plain loop from the start."""
    capture, frames = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), []
    while True:
        done, frame = capture.read()
        if not done:
            return frames
        frames.append(frame[..., ::-1])


def same(frames, others):
    return len(frames) == len(others) and all(map(np.array_equal, frames, others))


class WatchedFile(video.VideoFile):
    """A VideoFile that counts the frames it decodes and its seeks; its seeks miss by `miss` time
    stamps.
    """

    frames, seeks, miss = 0, 0, 0

    def __iter__(self):
        for item in super().__iter__():
            WatchedFile.frames += 1
            yield item

    def seek(self, stamp):
        WatchedFile.seeks += 1
        return super().seek(stamp + self.miss)


@pytest.fixture
def watched(monkeypatch):
    monkeypatch.setattr(video, 'VideoFile', WatchedFile)
    monkeypatch.setattr(WatchedFile, 'frames', 0)
    monkeypatch.setattr(WatchedFile, 'seeks', 0)
    return WatchedFile


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / 'clip.avi', moving_frames(40))


def reason(path, frames=None):
    """Why a file cannot be read."""
    with pytest.raises(DamagedSampleError) as caught:
        with VideoReader(path) as reader:
            reader.read(range(len(reader)) if frames is None else frames)
    assert caught.value.path == str(path) and str(path) in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize(
    'name, fourcc',
    [('a.avi', 'MJPG'), ('a.avi', 'XVID'), ('a.mp4', 'mp4v'), ('a.mkv', 'MJPG'), ('a.avi', 'FFV1')],
)
def test_any_frames_in_any_order_equal_a_decode_from_the_start(tmp_path, name, fourcc):
    path = write_video(tmp_path / name, moving_frames(40), fourcc)
    expected = decode_all(path)
    with VideoReader(path) as reader:
        assert len(reader) == 40 and reader.fps == 25
        for frame_inds in ([0], [39], [7, 8, 9], [20, 3, 3, 39, 0, 20], [38], np.arange(40), []):
            assert same(reader.read(frame_inds), [expected[i] for i in frame_inds])


@pytest.mark.slow
def test_real_videos_read_exactly_with_and_without_seeking(shared_data):
    rng = np.random.default_rng(0)
    for path in (shared_data / 'videos').iterdir():
        expected = decode_all(path)
        with VideoReader(path) as reader:
            assert len(reader) == len(expected)
            for frame_inds in (
                rng.integers(0, len(reader), 5),
                range(len(reader) - 4, len(reader)),
            ):
                assert same(reader.read(frame_inds), [expected[i] for i in frame_inds])


def test_rgb_means_rgb(tmp_path):
    red = np.full((48, 64, 3), (255, 0, 0), np.uint8)
    frame = VideoReader(write_video(tmp_path / 'red.avi', [red])).read([0])[0]
    assert np.abs(frame.astype(int) - red).max() < 10


def test_a_frame_asked_for_twice_is_decoded_once(clip):
    frames = VideoReader(clip).read([5, 2, 5])
    assert frames[0] is frames[2]


def test_decoding_goes_no_further_than_needed(clip, watched):
    VideoReader(clip).read([3, 9])
    assert watched.frames == 10


def test_frames_whose_times_are_not_in_the_order_of_display_are_not_sought(tmp_path):
    """H.264 with B-frames in MXF, which keeps no times of display."""
    frames = [np.full((48, 64, 3), number % 250, np.uint8) for number in range(300)]
    options = dict(bf='3', g='30', sc_threshold='0')
    path = encode(tmp_path / 'a.mxf', frames, 'libx264', options=options)
    with VideoReader(str(path)) as reader:
        expected = reader.read(range(300))
    for index in (110, 119, 299, 203):
        with VideoReader(str(path)) as reader:
            assert same(reader.read([index]), [expected[index]]), index


SDP = b"""v=0
o=- 0 0 IN IP4 127.0.0.1
s=x
c=IN IP4 127.0.0.1
t=0 0
m=video 5004 RTP/AVP 96
a=rtpmap:96 H264/90000
"""


def test_a_file_that_names_others_is_no_video(tmp_path, monkeypatch):
    other = write_video(tmp_path / 'other.avi', moving_frames(3))
    opened = []
    monkeypatch.setattr('socket.socket', lambda *_, **__: opened.append('socket'))
    sockets = len(os.listdir('/proc/self/fd')) if os.path.isdir('/proc/self/fd') else 0
    for name, content in (
        ('session.mp4', SDP),
        ('list.m3u8', f'#EXTM3U\n#EXTINF:1\n{other}\n#EXT-X-ENDLIST\n'.encode()),
        ('concat.avi', f'ffconcat version 1.0\nfile {other.name}\n'.encode()),
        ('notes.txt', b'some words\n' * 999),
        ('a.xbin', b'XBIN\x1a' + bytes(9999)),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            DamagedSampleError, match=f'{name}: this is no video that FFmpeg can read'
        ):
            VideoReader(str(tmp_path / name))
    assert not opened
    if sockets:
        assert len(os.listdir('/proc/self/fd')) <= sockets


@pytest.mark.parametrize(
    'suffix, codec',
    [
        ('mp4', 'mpeg4'),
        ('mov', 'mjpeg'),
        ('mkv', 'mpeg4'),
        ('webm', 'libvpx'),
        ('avi', 'mpeg4'),
        ('flv', 'flv'),
        ('wmv', 'wmv2'),
        ('ts', 'mpeg2video'),
        ('mpg', 'mpeg2video'),
        ('m2v', 'mpeg2video'),
        ('3gp', 'mpeg4'),
        ('ogv', 'libtheora'),
        ('nut', 'ffv1'),
        ('mxf', 'mpeg2video'),
        ('dv', 'dvvideo'),
        ('y4m', 'wrapped_avframe'),
        ('gif', 'gif'),
        ('apng', 'apng'),
        ('h264', 'libx264'),
        ('hevc', 'libx265'),
        ('ivf', 'libvpx'),
        ('mjpeg', 'mjpeg'),
    ],
)
def test_containers_of_cameras_editors_and_broadcasts_are_opened(tmp_path, suffix, codec):
    size = (720, 576) if suffix == 'dv' else (64, 48)
    formats = dict(gif='rgb8', apng='rgb24', dvvideo='yuv420p', mjpeg='yuvj420p')
    path = encode(
        tmp_path / f'a.{suffix}', moving_frames(6, *size), codec, formats.get(codec, 'yuv420p')
    )
    with VideoReader(str(path)) as reader:
        assert reader.read([2])[0].shape == (size[1], size[0], 3)


def test_a_far_jump_seeks(tmp_path, watched):
    path = write_video(tmp_path / 'long.mp4', moving_frames(300), 'mp4v')
    expected = decode_all(path)
    with VideoReader(path) as reader:
        assert same(reader.read([250, 251]), expected[250:252])
        # the first, the margin, a group, the frames
        assert watched.seeks == 1 and watched.frames < 1 + 16 + 12 + 2


@pytest.mark.parametrize(
    'name, options',
    [
        ('b_frames.mp4', dict(bf='3')),
        ('b_frames.ts', dict(bf='3')),
        ('open_gop.mkv', dict(bf='3', x264opts='open-gop=1')),
        ('intra_refresh.mp4', dict(x264opts='intra-refresh=1')),
    ],
)
def test_far_jumps_in_h264_are_exact(tmp_path, watched, name, options):
    path = encode(tmp_path / name, moving_frames(300), 'libx264', options=dict(options, g='40'))
    expected = decode_all(path)
    with VideoReader(path) as reader:
        for frame_inds in ([130, 131], [280], [299, 90], [0, 200]):
            assert same(reader.read(frame_inds), [expected[i] for i in frame_inds])
    assert watched.seeks


def test_frames_behind_damage_are_refused(tmp_path):
    path = write_video(tmp_path / 'a.avi', moving_frames(60))
    data = path.read_bytes()
    place = [match.start() for match in re.finditer(b'\xff\xd8\xff', data)][30]
    path.write_bytes(data[:place] + bytes(700) + data[place + 700 :])
    assert reason(path) == 'the video ends after 30 of 60 frames'
    assert len(VideoReader(path).read(range(30))) == 30


@pytest.mark.parametrize('miss', [-9000, 9000, 10**9])
def test_a_seek_that_lands_elsewhere_is_noticed(tmp_path, watched, monkeypatch, miss):
    path = write_video(tmp_path / 'long.mp4', moving_frames(300), 'mp4v')
    expected = decode_all(path)
    monkeypatch.setattr(watched, 'miss', miss)
    with VideoReader(path) as reader:
        assert same(reader.read([250, 251, 3]), [expected[i] for i in (250, 251, 3)])


@pytest.mark.parametrize(
    'name',
    [
        '!#&();+[] $x.avi',
        '%05d.avi',
        'clip_%05d.avi',
        'a:b.avi',
        'Müller_漢字.avi',
        os.fsdecode(b'latin_\xe9.avi'),
    ],
)
def test_odd_names_open(clip, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(clip.read_bytes())
    assert same(VideoReader(path).read([3]), VideoReader(clip).read([3]))


def test_a_name_beside_the_working_folder_opens(clip, tmp_path, monkeypatch):
    (tmp_path / 'a:b.avi').write_bytes(clip.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert len(VideoReader('a:b.avi')) == 40


def test_the_errors_name_the_sample(tmp_path):
    with pytest.raises(DamagedSampleError) as caught:
        VideoReader(tmp_path / 'gone.avi', name='Class/gone')
    assert caught.value.name == 'Class/gone'


def test_what_is_no_video_is_refused_with_a_reason(tmp_path):
    assert reason(tmp_path / 'gone.avi') == 'cannot be opened: No such file or directory'
    assert reason(tmp_path) == 'cannot be opened: Is a directory'
    for name, content, expected in (
        ('empty', b'', 'the file is empty'),
        (
            'text',
            b'hello\n' * 99,
            'this is no video that FFmpeg can read in a container that i3dbox opens',
        ),
    ):
        path = tmp_path / f'{name}.avi'
        path.write_bytes(content)
        assert reason(path) == expected
    assert reason(write_video(tmp_path / 'zero.avi', [])) == 'the video has no frames'


@pytest.mark.parametrize('extension', ['.jpg', '.png', '.bmp', '.tiff', '.webp', '.ppm'])
def test_an_image_renamed_is_refused(tmp_path, extension):
    path = tmp_path / 'image.avi'
    path.write_bytes(cv2.imencode(extension, moving_frames(1)[0])[1].tobytes())
    assert reason(path) == 'this is a picture, not a video'


def test_a_truncated_video_is_refused(clip, tmp_path):
    half = tmp_path / 'half.avi'
    half.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert 'the video ends after' in reason(half) and 'of 40 frames' in reason(half)
    path = write_video(tmp_path / 'index_at_the_end.mp4', moving_frames(40), 'mp4v')
    path.write_bytes(path.read_bytes()[:-500])
    assert reason(path).startswith('this is no video that FFmpeg can read')


def test_a_video_is_quiet_about_its_damage(clip, tmp_path, capfd):
    half = tmp_path / 'half.avi'
    half.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    reason(half)
    reason(tmp_path)
    assert capfd.readouterr() == ('', '')


def with_stated_length(path, length):
    """Writes another number of frames into an AVI's headers."""
    data = bytearray(path.read_bytes())
    for where in (data.find(b'avih') + 24, data.find(b'strh') + 40):
        data[where : where + 4] = struct.pack('<I', length)
    path.write_bytes(data)
    return path


def test_an_index_of_two_frames_too_many_gives_the_last_frame_again(clip, monkeypatch):
    expected = decode_all(clip)
    monkeypatch.setattr(video.VideoFile, 'indexed', lambda self: 42)
    reader = VideoReader(clip)
    assert len(reader) == 42
    assert same(reader.read([41, 39, 5, 40]), [expected[i] for i in (39, 39, 5, 39)])
    assert len(reader) == len(VideoReader(clip)) == 40  # who opens it again knows


def test_a_header_that_counts_far_too_many_frames_is_damage(clip):
    with_stated_length(clip, 50)
    assert reason(clip) == 'the video ends after 40 of 50 frames'


@pytest.mark.parametrize('length', [42, 30])
def test_a_header_that_counts_wrongly_is_not_believed(clip, length):
    assert len(VideoReader(with_stated_length(clip, length))) == 40


def test_a_change_of_size_is_refused(tmp_path):
    path = write_mjpeg(tmp_path / 'a.avi', moving_frames(2) + moving_frames(1, 32, 16))
    assert reason(path) == 'the size changes: frame 2 is 32 x 16, others are 64 x 48'


def test_frames_outside_the_video_are_an_index_error(clip):
    for frame_inds in ([40], [-1], [3, 99]):
        with pytest.raises(IndexError, match='has 40 frames'):
            VideoReader(clip).read(frame_inds)


def test_readers_leave_no_file_open(clip, tmp_path):
    if not os.path.isdir('/proc/self/fd'):
        pytest.skip('no list of open files here')
    half = tmp_path / 'half.avi'
    half.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    gc.collect()  # readers that other tests left open
    before = len(os.listdir('/proc/self/fd'))
    readers = [VideoReader(clip) for _ in range(5)]
    for reader in readers:
        reader.read([1])
        reader.close()
    for _ in range(5):
        reason(half)
    assert len(os.listdir('/proc/self/fd')) == before


# frame folders

FLOW = [np.full((48, 64, 2), (10 * i, 200), np.uint8) for i in range(5)]


def folder_reason(path, **kwargs):
    with pytest.raises(DamagedSampleError) as caught:
        folder = FrameFolder(path, **kwargs)
        folder.read(range(len(folder)))
    return os.path.basename(caught.value.path), caught.value.reason


def test_the_original_layout_is_the_default(tmp_path):
    frames = moving_frames(5)
    folder = FrameFolder(write_images(tmp_path / 'Müller [1] %05d', frames))
    read = folder.read([4, 0, 4])
    assert len(folder) == 5 and read[0] is read[2]
    assert np.abs(read[0].astype(int) - frames[4]).mean() < 8  # RGB, and JPEG
    assert np.abs(read[1].astype(int) - frames[0]).mean() < 8


def test_flow_is_pairs_of_grey_images(tmp_path):
    folder = FrameFolder(write_images(tmp_path / 'v', FLOW, 'image_{1:05d}{0}.jpg'), 'Flow')
    assert (tmp_path / 'v' / 'image_00001x.jpg').exists()
    assert len(folder) == 5 and np.array_equal(folder.read([3])[0], FLOW[3])


def test_mmaction_layouts_are_one_template_away(tmp_path):
    write_images(tmp_path, moving_frames(3), 'img_{:05}.jpg')
    write_images(tmp_path, FLOW, 'flow_{}_{:05}.jpg', start=0)
    assert len(FrameFolder(tmp_path, filename_tmpl='img_{:05}.jpg')) == 3
    flow = FrameFolder(tmp_path, 'Flow', 'flow_{}_{:05}.jpg', start_index=0)
    assert len(flow) == 5 and np.array_equal(flow.read([1])[0], FLOW[1])


def test_n_frames_is_believed_and_checked(tmp_path):
    write_images(tmp_path, moving_frames(5))
    (tmp_path / 'n_frames').write_text('4\n')
    assert len(FrameFolder(tmp_path)) == 4
    (tmp_path / 'n_frames').write_text('9')
    assert folder_reason(tmp_path) == (
        'image_00009.jpg',
        'this frame is missing: the folder should hold 9 frames',
    )
    (tmp_path / 'n_frames').write_text('many')
    assert folder_reason(tmp_path) == ('n_frames', "expected the number of frames; it says 'many'")
    assert len(FrameFolder(tmp_path, total_frames=3)) == 3  # an annotation list's word comes first


def test_a_count_of_rgb_frames_stands_for_flow_too(tmp_path):
    write_images(tmp_path, FLOW, 'image_{1:05d}{0}.jpg')
    assert len(FrameFolder(tmp_path, 'Flow', total_frames=6)) == 5
    assert folder_reason(tmp_path, modality='Flow', total_frames=7)[0] == 'image_00006x.jpg'


def test_a_gap_is_named(tmp_path):
    write_images(tmp_path, moving_frames(5))
    (tmp_path / 'image_00003.jpg').unlink()
    assert folder_reason(tmp_path)[0] == 'image_00003.jpg'
    assert folder_reason(tmp_path, total_frames=5) == ('image_00003.jpg', 'this frame is missing')


def test_flow_without_its_other_half_is_named(tmp_path):
    write_images(tmp_path, FLOW, 'image_{1:05d}{0}.jpg')
    (tmp_path / 'image_00005y.jpg').unlink()
    assert folder_reason(tmp_path, modality='Flow')[0] == 'image_00005y.jpg'


def test_an_unreadable_image_is_named(tmp_path):
    write_images(tmp_path, moving_frames(3))
    bad = tmp_path / 'image_00002.jpg'
    whole = bad.read_bytes()
    for content, expected in (
        (b'', 'this image is empty'),
        (whole[: len(whole) // 2], 'this image is truncated'),
        (b'hello', 'this is no image that OpenCV can read'),
    ):
        bad.write_bytes(content)
        assert folder_reason(tmp_path) == ('image_00002.jpg', expected)
    write_images(tmp_path, moving_frames(1, 32, 24), start=2)
    assert folder_reason(tmp_path) == (
        'image_00002.jpg',
        'this image is 32 x 24, others of the clip are 64 x 48',
    )


def test_an_absent_or_empty_folder_is_refused(tmp_path):
    assert folder_reason(tmp_path / 'gone') == ('gone', 'there is no such folder of frames')
    assert 'expected image_00001.jpg' in folder_reason(tmp_path)[1]


@pytest.mark.parametrize(
    'modality, template',
    [
        ('RGB', 'image_%05d.jpg'),
        ('RGB', 'image_{1:05d}{0}.jpg'),
        ('Flow', 'image_{:05d}.jpg'),
        ('Flow', 'flow_{}.jpg'),
        ('Depth', None),
    ],
)
def test_a_template_that_names_no_frames_is_a_config_error(tmp_path, modality, template):
    with pytest.raises(ConfigError):
        FrameFolder(tmp_path, modality, template)
