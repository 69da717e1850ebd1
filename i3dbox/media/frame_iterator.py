"""The frames of a video, a camera or arrays, one after the other: for what must not grow with a
video's length.
"""

from __future__ import annotations

import os
import time as clock
from collections.abc import Iterable, Iterator
from typing import Any

import cv2
import numpy as np

from ..argument_checks import in_range
from ..errors import ConfigError, DamagedSampleError
from ..workers import usable_cores
from .network_stream import NetworkStream, is_address
from .video_file import VideoFile

if 'OPENCV_LOG_LEVEL' not in os.environ:
    # fatal alone: a camera that is not there is a warning of OpenCV's and an error of ours
    (getattr(cv2, 'setLogLevel', None) or cv2.utils.logging.setLogLevel)(1)  # moved in 4.14

# seconds between two frames that are no pause but a new count of time, as in files that were joined
JUMP = 10


class FrameIterator:
    """Iterates over (time in seconds, frame uint8 H x W x 3 RGB) from start to end, once.

    A video is read as it comes: nothing is sought, so that pipes and files of unknown length will
    do, and a file that breaks off ends the stream (`damage` tells). Times are those of the
    frames, also where the rate varies, and of a camera those of the clock; rotation in the file's
    metadata is applied; grey, 10-bit and transparent videos become 8-bit RGB. A frame of another
    size than the first is brought to the first's.

    Args:
        source: a file that FFmpeg reads (videos, animated GIFs, pipes); a camera's index; an
            address, see NetworkStream; '-' for what comes in by the standard input; or RGB frames,
            uint8 T x H x W x 3 or one after the other.
        fps: take a frame each 1 / fps seconds, repeating or leaving out as needed; default:
            every frame.
        rate: frames per second of arrays, which do not know it.

    Attributes:
        name (str): of the source.
        fps (float): of what is yielded; 0 where unknown.
        total (int or None): how many frames there will be, as far as the file's header knows.
        stated (int or None): how many the header says that the file has.
        read (int): frames taken from the source so far.
        damage (str): what turned out to be wrong with the file at its end: that it ends early.
            '' for nothing.

    Raises:
        DamagedSampleError: from here, for a source that cannot be opened; while iterating, for one
            without a frame.
        ConfigError: arguments that are none of the above.
    """

    def __init__(
        self,
        source: str | os.PathLike | int | Iterable[np.ndarray],
        fps: float | None = None,
        rate: float = 25.0,
    ):
        self.read = 0
        self.damage = ''
        self.total = None
        self._source = None
        self._shape = None
        rates = {'fps': fps, 'rate': rate}
        given = {name: value for name, value in rates.items() if value is not None}
        in_range('FrameIterator', 1e-3, 1e3, **given)
        self._every = fps
        if isinstance(source, int) and not isinstance(source, bool):
            own = self._open_camera(source)
        elif is_address(source):
            own = self._open_address(source)
        elif isinstance(source, (str, os.PathLike)):
            own = self._open_file(source)
        elif hasattr(source, '__iter__'):
            self.name = 'frames'
            self.path = 'frames'
            self._frames = self._of_arrays(iter(source), rate)
            own = rate
            self.total = len(source) if hasattr(source, '__len__') else None
        else:
            raise ConfigError(
                'a source is a file, the index of a camera, or RGB frames; '
                f'got {type(source).__name__}'
            )
        self.stated = self.total
        if fps and self.total:
            self.total = max(int(round(self.total * fps / own)), 1) if own else None
        self.fps = fps or own

    def __iter__(self):
        try:
            yield from at_rate(self._frames, self._every) if self._every else self._frames
            if not self.read:
                raise DamagedSampleError(
                    self.name, self.path, f'no frame can be decoded{self._hint()}'
                )
        finally:
            self.close()

    def close(self) -> None:
        """Closes the file or the camera."""
        if isinstance(self._source, cv2.VideoCapture):
            self._source.release()
        elif self._source is not None:
            self._source.close()
        self._source = None

    def _open_file(self, path):
        path = '/dev/stdin' if path == '-' and not os.path.exists(path) else path
        # more threads may lose frames before damage
        self._source = VideoFile(path, num_threads=min(usable_cores(), 4))
        self.name = self._source.name
        self.path = self._source.path
        self.total = self._source.stated
        self._frames = self._of_file(self._source)
        return self._source.fps

    def _open_address(self, address):
        self._source = NetworkStream(address)
        self.name = self._source.name
        self.path = self._source.path
        self.total = self._source.stated
        self._frames = self._of_stream(self._source)
        return self._source.fps

    def _open_camera(self, index):
        self.name = self.path = f'camera {index}'
        self._source = cv2.VideoCapture(index)
        if not self._source.isOpened():
            self.close()
            raise DamagedSampleError(
                self.name, self.path, 'there is no such camera, or it is in use'
            )
        self._frames = self._of_camera(self._source)
        rate = self._source.get(cv2.CAP_PROP_FPS)
        return rate if 0 < rate < 1e4 else 0.0

    def _hint(self):
        if not isinstance(self._source, VideoFile):
            return ''
        if self._source.piped:
            return ' from a pipe (an .mp4 may have to be sought in: write it to a file)'
        return f' (its codec is {self._source.codec})'

    def _of_file(self, video):
        time = 0.0
        for time, frame in video:
            self.read += 1
            yield time, self._as_first(video.image(frame))
        if self._source is not None:
            self.damage = video.damage(self.read, time)

    def _of_stream(self, stream):
        for time, image in stream:
            self.read += 1
            yield time, self._as_first(image)
        self.damage = stream.ended

    def _of_camera(self, camera):
        begin = None
        while True:
            done, frame = camera.read()
            if not done:
                return
            begin = clock.monotonic() if begin is None else begin
            self.read += 1
            yield clock.monotonic() - begin, self._as_first(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))

    def _of_arrays(self, frames, rate):
        for frame in frames:
            frame = self._as_first(as_frame(frame, self.read))
            self.read += 1
            yield (self.read - 1) / rate, frame

    def _as_first(self, frame):
        """Returns the frame in the size of the first."""
        self._shape = self._shape or frame.shape
        if frame.shape == self._shape:
            return frame
        return cv2.resize(frame, self._shape[1::-1], interpolation=cv2.INTER_AREA)


def as_frame(frame: np.ndarray, number: int) -> np.ndarray:
    """Returns frame `number` as an array. Raises ConfigError unless it is uint8 H x W x 3."""
    frame = np.asarray(frame)
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
        raise ConfigError(
            f'frames are uint8 H x W x 3, RGB; frame {number} is {frame.dtype} '
            f'{" x ".join(map(str, frame.shape))}'
        )
    return frame


def at_rate(
    frames: Iterable[tuple[float, Any]], fps: float, last: float = 0.0
) -> Iterator[tuple[float, Any]]:
    """Yields k / fps and the frame that is shown then, for k = 0, 1, ...

    Args:
        frames: (time in seconds, frame), in their order.
        fps: frames per second, of those that are yielded.
        last: for how many seconds the last frame is shown.
    """
    number = 0
    shown = None
    start = None
    end = 0.0
    for time, frame in frames:
        start = time if start is None else start
        if time - start - end > JUMP:
            start = time - end - 1 / fps
        while shown is not None and number / fps < time - start - 1e-6:
            yield number / fps, shown
            number += 1
        shown = frame
        end = time - start
    while shown is not None and number / fps <= end + max(last - 2e-6, 0) + 1e-6:
        yield number / fps, shown
        number += 1
