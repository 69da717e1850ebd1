"""Video files, decoded by FFmpeg: the ground that VideoReader and FrameIterator stand on."""

from __future__ import annotations

import errno
import io
import itertools
import logging
import math
import os
import stat

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from ..errors import DamagedSampleError
from .containers import OPTIONS

# FFmpeg's own words on a damaged file would go to stderr beside our error
av.logging.set_level(None)
logger = logging.getLogger(__name__)

_PYAV = int(av.__version__.split('.')[0])
# Tags in an unknown encoding are not worth an error; from 19 on PyAV thinks so itself.
ANY_TAGS = dict(metadata_errors='replace') if _PYAV < 19 else {}
# How YUV becomes RGB. Tags of other colours (BT.709) are not looked at: OpenCV, decord and older
# PyAVs do not either, and what networks were trained on was read by them.
_COLORS = dict(
    interpolation='BICUBIC',
    src_colorspace='ITU601',
    dst_colorspace='ITU601',
    dst_color_range='JPEG',
)
# From 17 on PyAV starts threads to convert a frame, which takes longer than to convert it.
_ONE_THREAD = dict(threads=1) if _PYAV >= 17 else {}
# FFmpeg converts these (where the height is even) without interpolating the chroma, wherever that
# lies.
_REPEATED_CHROMA = frozenset(('yuv420p', 'yuvj420p', 'yuv422p', 'yuvj422p'))
# Grey is not tagged reliably; FFmpeg takes 8 bits of it as full range always, and so is the rest
# taken here.
_FULL_RANGE = ('yuvj', 'gray', 'ya')
_MOST_PIXELS = 1 << 26  # of a frame: 8192 x 8192, above what cameras make


if _PYAV < 19:

    def _unnamed(cls, value):
        """Lets PyAV list the side data of a frame, as 19 does, where its FFmpeg knows a kind that
        it has no name for, such as Exif.
        """
        kind = object.__new__(cls)
        kind._name_ = f'UNKNOWN_{value}'
        kind._value_ = value
        return kind

    SideDataType._missing_ = classmethod(_unnamed)


