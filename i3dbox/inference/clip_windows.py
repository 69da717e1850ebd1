"""A stream of frames cut into clips that slide over it, in the memory of one clip."""

import collections
import concurrent.futures
from typing import NamedTuple, Optional

import cv2
import numpy as np

from ..argument_checks import above_zero, at_least_one, one_of
from ..datasets.pipelines.spatial import CenterCrop, Resize
from ..errors import ConfigError
from ..flow.encoding import encode
from ..registry import FLOW_METHODS, as_cfg
from ..streams import STREAMS, check_stream


class Window(NamedTuple):
    """A clip: its frames [first, last) of the stream, when they begin and end in seconds, and the pixels, uint8
    T x H x W x 3 and T x H x W x 2 (8-bit flow), or None for a stream that was not asked for."""

    first: int
    last: int
    start: float
    end: float
    rgb: Optional[np.ndarray]
    flow: Optional[np.ndarray]


class ClipWindows:
    """Turns frames that are pushed into windows, as the networks take them.

        windows = ClipWindows('joint', window=64, stride=32)
        for time, frame in FrameStream('a.mp4'):
            for window in windows.push(time, frame): ...
        for window in windows.finish(): ...

    Frames are resized to a short side and cut to a square in the middle. Flow is computed between the resized frames,
    before the cut, by several threads; image k is the flow from frame k to the next, so a window of T has the flow of
    T + 1 frames; the last one of a video makes do with its own T, from one image earlier.

    Args:
        stream (str): 'rgb', 'flow' or 'joint'.
        window (int), stride (int): frames of a clip, and from one clip's first frame to the next one's.
        short_side (int), size (int): of the resize and the cut, in pixels. short_side=None leaves frames as they
            are, and enlarges only those that are smaller than the cut.
        tail (str): what becomes of frames behind the last whole window: 'move' adds a window that ends with the
            video; 'drop' leaves them out. A video shorter than a window is looped (the paper), with either.
        method (str or dict): of FLOW_METHODS. bound (float): of flow.encoding.encode.
        threads (int): that compute flow.

    Raises:
        ConfigError: arguments that are none of the above; (when called) a video of one frame has no flow.
    """

    def __init__(self, stream='rgb', window=64, stride=None, short_side=256, size=224, tail='move', method='tvl1',
                 bound=20, threads=2):
        stride = window if stride is None else stride
        at_least_one('ClipWindows', window=window, stride=stride, short_side=1 if short_side is None else short_side,
                     size=size)
        check_stream(stream)
        above_zero('ClipWindows', bound=bound)
        one_of('ClipWindows', ('move', 'drop'), tail=tail)
        if short_side is not None and size > short_side:
            raise ConfigError(f'size ({size}) is at most short_side ({short_side})')
        self.streams, self.window, self.stride, self.tail = STREAMS[stream], window, stride, tail
        self._resize, self._crop, self._size = short_side and Resize(short_side=short_side), CenterCrop(size=size), size
        self._compute, self._pool, self._bound = None, None, bound
        if 'flow' in self.streams:
            self._compute = FLOW_METHODS.build(as_cfg(method))
            self._pool = concurrent.futures.ThreadPoolExecutor(threads)
        self.count = 0  # frames pushed
        self._begin = 0  # of the next window
        self._end = 0  # of the last window
        self._kept = 0  # the first frame that is still held
        self._rgb, self._flow, self._times = collections.deque(), collections.deque(), collections.deque()
        self._grey = None

    def push(self, time, frame):
        """Takes one frame (uint8 H x W x 3, RGB) and its time; returns the windows that it completes."""
        if self._resize is None and min(frame.shape[:2]) < self._size:
            self._resize = Resize(short_side=self._size)
        imgs = self._resize(dict(imgs=[frame]))['imgs'] if self._resize else [frame]
        if 'flow' in self.streams:
            grey = cv2.cvtColor(imgs[0], cv2.COLOR_RGB2GRAY)
            if self._grey is not None:
                self._flow.append(self._pool.submit(self._flow_image, self._grey, grey))
            self._grey = grey
        if 'rgb' in self.streams:
            self._rgb.append(np.ascontiguousarray(self._cut(imgs)[0]))
        self._times.append(time)
        self.count += 1
        windows = []
        while self._begin + self.window + ('flow' in self.streams) <= self.count:
            windows.append(self._make(self._begin))
            self._begin += self.stride
        # held is what the next window needs, and one that would end with this frame
        while self._kept < min(self._begin, self.count - self.window - 1):
            for frames in (self._rgb, self._flow, self._times):
                if frames:
                    frames.popleft()
            self._kept += 1
        return windows

    def finish(self):
        """Returns the windows that the end of the video completes. Call it once, last."""
        windows = []
        if self.count and 'flow' in self.streams and self.count < 2:
            raise ConfigError('a single frame has no flow')
        seen = self.count - (self.streams == ('flow',))  # the last frame adds no flow
        if self.count and (not self._end or self.tail == 'move' and self._end < seen):
            windows.append(self._make(max(self.count - self.window, 0)))
        self.close()
        return windows

    def close(self):
        """Ends the threads; what was not computed is left."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def _make(self, first):
        last = min(first + self.window, self.count)
        rgb = flow = None
        if 'rgb' in self.streams:
            rgb = self._clip(self._rgb, first, self.count)
        if 'flow' in self.streams:
            flow = self._clip(self._flow, min(first, max(self.count - 1 - self.window, 0)), self.count - 1)
        start, end = self._times[first - self._kept], self._times[last - 1 - self._kept]
        self._end = last
        return Window(first, last, start, end + (end - start) / max(last - 1 - first, 1), rgb, flow)

    def _clip(self, images, first, count):
        """T images from the first on, from the start again where there are too few."""
        images = [images[place % count - self._kept] for place in range(first, first + self.window)]
        return np.stack([image.result() if isinstance(image, concurrent.futures.Future) else image
                         for image in images])

    def _flow_image(self, first, second):
        return np.ascontiguousarray(self._cut([encode(self._compute(first, second), self._bound)])[0])

    def _cut(self, imgs):
        return self._crop(dict(imgs=imgs, num_clips=1))['imgs']
