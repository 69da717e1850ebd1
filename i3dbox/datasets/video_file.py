"""Video files, decoded by FFmpeg: the ground that VideoReader and FrameStream stand on."""

import logging
import os
import stat

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from ..errors import DamagedSampleError

av.logging.set_level(None)  # FFmpeg's own words on a damaged file would go to stderr beside our error
logger = logging.getLogger(__name__)

# From 17 on PyAV starts threads to convert a frame, which takes longer than to convert it.
_ONE_THREAD = dict(threads=1) if int(av.__version__.split('.')[0]) >= 17 else {}


class VideoFile:
    """The frames of a video in the order of display, decoded one after the other by FFmpeg (through PyAV).

    FFmpeg looks at the content; the name may be any. What is damaged inside the file is left out.

        with VideoFile('a.mp4') as video:
            for frame in video:
                video.time(frame), video.image(frame)

    Args:
        path (str): the file; a pipe will do.
        name (str): the sample's, for errors; default: the file name without extension.
        num_threads (int): of the decoder; 0: as many as FFmpeg likes.
        bgr (bool): give images in OpenCV's order of channels, for what goes back to OpenCV.

    Attributes:
        fps (float): frames a second by the header, 0 if unknown.
        stated (int or None): how many frames the file has by its header, or by its duration.
        picture (bool): whether this is a picture, which FFmpeg opens as a video of one frame.
        codec (str): its name, '' if unknown.

    Raises:
        DamagedSampleError: a file that cannot be opened, or is no video.
    """

    def __init__(self, path, name=None, num_threads=0, bgr=False):
        self.path = os.fspath(path)
        self.name = name or os.path.splitext(os.path.basename(self.path))[0]
        self._format, self._reformatter = 'bgr24' if bgr else 'rgb24', VideoReformatter()
        self._container = self._file = None
        try:
            self._open(num_threads)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._container is not None:
            self._container.close()
            self._container = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def __iter__(self):
        """Yields the frames (av.VideoFrame) from where the file stands: the start, or where `seek` went."""
        for packet in self._packets():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            yield from frames

    def index(self):
        """Reads to the end without decoding. Returns a list of (time stamp, is a key frame), in the order of the file."""
        return [(self.stamp(packet), packet.is_keyframe) for packet in self._packets() if packet.size]

    def seek(self, stamp):
        """Goes to the last key frame in front of a time stamp, as far as FFmpeg can. Returns whether it could."""
        try:
            self._container.seek(stamp, stream=self._stream)
        except av.FFmpegError:
            return False
        return True

    def stamp(self, frame):
        """The time stamp (int, in the file's unit) of a frame, or None."""
        return frame.dts if self._decoding_times else frame.pts

    def time(self, frame):
        """When the frame is shown, in seconds from the file's start, or None where it does not say."""
        stamp = self.stamp(frame)
        return None if stamp is None else float((stamp - (self._stream.start_time or 0)) * self._stream.time_base)

    def image(self, frame):
        """The frame as it is to be shown (turned as the metadata says), uint8 H x W x 3."""
        image = self._reformatter.reformat(frame, format=self._format, **_ONE_THREAD).to_ndarray()
        return image if frame.rotation % 360 == 0 else np.ascontiguousarray(np.rot90(image, frame.rotation // 90))

    def damaged(self, reason):
        return DamagedSampleError(self.name, self.path, reason)

    def _packets(self):
        try:
            yield from self._container.demux(self._stream)
        except (av.FFmpegError, OSError) as error:  # the rest cannot be read
            logger.debug('%s: %s', self.path, error)

    def _open(self, num_threads):
        try:
            # opened here, as FFmpeg would take some names for addresses, and knows no names that are not UTF-8
            self._file = open(self.path, 'rb', buffering=0)
            about = os.fstat(self._file.fileno())
            if stat.S_ISREG(about.st_mode) and about.st_size == 0:
                raise self.damaged('the file is empty')
        except OSError as error:
            raise self.damaged(f'cannot be opened: {error.strerror}') from error
        try:
            self._container = av.open(self._file, metadata_errors='replace')
        except (av.FFmpegError, OSError) as error:
            raise self.damaged('this is no video that FFmpeg can read') from error
        self._stream = self._container.streams.best('video')
        if self._stream is None or self._stream.disposition & Disposition.attached_pic:
            raise self.damaged('this is no video: there are no moving pictures in it')
        decoder = self._stream.codec_context
        if decoder is None:
            raise self.damaged('FFmpeg has no decoder for its codec')
        decoder.thread_count, decoder.thread_type = num_threads, 'AUTO'
        self.codec, kind = decoder.name, self._container.format.name
        self.picture = kind.endswith('_pipe') or kind == 'image2'
        # An AVI has no times of display. What FFmpeg makes of it is wrong where B-frames are packed.
        self._decoding_times = kind == 'avi'
        rate = self._stream.guessed_rate
        self.fps = float(rate) if rate and 0 < rate < 10000 else 0.0
        self.stated = self._stream.frames or self._frames_of_duration()

    def _frames_of_duration(self):
        seconds = self._stream.duration and self._stream.duration * self._stream.time_base
        if seconds is None and self._container.duration:
            seconds = self._container.duration / av.time_base
        return max(int(seconds * self.fps + 0.5), 0) or None if seconds else None
