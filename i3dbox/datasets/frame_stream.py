"""The frames of a video, a camera or arrays, one after the other: for what must not grow with a video's length."""

import os
import stat
import time as clock

import numpy as np

from ..errors import ConfigError, DamagedSampleError
from .video import cv2, open_capture


_JUMP = 10  # seconds between two frames that are no pause but a new count of time, as in files that were joined


class FrameStream:
    """Iterates over (time in seconds, frame uint8 H x W x 3 RGB) from start to end, once.

    A video is read as it comes: nothing is sought, so that pipes and files of unknown length will do, and a file that
    breaks off ends the stream (`broke_off` tells). Times are those of the frames, also where the rate varies, and of a
    camera those of the clock; rotation in the file's metadata is applied; grey, 10-bit and transparent videos become
    8-bit RGB. A frame of another size than the first is brought to the first's.

    Args:
        source (str, int, array or iterable): a file that FFmpeg reads (videos, animated GIFs, pipes); a camera's
            index; or RGB frames, uint8 T x H x W x 3 or one after the other.
        fps (float): take a frame each 1 / fps seconds, repeating or leaving out as needed; default: every frame.
        rate (float): frames a second of arrays, which do not know it.

    Attributes:
        name (str): of the source. fps (float): of what is yielded; 0 where unknown.
        total (int or None): how many frames there will be, as far as the file's header knows. stated (int or None): how
            many it says that the file has.
        read (int): frames taken from the source so far. broke_off (bool): whether it ended well before `total`.

    Raises:
        DamagedSampleError: from here, for a source that cannot be opened; while iterating, for one without a frame.
        ConfigError: arguments that are none of the above.
    """

    def __init__(self, source, fps=None, rate=25.0):
        self.read, self.broke_off, self._capture, self._codec, self._shape = 0, False, None, '', None
        if fps is not None and not 0 < fps < 1e4:
            raise ConfigError(f'fps is a number above 0; got {fps!r}')
        self._every = fps
        if isinstance(source, (str, os.PathLike, int)) and not isinstance(source, bool):
            self._open(source)
        elif hasattr(source, '__iter__'):
            self.name, self.path = 'frames', 'frames'
            self._frames, own = self._of_arrays(iter(source), rate), rate
            self.total = len(source) if hasattr(source, '__len__') else None
        else:
            raise ConfigError(f'a source is a file, the index of a camera, or RGB frames; got {type(source).__name__}')
        if self._capture is not None:
            own = self._capture.get(cv2.CAP_PROP_FPS)
            own = own if 0 < own < 1e4 else 0.0
        self.stated = self.total
        if fps and self.total:
            self.total = max(int(round(self.total * fps / own)), 1) if own else None
        self.fps = fps or own

    def __iter__(self):
        try:
            yield from self._resampled() if self._every else self._frames
        finally:
            self.close()
        if not self.read:
            raise DamagedSampleError(self.name, self.path, f'no frame can be decoded{self._codec}')

    def close(self):
        """Closes the file or the camera."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _open(self, source):
        self.path, camera = os.fspath(source) if not isinstance(source, int) else f'camera {source}', source
        self.name = os.path.splitext(os.path.basename(self.path))[0]
        if isinstance(source, int):
            self._capture = cv2.VideoCapture(camera)
            reason = 'there is no such camera, or it is in use'
        else:
            try:
                if os.path.isdir(self.path) or not os.path.exists(self.path):
                    raise OSError('it is a folder' if os.path.isdir(self.path) else 'there is no such file')
                self._capture = open_capture(self.path)
            except OSError as error:
                raise DamagedSampleError(self.name, self.path, error.strerror or str(error)) from error
            reason = 'this is no video that FFmpeg can read'
            if stat.S_ISFIFO(os.stat(self.path).st_mode):
                reason += ' from a pipe (some formats must be sought in: write it to a file)'
        if not self._capture.isOpened():
            self.close()
            raise DamagedSampleError(self.name, self.path, reason)
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, 'little', signed=True)
        if code.isalnum():
            self._codec = f' (its codec is {code.decode()}, which this OpenCV may not have)'
        stated = 0 if isinstance(source, int) else self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.total = int(stated) if 0 < stated < 2 ** 31 else None
        self._frames = self._of_capture(self.total, isinstance(source, int))

    def _of_capture(self, stated, live):
        fps, last, begin = self._capture.get(cv2.CAP_PROP_FPS), None, None
        frame_time = 1 / fps if 0 < fps < 1e4 else 0.04
        while True:
            done, frame = self._capture.read()
            if not done:
                # the number that is stated may be an estimate, by a rate that varies: the time must be short as well
                short = stated - max(self.read, (last or 0) / frame_time) if stated else 0
                self.broke_off = short > max(2, (stated or 0) // 100)
                return
            begin = clock.monotonic() if begin is None else begin
            time = clock.monotonic() - begin if live else self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if last is None:
                time = max(time, 0.0)
            elif time <= last:  # no time stamps: count
                time = last + frame_time
            frame = self._as_first(frame)
            self.read, last = self.read + 1, time
            yield time, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)

    def _of_arrays(self, frames, rate):
        for frame in frames:
            frame = np.asarray(frame)
            if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
                raise ConfigError(f'frames are uint8 H x W x 3, RGB; frame {self.read} is {frame.dtype} '
                                  f'{" x ".join(map(str, frame.shape))}')
            frame = self._as_first(frame)
            self.read += 1
            yield (self.read - 1) / rate, frame

    def _as_first(self, frame):
        """The frame in the size of the first."""
        self._shape = self._shape or frame.shape
        if frame.shape == self._shape:
            return frame
        return cv2.resize(frame, self._shape[1::-1], interpolation=cv2.INTER_AREA)

    def _resampled(self):
        """At each k / fps the frame that is shown then."""
        number, shown, start, end = 0, None, None, 0.0
        for time, frame in self._frames:
            start = time if start is None else start
            if time - start - end > _JUMP:
                start = time - end - 1 / self._every
            while shown is not None and number / self._every < time - start - 1e-6:
                yield number / self._every, shown
                number += 1
            shown, end = frame, time - start
        while shown is not None and number / self._every <= end + 1e-6:
            yield number / self._every, shown
            number += 1
