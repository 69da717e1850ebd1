"""One length for one file: what can be decoded, whoever asks and whatever the header says."""

import fractions
import random
import zlib

import av
import pytest
from videos import encode, moving_frames

from i3dbox.media.frame_iterator import FrameIterator
from i3dbox.media.video_file import VideoFile
from i3dbox.media.video_reader import VideoReader
from i3dbox.preparation.checking import check_videos
from i3dbox.preparation.extraction import extract
from i3dbox.preparation.sources import find_videos

FRAMES = moving_frames(48, 96, 64)
GROUPS = dict(g='12', bf='2', sc_threshold='0')


def write(path, codec='libx264', times=None, unit=1000, container=(), **options):
    """Writes FRAMES to `path`, shown at `times` (in 1 / unit s); container: the muxer's options."""
    if codec not in av.codecs_available:
        pytest.skip(f'FFmpeg without {codec}')
    with av.open(str(path), 'w', options=dict(container)) as file:
        stream = file.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = FRAMES[0].shape[:2]
        if times:
            stream.codec_context.time_base = fractions.Fraction(1, unit)
        for number, pixels in enumerate(FRAMES):
            frame = av.VideoFrame.from_ndarray(pixels, format='rgb24')
            if times:
                frame.pts, frame.time_base = times[number], fractions.Fraction(1, unit)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def joined(path, codec):
    content = write(path, codec).read_bytes()
    path.write_bytes(content + content)


def cut(path, codec, first, last):
    """Leaves the part [first, last) of a stream of packets of 188 bytes."""
    content = write(path, codec, **GROUPS).read_bytes()
    packets = len(content) // 188
    path.write_bytes(content[int(packets * first) * 188 : int(packets * last) * 188])


def trimmed(path):
    """An MP4 whose edit list shows the second half of its frames."""
    whole = write(path.with_name('whole.mp4'), **GROUPS)
    with av.open(str(whole)) as source, av.open(str(path), 'w') as file:
        stream = source.streams.video[0]
        copy = getattr(file, 'add_stream_from_template', file.add_stream)
        target = copy(stream) if copy != file.add_stream else copy(template=stream)
        shift = int(1 / stream.time_base / 25 * 24)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.pts -= shift
                packet.dts -= shift
                packet.stream = target
                file.mux(packet)
    whole.unlink()
    if not decoded(path):
        pytest.skip('this PyAV cannot copy packets')


