"""Reading exactly the frames asked for out of a video file."""

from __future__ import annotations

import bisect
import functools
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .video_file import VideoFile

if TYPE_CHECKING:
    import os

    import numpy as np

logger = logging.getLogger(__name__)

# Decoding takes 0.1 to 1 ms per frame, listing the packets of a short video 1 to 10 ms: a jump over
# fewer frames than this is not worth looking for.
_FAR = 64
# Some streams are exact only a few frames after a key frame (H.264 that recovers by and by).
_SEEK_MARGIN = 16
# The lengths of videos that were looked at in this process, as loaders open each in every epoch;
# by path, size and time of change.
_lengths = {}
_MOST = 100000


class VideoReader:
    """The frames of one video by number.

    Frames count from 0 in the order of display, as decoding from the start counts them. They are
    decoded in that order and no further than needed. Only far jumps seek, and only where the
    landing is proven: from the key frame on, time stamps must be those of the file's list of
    packets, one after the other. Otherwise the reader decodes from the start.

    `len()` is the number of frames that can be decoded: that of the index, where the file keeps one
    that fits its header (VideoFile.indexed); else they are counted by decoding, once a process.
    Headers of real data sets are off by a frame or two, and files that were joined have the header
    of their first part. Where decoding ends earlier than an index says by no more than a header
    may be off (VideoFile.damage), frames past the end become the last real one and `len()` is
    corrected; if it ends earlier, or before what cannot be decoded, the file is damaged.

    Args:
        path: the file. FFmpeg looks at its content; the name may be any.
        name: the sample's, for errors; default: the file name without extension.
        num_threads: of the decoder. 1 costs the least work, and loaders have several workers.
        bgr: give frames in OpenCV's order of channels, for what goes back to OpenCV.

    Attributes:
        fps (float): frames per second by the header, 0 if unknown.
        stated (int or None): frames by the header, see VideoFile.

    Raises:
        DamagedSampleError: from here, `len` and `read`, for a file that is no readable video.
    """

    modality = 'RGB'

    def __init__(
        self,
        path: str | os.PathLike,
        name: str | None = None,
        num_threads: int = 1,
        bgr: bool = False,
    ):
        self._arguments = path, name, num_threads, bgr, False
        self._video = self._shape = self._packets = None
        self._rewind()
        self.path = self._video.path
        self.name = self._video.name
        self.fps = self._video.fps
        self.stated = self._video.stated
        self._key = self._video.identity
        if self._video.picture:
            error = self._video.damaged('this is a picture, not a video')
            self.close()
            raise error

    def __len__(self):
        if self._key not in _lengths:
            if len(_lengths) == _MOST:
                _lengths.clear()
            if self._video is None:
                self._rewind()
            _lengths[self._key] = self._video.indexed() or self._count()
        return _lengths[self._key]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """Closes the file; reading opens it again."""
        if self._video is not None:
            self._video.close()
            self._video = self._frames = self._frame = None

    def read(self, frame_inds: Sequence[int]) -> list[np.ndarray]:
        """Decodes frames.

        Args:
            frame_inds: 0 <= index < len(self), in any order, repeats allowed.

        Returns:
            uint8 arrays H x W x 3, RGB, in the order of `frame_inds`. A repeated index gives the
            same array again, so frames are not to be written to.

        Raises:
            IndexError: an index outside the video.
            DamagedSampleError: the video ends early or changes its size.
        """
        frame_inds = list(map(int, frame_inds))
        wanted = sorted(set(frame_inds))
        if wanted and not 0 <= wanted[0] <= wanted[-1] < len(self):
            raise IndexError(
                f'{self.path} has {len(self)} frames; asked for {wanted[0]} to {wanted[-1]}'
            )
        frames = {}
        for index in wanted:
            if not self._grab(index):
                self._correct_length()
                return self.read([min(index, len(self) - 1) for index in frame_inds])
            frames[index] = self._image(self._video, self._frame, index)
        return [frames[index] for index in frame_inds]

    def __iter__(self):
        """Yields (time in seconds, a function that returns the image) of each frame, in order.

        An image is made when it is asked for. Raises what `read` raises.
        """
        number = 0
        while self._grab(number):
            yield self._time, functools.partial(self._image, self._video, self._frame, number)
            number += 1
        self._correct_length()

    def _grab(self, index):
        """Makes `index` the current frame. Returns False if the video ends before it."""
        if self._video is None or index < self._next - 1:
            self._rewind()
        if index - self._next > _FAR:
            self._seek(index)
        while self._next <= index:
            time, frame = next(self._frames, (None, None))
            if frame is None:
                return False
            if self._next == 0:
                self._first = self._video.stamp(frame)
            self._time = time
            self._frame = frame
            self._next += 1
        return True

    def _image(self, video, frame, index):
        image = video.image(frame)
        self._shape = self._shape or image.shape
        if image.shape != self._shape:
            sizes = [f'{shape[1]} x {shape[0]}' for shape in (image.shape, self._shape)]
            raise video.damaged(
                f'the size changes: frame {index} is {sizes[0]}, others are {sizes[1]}'
            )
        return image

    def _seek(self, index):
        """Jumps to `index` where that saves much and is proven to be right; else does nothing."""
        if self._next == 0 and not self._grab(0):  # tells at which time decoding begins
            return
        if self._packets is None:
            self._packets = self._list_packets()
        stamps, keys = self._packets
        before = max((key for key in keys if key <= index - _SEEK_MARGIN), default=0)
        if before - self._next < _FAR or stamps[0] != self._first:
            return
        if self._video.seek(keys[before]):
            self._frames = iter(self._video)
            following = None
            for time, frame in self._frames:
                stamp = self._video.stamp(frame)
                if stamp is None or stamp > stamps[index]:
                    break
                # what comes before a key frame refers to pictures that were not decoded
                if following is None and frame.key_frame:
                    following = iter(stamps[bisect.bisect_left(stamps, stamp) :])
                if following and stamp != next(following):  # not the order of display
                    break
                if following and stamp == stamps[index]:
                    self._time = time
                    self._frame = frame
                    self._next = index + 1
                    return
        self._packets = stamps, {}  # no more jumps in this file
        self._rewind()

    def _list_packets(self):
        """Lists the compressed frames without decoding them.

        Returns:
            (list of time stamps, ascending; dict of the key frames' indices in it -> what to seek
            to). There are no key frames if the list does not fit the length or the file's own
            index, by which FFmpeg seeks; if stamps are missing, or two frames have one.
        """
        with VideoFile(*self._arguments) as video:
            packets = video.index()
            fits = len(packets) == len(self) == (video.index_length() or len(packets))
        stamps = {stamp for stamp, _ in packets}
        if not fits or None in stamps or len(stamps) != len(packets):
            return [None], {}
        packets.sort()
        keys = {index: key for index, (_, key) in enumerate(packets) if key is not None}
        return [stamp for stamp, _ in packets], keys

    def _count(self):
        number = 0
        time = 0.0
        with VideoFile(*self._arguments) as video:
            for number, (time, _) in enumerate(video, 1):  # noqa: B007 (the last one is meant)
                pass
            return self._checked(video, number, time)

    def _correct_length(self):
        """Takes note of the true end, before frame `_next`."""
        _lengths[self._key] = self._checked(self._video, self._next, self._time)
        self.close()  # after the end there is no current frame

    def _checked(self, video, number, time):
        """Returns the number of frames of a video that came to its end. Raises DamagedSampleError
        where it is not all that there should be.
        """
        if number == 0:
            raise video.damaged(
                'no frame can be decoded' if video.stated else 'the video has no frames'
            )
        damage = video.damage(number, time)
        if damage:
            raise video.damaged(damage)
        if number != video.stated:
            logger.debug('%s: has %d frames, its header says %s', self.path, number, video.stated)
        return number

    def _rewind(self):
        self.close()
        self._video = VideoFile(*self._arguments)
        self._frames = iter(self._video)
        self._time = 0.0
        self._next = 0  # the number of the frame that the next _grab decodes
