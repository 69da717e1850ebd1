"""A stream of frames cut into clips that slide over it, in the memory of one clip."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..argument_checks import at_least_one, in_range, one_of
from ..errors import ConfigError, DamagedSampleError

if TYPE_CHECKING:
    from .clip_steps import ClipSteps

MAX_WHOLE = 10000  # frames of a clip: 2.5 GB of pixels at 224 x 224


class Window(NamedTuple):
    """A clip: its frames [first, last) of the stream, when they begin and end in seconds, and the
    pixels, uint8 N x T x H x W x 3 and N x T x H x W x 2 (8-bit flow), N being 1 unless the steps
    take several crops; or None for a stream that was not asked for. `places` are, by stream, the
    images of the video that the T are: of the flow image k is that from frame k to the next.
    """

    first: int
    last: int
    start: float
    end: float
    rgb: np.ndarray | None
    flow: np.ndarray | None
    places: dict[str, np.ndarray]


@dataclasses.dataclass(eq=False)
class ClipWindows:
    """Turns frames that are pushed into windows, as the networks take them.

        steps = clip_steps(dict(imgs=authors_pipeline()), 'joint')
        windows = ClipWindows(steps, window=64, stride=32)
        for window in windows.over(FrameIterator('a.mp4')): ...

    Each stream's clips are made by its steps, see ClipSteps. Image k of the flow is that from frame
    k to the next, so a window has the flow of one frame more than it has; the last one of a video
    makes do with its own, from one image earlier.

    Args:
        steps (dict of ClipSteps): by stream, 'rgb', 'flow' or both.
        window: frames of a clip, `frame_interval` of the steps apart; None: the whole video
            is one clip, of at least `clip_len` of the steps.
        stride: frames from one clip's first frame to the next one's; default: all that a
            clip spans.
        tail: what becomes of frames after the last whole window: 'move' adds a window that
            ends with the video; 'drop' leaves them out. A video shorter than a window is looped
            (the paper; or as the steps say), with either.
        threads: that compute flow.
        name: of the video, for errors.

    Raises:
        ConfigError: arguments that are none of the above; (when called) a whole video of more than
            MAX_WHOLE frames.
        DamagedSampleError: (when called) a video of one frame has no flow.
    """

    steps: dict[str, ClipSteps]
    window: int | None = 64
    stride: int | None = None
    tail: str = 'move'
    threads: int = 2
    name: str = 'frames'

    def __post_init__(self):
        first = next(iter(self.steps.values()))
        self.interval = first.frame_interval
        if any(one.frame_interval != self.interval for one in self.steps.values()):
            raise ConfigError('the test pipelines of both streams differ in their frame_interval')
        one_of('ClipWindows', ('move', 'drop'), tail=self.tail)
        at_least_one(
            'ClipWindows',
            window=first.clip_len if self.window is None else self.window,
            stride=1 if self.stride is None else self.stride,
        )
        in_range('ClipWindows', 1, MAX_WHOLE, window=self.window or 1)
        self.span = math.inf if self.window is None else (self.window - 1) * self.interval + 1
        self.stride = self.stride or (self.window or 1) * self.interval
        self._pool = (
            concurrent.futures.ThreadPoolExecutor(self.threads) if 'flow' in self.steps else None
        )
        self.count = 0  # frames pushed
        self._begin = 0  # of the next window
        self._end = 0  # of the last window
        self._kept = 0  # the first frame that is still held
        self._held = {stream: collections.deque() for stream in self.steps}
        self._times = collections.deque()
        self._last = None  # the frame before, as flow takes it

    def over(self, frames: Iterable[tuple[float, np.ndarray]]) -> Iterator[Window]:
        """Yields the windows of all (time, frame) pairs, and ends the threads."""
        try:
            for time, frame in frames:
                yield from self.push(time, frame)
            yield from self.finish()
        finally:
            self.close()

    def push(self, time: float, frame: np.ndarray) -> list[Window]:
        """Takes one frame (uint8 H x W x 3, RGB) and its time; returns the windows that it
        completes.
        """
        if self.window is None and self.count == MAX_WHOLE:
            raise ConfigError(
                f'{self.name} has more than {MAX_WHOLE} frames, too many to be taken in one piece: '
                f'window={next(iter(self.steps.values())).clip_len} takes constant memory'
            )
        for stream, steps in self.steps.items():
            self._hold(stream, steps, steps.frame(frame))
        self._times.append(time)
        self.count += 1
        windows = []
        while self._begin + self.span + ('flow' in self.steps) <= self.count:
            windows.append(self._make(self._begin))
            self._begin += self.stride
        self._forget()
        return windows

    def finish(self) -> list[Window]:
        """Returns the windows that the end of the video completes. Call it once, last."""
        windows = []
        if self.count == 1 and 'flow' in self.steps:
            reason = 'a single frame has no flow; a network for RGB can look at it'
            raise DamagedSampleError(self.name, self.name, reason)
        seen = self.count - ('rgb' not in self.steps)  # the last frame adds no flow
        if self.count and (not self._end or self.tail == 'move' and self._end < seen):
            windows.append(self._make(max(self.count - self.span, 0)))
        self.close()
        return windows

    def close(self) -> None:
        """Ends the threads; what was not computed is left."""
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def _hold(self, stream, steps, image):
        if not steps.flow_at_once:
            self._held[stream].append(np.ascontiguousarray(image))
            return
        grey = steps.grey(image)
        if self._last is not None:
            self._held[stream].append(self._pool.submit(steps.flow, self._last, grey))
        self._last = grey

    def _forget(self):
        """Drops what neither the next window needs nor one that would end with this frame."""
        while self._kept < min(self._begin, self.count - self.span - 1):
            for frames in (*self._held.values(), self._times):
                if frames:
                    frames.popleft()
            self._kept += 1

    def _make(self, first):
        last = min(first + self.span, self.count)
        places = {stream: self._places(stream, first) for stream in self.steps}
        clips = {
            stream: self.steps[stream].clip(self._images(stream, indices), indices, self.name)
            for stream, indices in places.items()
        }
        start = self._times[first - self._kept]
        end = self._times[last - 1 - self._kept]
        self._end = last
        end += (end - start) / max(last - 1 - first, 1)
        return Window(first, last, start, end, clips.get('rgb'), clips.get('flow'), places)

    def _places(self, stream, first):
        """Returns which T images are taken from the first on; where they are too few, from the
        start again, or the last.
        """
        steps = self.steps[stream]
        total = self.count - (stream == 'flow')
        frames = self.window or max(steps.clip_len, -(-total // self.interval))
        first = min(first, max(total - ((frames - 1) * self.interval + 1), 0))
        indices = first + np.arange(frames) * self.interval
        if steps.out_of_bound == 'loop':
            return indices % total
        return np.minimum(indices, total - 1)

    def _images(self, stream, indices):
        held = self._held[stream]
        if stream == 'flow' and not self.steps[stream].flow_at_once:
            return [held[index - self._kept + more] for index in indices for more in (0, 1)]
        images = [held[index - self._kept] for index in indices]
        return [
            image.result() if isinstance(image, concurrent.futures.Future) else image
            for image in images
        ]
