"""Reading exactly the frames asked for out of a video file, through OpenCV's FFmpeg backend."""

import logging
import os
import stat

import numpy as np

# FFmpeg's own words on a damaged file would go to stderr beside our error. OpenCV reads this late.
os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '0')

import cv2  # noqa: E402

from ..errors import DamagedSampleError  # noqa: E402

if 'OPENCV_LOG_LEVEL' not in os.environ:
    cv2.setLogLevel(1)  # each file that cannot be opened is a warning, or an error, of OpenCV's and an error of ours

logger = logging.getLogger(__name__)

# Decoding takes 0.1 to 1 ms a frame, listing the packets of a short video 1 to 10 ms: a jump over fewer
# frames than this is not worth looking for.
_FAR = 64
# OpenCV's seek starts from a key frame at least this far in front of its target.
_SEEK_MARGIN = 16


class VideoReader:
    """The frames of one video by number.

    Frames count from 0 in the order of display, as decoding from the start counts them. They are
    decoded in that order and no further than needed. Only far jumps seek, and only where the landing is
    proven: the time stamp of the frame must be the one at its place in the file's list of packets.
    Otherwise the reader decodes from the start.

    `len()` is what the file's header says, or the number of packets where it says nothing. Headers of
    real data sets are off by a frame or two. If decoding ends early by no more than `tolerance` frames,
    frames past the end become the last real one and `len()` is corrected; if it ends earlier than
    that, the file is damaged. Frames that a header does not count are not used.

    Args:
        path (str): the file. FFmpeg looks at its content; the name may be any.
        name (str): the sample's, for errors; default: the file name without extension.
        num_threads (int): of the decoder. 1 costs the least work, and loaders have several workers.
        bgr (bool): give frames in OpenCV's order of channels, for what goes back to OpenCV.

    Attributes:
        fps (float): frames a second by the header, 0 if unknown.
        size (tuple): (width, height).

    Raises:
        DamagedSampleError: from here and from `read`, for a file that is no readable video.
    """

    modality = 'RGB'

    def __init__(self, path, name=None, num_threads=1, bgr=False):
        self.path = os.fspath(path)
        self.name = name or os.path.splitext(os.path.basename(self.path))[0]
        self._capture = None
        self._num_threads, self._bgr = num_threads, bgr
        self._shape = self._packets = None
        self._rewind()
        try:
            self._length = self._stated_length()
        except DamagedSampleError:
            self.close()
            raise
        self.tolerance = max(2, self._length // 100)
        self.fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.size = tuple(int(self._capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH,
                                                              cv2.CAP_PROP_FRAME_HEIGHT))

    def __len__(self):
        return self._length

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes the file; reading opens it again."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def read(self, frame_inds):
        """Decodes frames.

        Args:
            frame_inds (sequence of int): 0 <= index < len(self), in any order, repeats allowed.

        Returns:
            list of uint8 arrays H x W x 3, RGB, in the order of `frame_inds`. A repeated index gives
            the same array again, so frames are not to be written to.

        Raises:
            IndexError: an index outside the video.
            DamagedSampleError: the video ends early or changes its size.
        """
        frame_inds = list(map(int, frame_inds))
        wanted = sorted(set(frame_inds))
        if wanted and not 0 <= wanted[0] <= wanted[-1] < self._length:
            raise IndexError(f'{self.path} has {self._length} frames; asked for {wanted[0]} to {wanted[-1]}')
        frames = {}
        for index in wanted:
            if not self._grab(index):
                self._correct_length()
                return self.read([min(index, self._length - 1) for index in frame_inds])
            frames[index] = self._retrieve(index)
        return [frames[index] for index in frame_inds]

    def count(self):
        """Decodes everything; returns how many frames there are, whatever the header says."""
        self._rewind()
        while self._capture.grab():
            self._next += 1
        frames = self._next
        self.close()
        return frames

    def _grab(self, index):
        """Makes `index` the capture's current frame. Returns False if the video ends before it."""
        if self._capture is None or index < self._next - 1:
            self._rewind()
        if index - self._next > _FAR:
            self._seek(index)
        while self._next <= index:
            if not self._capture.grab():
                return False
            if self._next == 0:
                self._first_time = self._capture.get(cv2.CAP_PROP_PTS)
            self._next += 1
        return True

    def _retrieve(self, index):
        done, frame = self._capture.retrieve(None if self._bgr else self._buffer)
        if not done:
            raise self._damaged(f'frame {index} cannot be decoded')
        self._shape = self._shape or frame.shape
        if frame.shape != self._shape:
            sizes = [f'{shape[1]} x {shape[0]}' for shape in (frame.shape, self._shape)]
            raise self._damaged(f'the size changes: frame {index} is {sizes[0]}, others are {sizes[1]}')
        if self._bgr:
            return frame
        self._buffer = frame
        return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)

    def _seek(self, index):
        """Jumps to `index` where that saves much and is proven to be right; else does nothing."""
        if self._next == 0 and not self._grab(0):  # tells at which time decoding begins
            return
        if self._packets is None:
            self._packets = self._list_packets()
        times, keys = self._packets
        before = keys[keys <= index - _SEEK_MARGIN]
        if not before.size or before[-1] - self._next < _FAR or times[0] != self._first_time:
            return
        landed = self._capture.set(cv2.CAP_PROP_POS_FRAMES, index) and self._capture.grab()
        if landed and self._capture.get(cv2.CAP_PROP_PTS) == times[index]:
            self._next = index + 1
        else:
            self._packets = times, keys[:0]  # no more jumps in this file
            self._rewind()

    def _list_packets(self):
        """Lists the compressed frames without decoding them.

        Returns:
            (float array of presentation times, ascending; int array of the key frames' places in it).
            There are no key frames if the list does not fit the header, or two frames have one time.
        """
        times, is_key = [], []
        capture = self._open(cv2.CAP_PROP_FORMAT, -1)
        while capture.grab():
            times.append(capture.get(cv2.CAP_PROP_PTS))
            is_key.append(capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME))
        capture.release()
        order = np.argsort(times, kind='stable')
        times, keys = np.array(times)[order], np.flatnonzero(np.array(is_key)[order])
        if len(times) != self._length or (np.diff(times) <= 0).any():
            keys = keys[:0]
        return times, keys

    def _stated_length(self):
        length = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        if 0 < length < 2 ** 31:
            return int(length)
        self._length = 0
        length = len(self._list_packets()[0])
        if length == 0:
            raise self._damaged('the video has no frames')
        if length == 1:  # FFmpeg opens pictures as well, as videos of unknown length
            raise self._damaged('this is a picture, not a video')
        return length

    def _correct_length(self):
        """Takes note of the true end, in front of frame `_next`; raises if it is far from the stated one."""
        if self._next == 0:
            raise self._damaged('no frame can be decoded')
        if self._length - self._next > self.tolerance:
            raise self._damaged(f'the video ends after {self._next} of {self._length} frames')
        logger.debug('%s: has %d frames, its header says %d', self.path, self._next, self._length)
        self._length = self._next
        self.close()  # behind the end there is no current frame

    def _rewind(self):
        self.close()
        self._check_file()
        self._capture = self._open(cv2.CAP_PROP_N_THREADS, self._num_threads)
        self._next = 0  # the number of the frame that the next grab() gives
        self._buffer = None
        if not self._capture.isOpened():
            self.close()
            raise self._damaged('this is no video that FFmpeg can read')

    def _open(self, *parameters):
        return open_capture(self.path, *parameters)

    def _check_file(self):
        try:
            if stat.S_ISFIFO(os.stat(self.path).st_mode):
                raise self._damaged('this is a pipe; a video is read more than once')
            with open(self.path, 'rb') as file:
                empty = not file.read(1)
        except OSError as error:
            raise self._damaged(f'cannot be opened: {error.strerror}') from error
        if empty:
            raise self._damaged('the file is empty')

    def _damaged(self, reason):
        return DamagedSampleError(self.name, self.path, reason)


def open_capture(path, *parameters):
    """Opens a file by FFmpeg, whatever its name; returns a cv2.VideoCapture. Raises OSError where it is not there.

    Frames come as they are to be shown: turned as the file's metadata says.
    """
    capture = _open_capture(os.path.abspath(path), parameters)
    if capture.get(cv2.CAP_PROP_ORIENTATION_META):
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # off by default in some of OpenCV's versions
    return capture


def _open_capture(path, parameters):
    try:
        path.encode()
    except UnicodeEncodeError:  # a name that is not UTF-8 crashes OpenCV; FFmpeg opens this one again
        handle = os.open(path, os.O_RDONLY)
        try:
            return cv2.VideoCapture(f'/dev/fd/{handle}', cv2.CAP_FFMPEG, parameters)
        finally:
            os.close(handle)
    return cv2.VideoCapture(path, cv2.CAP_FFMPEG, parameters)
