"""Features of videos of any length, in the memory of one window."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..averages import mean_over_steps
from ..errors import ConfigError, DamagedSampleError
from ..media.frame_iterator import FrameIterator
from ..workers import count_frame
from .clip_windows import ClipWindows
from .long_clips import cut_whole, least_frames

if TYPE_CHECKING:
    from .clip_steps import ClipSteps
    from .engines.stream_network import EndpointNetwork

LEAST = 8  # frames of a clip that I3D takes


@dataclasses.dataclass(eq=False)
class VideoFeatures:
    """The features of a video, window by window, or of the video as one clip.

    With a window, a row is a clip of its own, with zero padding at both its ends: for 'avg' and
    'Logits' the mean over pairs of neighbouring time steps, which is the authors' average pool of 2
    x 7 x 7 and their mean over time; for 'none' the map. Overlapping windows share decoding,
    resizing and flow, not the network: what it makes of a frame depends on where the padding is.

    With window 0 the whole video is one clip, and a row is what one forward over all of it says at
    one place: for 'avg' and 'Logits' a pair of neighbouring time steps (the authors' average pool
    with no mean after it), one row less than steps; for 'none' one step of the map. A video longer
    than `max_frames` is cut into windows that overlap by all that a step can depend on, so the rows
    are those of the one forward. It is decoded once more to be counted, since padding depends on
    its length, and once a stream.

    Flow has one image less than there are frames; where both streams are taken, RGB leaves out the
    last frame for a whole video.

    Args:
        networks: an EndpointNetwork for 'rgb', 'flow' or both, alike but for their input. With
            window 0 built with any_length.
        steps: how the clips of each are made.
        window, stride: frames; 0 as window: the whole video.
        max_frames: of a window of a whole video.
        fps: see FrameIterator.
        tail, threads: of ClipWindows.

    Attributes: frames (int): how many the last video had.
    Raises: ConfigError: arguments that are none of the above; max_frames too short for a step with
        its context.
    """

    networks: dict
    steps: dict[str, ClipSteps]
    window: int = 64
    stride: int | None = None
    max_frames: int = 192
    fps: float | None = None
    tail: str = 'move'
    threads: int = 2

    def __post_init__(self):
        self.frames = 0
        first = next(iter(self.networks.values()))
        self.pool = first.pool
        if self.window == 0:
            if next(iter(self.steps.values())).frame_interval > 1:
                raise ConfigError('a window of 0 takes every frame; the pipeline leaves some out')
            self._geometry = first.temporal_geometry
            least = max(least_frames(*self._geometry), LEAST)
            if self.max_frames < least:
                raise ConfigError(
                    f'max_frames must be at least {least} for this endpoint; got {self.max_frames}'
                )
        # what is wrong is told here
        self._windows(self.networks, self.window or LEAST, self.stride, self.tail).close()

    def rows(self, source: Any) -> Iterator[tuple[float, float, np.ndarray]]:
        """Yields (start, end, row): seconds, and float32 K, or K x t x h x w for 'none'. The
        streams' rows are side by side, RGB first.

        Args: source: of FrameIterator, that can be read several times for window 0.
        Raises: DamagedSampleError for a video that cannot be read to its end, or has a single
            frame where flow is asked for.
        """
        return self._whole(source) if self.window == 0 else self._sliding(source)

    def _windows(self, streams, window, stride, tail):
        steps = {name: self.steps[name] for name in streams}
        return ClipWindows(steps, window, stride, tail, self.threads)

    def _read(self, source):
        stream = FrameIterator(source, self.fps)
        for item in stream:
            yield item
            count_frame()
        self.frames = stream.read
        if stream.damage:
            raise DamagedSampleError(stream.name, stream.path, stream.damage)
        if stream.read == 1 and 'flow' in self.networks:
            raise DamagedSampleError(stream.name, stream.path, 'a single frame has no flow')

    def _sliding(self, source):
        windows = self._windows(self.networks, self.window, self.stride, self.tail)
        for window in windows.over(self._read(source)):
            maps = np.concatenate(
                [mean_of_crops(net, getattr(window, name)) for name, net in self.networks.items()]
            )
            row = maps if self.pool == 'none' else mean_over_steps(maps)
            yield window.start, window.end, row.astype(np.float32)

    def _whole(self, source):
        edges = [time for time, _ in self._read(source)]
        length = len(edges) - ('flow' in self.networks)
        edges.append(edges[-1] + (edges[-1] - edges[0]) / max(len(edges) - 1, 1))
        stride = self._geometry[0]
        before = None
        for number, steps in enumerate(
            zip(*[self._steps(name, source, length) for name in self.networks])
        ):
            value = np.concatenate(steps)
            start = edges[min(number * stride, length - 1)]
            end = edges[min((number + 1) * stride, length)]
            if self.pool == 'none':
                yield start, end, value
            elif before:
                yield before[0], end, (before[1] + value)[:, 0] / 2
            before = start, value
        if self.pool == 'avg' and number == 0:  # one step has no neighbour
            yield edges[0], edges[length], value[:, 0]

    def _steps(self, name, source, length):
        """Yields the time steps of one forward over the whole video, float32 K x 1 (x h x w)."""
        frames, hop, cuts = cut_whole(max(length, LEAST), self.max_frames, *self._geometry)
        windows = self._windows((name,), frames, hop, 'move')
        # RGB is one frame more than flow
        stream = itertools.islice(FrameIterator(source, self.fps), length + (name == 'flow'))
        for (_, first, last), window in zip(cuts, windows.over(stream)):
            steps = mean_of_crops(self.networks[name], getattr(window, name))
            for step in range(steps.shape[1])[first:last]:
                yield steps[:, step : step + 1]


def mean_of_crops(network: EndpointNetwork, clip: np.ndarray) -> np.ndarray:
    """Returns what a network makes of a clip, uint8 N x T x H x W x C -> float32 K x t (x h x w):
    the mean of its N crops, which are taken one by one, as graphs of any length take one.
    """
    maps = [network(crop[None])[0] for crop in clip]
    return maps[0] if len(maps) == 1 else np.mean(maps, 0)