class VideoFile:
    """The frames of a video in the order of display, decoded one after the other by FFmpeg (through
    PyAV).

    FFmpeg looks at the content, and opens it if its container is in containers.VIDEOS; the name may
    be any.

        with VideoFile('a.mp4') as video:
            for time, frame in video:
                video.image(frame)

    Args:
        path: the file.
        name: the sample's, for errors; default: the file name without extension.
        num_threads: of the decoder.
        bgr: give images in OpenCV's order of channels, for what goes back to OpenCV.
        pipes: whether a pipe will do; who reads a video more than once says no.

    Attributes:
        fps (float): frames per second by the header, 0 if unknown.
        frame_time (float): 1 / fps, or 1 / 25.
        seconds (float or None): how long the video is by the header.
        counted (int or None): how many frames it has by the header.
        stated (int or None): the same, or what its duration makes of its rate: a guess.
        picture (bool): whether this is a picture, which FFmpeg opens as a video of one frame.
        codec (str): the decoder's name.
        piped (bool): whether the file is a pipe.
        identity (tuple): path, size in bytes and time of change.
        undecoded (int): packets from the first one on that cannot be decoded, known when the frames
            have come to their end.

    Raises:
        DamagedSampleError: a file that cannot be opened or read, or is no video.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        name: str | None = None,
        num_threads: int = 1,
        bgr: bool = False,
        pipes: bool = True,
    ):
        self.path = os.fspath(path)
        self.name = name or os.path.splitext(os.path.basename(self.path))[0]
        self.undecoded = 0
        self._num_threads = num_threads
        self._format = 'bgr24' if bgr else 'rgb24'
        self._reformatter = VideoReformatter()
        self._container = self._file = self._turn = None
        try:
            self._open_file(pipes)
            self._open_stream()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """Closes the file; who is iterating comes to the end."""
        if self._container is not None:
            self._container.close()
            self._container = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def __iter__(self):
        """Yields (time, av.VideoFrame) from where the file stands: the start, or where `seek` went.

        Times are in seconds from the file's start and grow; where a frame has none they are counted
        on. The end is there where a packet cannot be decoded, as what follows one would be numbered
        wrongly. At the start such packets are left out: a recording may begin between key frames.
        """
        time = None
        for frame in self._decoded():
            stamp = self.stamp(frame)
            own = None if stamp is None else self._on_grid((stamp - self._start) * self._unit)
            if time is None:
                time = max(own or 0.0, 0.0)
            else:
                time = own if own is not None and own > time else time + self.frame_time
            yield time, frame

    def _decoded(self):
        number = 0
        packets = self._packets()
        for packet in packets:
            try:
                frames = packet.decode()
            except av.FFmpegError:
                if self._num_threads > 1:
                    # what is lost around damage is another thing with each number of threads
                    self._start_over()
                    yield from itertools.islice(self._decoded(), number, None)
                    return
                if number:
                    self.undecoded = 1 + sum(packet.size > 0 for packet in packets)
                    return
                continue
            for frame in frames:
                number += 1
                yield frame

    def _start_over(self):
        self.close()
        self._num_threads = 1
        self._open_file(pipes=False)
        self._open_stream()

    def index(self) -> list[tuple[int | None, int | None]]:
        """Reads to the end without decoding.

        Returns:
            (time stamp or None, for a key frame the stamp to `seek` or None) of each packet, in the
            order of the file.
        """
        packets = []
        for packet in self._packets():
            if packet.size:
                stamp = self.stamp(packet)
                target = packet.dts if self._seeks_decoding_times else stamp
                packets.append((stamp, target if packet.is_keyframe else None))
        return packets

    def indexed(self) -> int | None:
        """Returns how many frames are to be shown by the index that a MOV (MP4, 3GP) or AVI keeps,
        or None where there is none that tells it.

        Such an index begins with a key frame, has as many entries as the header counts, and its
        last one ends in the file. A fragmented or cut file has none, nor have two AVIs that were
        joined, nor an AVI that leaves out frames.
        """
        size = self.identity[1]
        if (
            self._kind not in ('mov', 'avi')
            or self._kind == 'avi'
            and _riff_size(self._file) < size
        ):
            return None
        entries = self._index_entries()
        if not entries or len(entries) != self.counted:
            return None
        first = entries[0]
        # an edit list hides what comes before its first frame
        begins = first.is_keyframe and not first.is_discard
        return self.counted if begins and entries[-1].pos + entries[-1].size <= size else None

    def index_length(self) -> int | None:
        """Returns how many entries the index of an AVI has, which counts what damage hides from who
        reads on; None for other containers, whose index has time stamps.
        """
        return len(self._index_entries()) if self._kind == 'avi' else None

    def _index_entries(self):
        if hasattr(self._stream, 'index_entries'):  # since PyAV 17
            return self._stream.index_entries
        with VideoFile(self.path, self.name) as video:
            return [packet for packet in video._packets() if packet.dts is not None]

    def _on_grid(self, time):
        """Returns a time as it was before the container rounded it: Matroska, FLV and ASF count
        milliseconds, so that frame 2 of 30 a second comes at 0.067 s and no more at 2 / 30.
        """
        exact = round(time * self.fps) / self.fps if self.fps else time
        rounding = min(self._unit, 1e-3) / 2
        return exact if 1e-6 < abs(exact - time) <= rounding + 1e-6 else time

    def seek(self, stamp: int) -> bool:
        """Goes to the last key frame before a time stamp, as far as FFmpeg can. Returns whether it
        could.
        """
        try:
            self._container.seek(stamp, stream=self._stream)
        except av.FFmpegError:
            return False
        return True

    def stamp(self, frame: av.VideoFrame | av.Packet) -> int | None:
        """Returns the time stamp (in the file's unit) of a frame or packet, or None."""
        return frame.dts if self._decoding_times else frame.pts

    def image(self, frame: av.VideoFrame) -> np.ndarray:
        """Returns the frame as it is to be shown (turned and mirrored as the metadata says), uint8
        H x W x 3.
        """
        name = frame.format.name
        color_range = 'JPEG' if name.startswith(_FULL_RANGE) else 'MPEG'
        pixels = _without_tags(frame) if _tags_matter(frame) else frame
        try:
            converted = self._reformatter.reformat(
                pixels, format=self._format, src_color_range=color_range, **_COLORS, **_ONE_THREAD
            )
        except av.FFmpegError as error:
            raise self.damaged(f'pictures of the format {name} cannot be converted') from error
        # a file has one; and whoever looks at a frame's side data keeps it until gc comes by
        if self._turn is None:
            self._turn = _turn(frame)
        quarters, mirrored = self._turn
        image = converted.to_ndarray()
        image = np.rot90(image, quarters) if quarters else image
        image = image[:, ::-1] if mirrored else image
        # the decoder looks at its own again
        return image.copy() if converted is frame else np.ascontiguousarray(image)

    def damage(self, frames: int, last: float) -> str:
        """Returns what is wrong with a video of which so many frames came, the last one at `last`
        seconds: that it ends early, by its header or by what is left undecoded. '' where it is no
        more than a header may be off.
        """
        early = f'the video ends after {frames} of {max(self.stated or 0, frames + self.undecoded)}'
        if self.undecoded > _tolerated(frames + self.undecoded):
            return f'{early} frames'
        short = (self.stated or 0) - frames > _tolerated(self.stated or 0)
        # a count may be an estimate by a rate that varies, and a header may count frames that are
        # not to be shown
        if short and (
            self.seconds is None
            or self.seconds - last > max(3 * self.frame_time, self.seconds / 100)
        ):
            return f'{early} frames'
        return ''

    def damaged(self, reason: str) -> DamagedSampleError:
        """Returns the error that tells what is wrong with the file."""
        return DamagedSampleError(self.name, self.path, reason)

    def _packets(self):
        packets = self._container.demux(self._stream) if self._container else iter(())
        while self._container:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError) as error:
                self._check_reading(error)
                logger.debug('%s: %s', self.path, error)  # the rest is not to be understood
                return
            except IndexError:  # PyAV's, at the end, where FFmpeg found streams on the way
                return
            if packet is None:
                return
            yield packet

    def _check_reading(self, error):
        """Raises what went wrong in reading the file, other than in understanding it."""
        if getattr(self._file, 'interrupt', None):
            raise self._file.interrupt
        if isinstance(error, OSError) and not isinstance(error, av.FFmpegError):
            raise self.damaged(f'cannot be read: {error.strerror}') from error

    def _open_file(self, pipes):
        # opened here, as FFmpeg would take some names for addresses, and knows no names that are
        # not UTF-8
        try:
            about = os.stat(self.path)
            self.piped = stat.S_ISFIFO(about.st_mode)
            self.identity = self.path, about.st_size, about.st_mtime_ns
            if self.piped and not pipes:
                raise self.damaged('this is a pipe; a video is read more than once')
            if self.piped:
                self._num_threads = 1  # it cannot be started over
            self._file = _Pipe(self.path) if self.piped else open(self.path, 'rb', buffering=0)
        except OSError as error:
            raise self.damaged(f'cannot be opened: {error.strerror}') from error
        if about.st_size == 0 and not self.piped:
            raise self.damaged('the file is empty')
        try:
            # no plain `options`: PyAV gives these to the streams too, and crashes (before 17) where
            # FFmpeg finds streams while it reads, as in MPEG
            self._container = av.open(self._file, container_options=OPTIONS, **ANY_TAGS)
        except (av.FFmpegError, OSError) as error:
            self._check_reading(error)
            raise self.damaged(
                'this is no video that FFmpeg can read in a container that i3dbox opens'
            ) from error

    def _open_stream(self):
        self._stream = self._container.streams.best('video')
        if self._stream is None or self._stream.disposition & Disposition.attached_pic:
            raise self.damaged('this is no video: there are no moving pictures in it')
        decoder = self._stream.codec_context
        if decoder is None:
            raise self.damaged('FFmpeg has no decoder for its codec')
        if decoder.width * decoder.height > _MOST_PIXELS:
            raise self.damaged(
                f'its frames are {decoder.width} x {decoder.height}; at most 8192 x 8192 are read'
            )
        # damage can make a frame claim gigabytes; streams that change their size do so within 16 M
        most = max(4 * decoder.width * decoder.height, 1 << 24)
        decoder.options = {'max_pixels': str(min(most, _MOST_PIXELS))}
        decoder.thread_count = self._num_threads
        decoder.thread_type = 'AUTO'
        self.codec = decoder.name
        self._kind = kind = self._container.format.name.split(',')[0]
        self.picture = kind.endswith('_pipe') or kind == 'image2'
        # An AVI has no times of display. What FFmpeg makes of it is wrong where B-frames are
        # packed.
        self._decoding_times = kind == 'avi'
        self._seeks_decoding_times = kind in ('avi', 'mpegts')
        self._start = self._stream.start_time or 0
        self._unit = float(self._stream.time_base)
        rate = self._stream.guessed_rate
        self.fps = float(rate) if rate and 0 < rate < 10000 else 0.0
        self.frame_time = 1 / (self.fps or 25)
        self.seconds = self._duration()
        self.counted = self._stream.frames or None
        self.stated = (
            self.counted or self.seconds and max(int(self.seconds * self.fps + 0.5), 0) or None
        )

    def _duration(self):
        if self._decoding_times and self._stream.frames and self._stream.average_rate:
            # FFmpeg's is that of what is left of a file
            return float(self._stream.frames / self._stream.average_rate)
        stream = self._stream.duration
        whole = self._container.duration
        if not stream:  # then the file's is when it ends
            return (
                (whole - max(self._container.start_time or 0, 0)) / av.time_base if whole else None
            )
        return min(stream * self._unit, whole / av.time_base if whole else math.inf)