SLOW_THEN_FAST = [500 * i for i in range(10)] + [4500 + 33 * i for i in range(1, 39)]
ODD = {
    'joined.mpg': lambda path: joined(path, 'mpeg1video'),
    'joined.ts': lambda path: joined(path, 'libx264'),
    'joined.avi': lambda path: joined(path, 'mpeg4'),
    'joined.mkv': lambda path: joined(path, 'mpeg4'),
    'without_a_count.mpg': lambda path: write(path, 'mpeg1video'),
    'of_fields.mpg': lambda path: write(path, 'mpeg2video', flags='+ildct+ilme'),
    'slow_then_fast.mkv': lambda path: write(path, times=SLOW_THEN_FAST),
    'fragmented.mp4': lambda path: write(path, container=dict(movflags='frag_keyframe'), **GROUPS),
    'of_fragments_alone.mp4': lambda path: write(
        path, container=dict(movflags='frag_keyframe+empty_moov'), **GROUPS
    ),
    'trimmed.mp4': trimmed,
    # between whose frames the muxer writes empty ones
    'with_gaps.avi': lambda path: write(path, 'mpeg4', [i + i // 9 for i in range(48)], unit=25),
    'without_its_start.ts': lambda path: cut(path, 'mpeg2video', 0.3, 1),
    'without_its_end.ts': lambda path: cut(path, 'libx264', 0, 0.6),
    'hidden_frames.webm': lambda path: write(
        path, 'libvpx', **{'auto-alt-ref': '1', 'lag-in-frames': '16'}
    ),
}


def decoded(path):
    """How many frames FFmpeg gives, read plainly from the start."""
    number = 0
    with av.open(str(path)) as file:
        for packet in file.demux(file.streams.video[0]):
            try:
                number += len(packet.decode())
            except av.FFmpegError:
                assert number == 0  # nothing but what refers to frames before the file
    return number


@pytest.mark.parametrize('name', ODD)
def test_whoever_reads_an_odd_file_reads_all_of_it(tmp_path, name):
    path = tmp_path / 'videos' / name
    path.parent.mkdir()
    ODD[name](path)
    expected = decoded(path)
    assert expected > 10
    videos = find_videos(str(path.parent))
    lengths = dict(
        training=len(VideoReader(path)),
        in_turn=sum(1 for _ in VideoReader(path)),
        demo=sum(1 for _ in FrameIterator(path)),
        frames=extract('RGB', videos, str(tmp_path / 'frames'), 0, short_side=32).frames,
        flow=extract('Flow', videos, str(tmp_path / 'flow'), 0, method='dis', short_side=32).frames
        + 1,
    )
    assert lengths == dict.fromkeys(lengths, expected)
    last = VideoReader(path).read([expected - 1])[0]
    assert (last == list(VideoReader(path))[-1][1]()).all()


@pytest.mark.parametrize('name', ['joined.mpg', 'slow_then_fast.mkv', 'hidden_frames.webm'])
def test_a_file_that_is_whole_is_no_problem_to_the_check(tmp_path, name):
    ODD[name](tmp_path / name)
    assert check_videos(find_videos(str(tmp_path)), 0) == []


@pytest.mark.parametrize('suffix, codec', [('avi', 'mpeg4'), ('mp4', 'libx264'), ('mov', 'mjpeg')])
def test_an_index_that_fits_its_header_is_believed_and_nothing_is_decoded(
    tmp_path, monkeypatch, suffix, codec
):
    pixels = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
    path = encode(tmp_path / f'a.{suffix}', FRAMES, codec, pixels)
    monkeypatch.setattr(VideoReader, '_count', None)
    assert len(VideoReader(path)) == len(FRAMES)


def test_a_file_is_counted_once(tmp_path, monkeypatch):
    path = write(tmp_path / 'a.mkv', 'mpeg4')
    assert len(VideoReader(path)) == 48
    monkeypatch.setattr(VideoReader, '_count', None)
    assert len(VideoReader(path)) == 48


def test_a_file_that_became_another_is_counted_anew(tmp_path):
    path = write(tmp_path / 'a.mkv', 'mpeg4')
    assert len(VideoReader(path)) == 48
    encode(path, FRAMES[:20], 'mpeg4')
    assert len(VideoReader(path)) == 20


def damaged(path, codec, pixels='yuv420p'):
    """A video of which a frame in the middle cannot be decoded, and the number of those before."""
    encode(path, FRAMES, codec, pixels)
    with av.open(str(path)) as file:
        packets = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    place, size = packets[24]
    content = bytearray(path.read_bytes())
    content[place : place + size] = bytes(size)
    path.write_bytes(content)
    return 24


@pytest.mark.parametrize('suffix', ['avi', 'mov'])
def test_damage_in_the_middle_ends_a_video_for_everybody_and_is_told(tmp_path, suffix):
    path = tmp_path / f'a.{suffix}'
    before = damaged(path, 'mjpeg', 'yuvj420p')
    stream = FrameIterator(path)
    assert (sum(1 for _ in stream), bool(stream.damage)) == (before, True)
    with VideoFile(path) as file:
        assert (sum(1 for _ in file), file.undecoded) == (before, len(FRAMES) - before)
    (problem,) = check_videos(find_videos(str(path)), 0)
    assert problem.kind == 'truncated'
    assert problem.detail.startswith(f'{before} frames; its header says 48; what is behind them')
    (failure,) = extract('RGB', find_videos(str(path)), str(tmp_path / 'out'), 0).failures
    assert failure.reason == f'the video ends after {before} of 48 frames'


def spoil(path, begin, size, seed=0):
    """Overwrites `size` bytes of a file from the fraction `begin` of it on."""
    content = bytearray(path.read_bytes())
    start = int(len(content) * begin)
    content[start : start + size] = random.Random(seed).randbytes(size)
    path.write_bytes(content)


def test_an_avi_that_lost_chunks_has_one_numbering(tmp_path):
    """Its index still counts them: what FFmpeg seeks by it are other frames."""
    path = tmp_path / 'a.avi'
    encode(path, moving_frames(150, 96, 64), 'mjpeg', 'yuvj420p')
    with av.open(str(path)) as file:
        sizes = [packet.size for packet in file.demux(video=0)]
    spoil(path, 0.3, sizes[40])
    with VideoReader(path) as reader:
        sums = [zlib.crc32(image()) for _, image in reader]
        assert 140 < len(sums) < 150 and len(reader) == len(sums)
    with VideoReader(path) as reader:
        assert [zlib.crc32(reader.read([index])[0]) for index in (130, 90)] == [sums[130], sums[90]]
    (problem,) = check_videos(find_videos(str(path)), 0)
    assert problem.kind in ('frame count', 'truncated')


def test_a_gap_in_a_steady_stream_is_told(tmp_path):
    whole = write(tmp_path / 'whole.mkv', 'mpeg4', [40 * n for n in range(48)])
    assert check_videos(find_videos(str(whole)), 0) == []
    lossy = write(tmp_path / 'a.mkv', 'mpeg4', [40 * (n if n < 20 else n + 6) for n in range(48)])
    (problem,) = check_videos(find_videos(str(lossy)), 0)
    assert problem[1:] == ('gap', '48 frames; none for 0.28 s after 0.76 s')
    by_and_by = write(tmp_path / 'b.mkv', 'mpeg4', [40 * n + 9 * n * (n // 5) for n in range(48)])
    assert check_videos(find_videos(str(by_and_by)), 0) == []


def test_what_damage_leaves_does_not_depend_on_threads(tmp_path):
    path = tmp_path / 'a.webm'
    encode(path, FRAMES, 'libvpx-vp9', options={'g': '10', 'cpu-used': '8'})
    with av.open(str(path)) as file:
        first = next(file.demux(video=0))
        size = first.size
    content = path.read_bytes()
    place = content.index(bytes(first))
    path.write_bytes(content[:place] + bytes(size) + content[place + size :])
    counts = []
    for threads in (1, 2, 4):
        with VideoFile(path, num_threads=threads) as file:
            counts.append([round(time, 3) for time, _ in file])
    assert counts[0] == counts[1] == counts[2] and 0 < len(counts[0]) < 48