def _tolerated(frames):
    """Returns by how many frames headers of real data sets are off."""
    return max(2, frames // 100)


def _riff_size(file):
    """Returns the length of the first RIFF chunk of a file, with its head of 8 bytes."""
    return 8 + int.from_bytes(os.pread(file.fileno(), 8, 0)[4:], 'little')


class _Pipe(io.FileIO):
    """A pipe in which Ctrl-C is not lost while FFmpeg waits for it."""

    interrupt = None

    def read(self, size=-1):
        if self.interrupt is not None:
            return b''  # FFmpeg asks once more
        try:
            return super().read(size)
        except KeyboardInterrupt as error:
            self.interrupt = error
            raise OSError(errno.EINTR, 'interrupted') from error


def _tags_matter(frame):
    """Whether PyAV, from 17 on, converts by tags that it did not look at before: the place of
    chroma, and fields.
    """
    kind = frame.format
    if kind.has_palette or any(plane.line_size < 0 for plane in frame.planes):
        return False  # of the latter, which lie upside down in memory, PyAV 14 gives no copy
    if frame.interlaced_frame:
        return True
    if kind.name in _REPEATED_CHROMA and frame.height % 2 == 0:
        return False
    return kind.chroma_width(2) == 1 or kind.chroma_height(2) == 1


def _without_tags(frame):
    """Returns a frame of the same pixels that says nothing of them but their format."""
    copy = av.VideoFrame(frame.width, frame.height, frame.format.name)
    for source, target in zip(frame.planes, copy.planes):
        width = min(source.line_size, target.line_size)
        rows = np.frombuffer(source, np.uint8).reshape(-1, source.line_size)
        np.frombuffer(target, np.uint8).reshape(-1, target.line_size)[:, :width] = rows[:, :width]
    return copy


def _turn(frame):
    """Returns (quarters to turn counter-clockwise, whether to mirror then), as the frame's display
    matrix says.

    Any other turn would have corners and is not made.
    """
    try:
        matrix = bytes(frame.side_data['DISPLAYMATRIX'])
    except KeyError:
        return 0, False
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()  # x' = a x + c y, y' = b x + d y
    mirrored = a * d - b * c < 0
    return round(-math.atan2(b, -a if mirrored else a) / (math.pi / 2)) % 4, mirrored
