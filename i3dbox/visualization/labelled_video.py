"""A video with what was recognised in it: the frame (beside it the flow), classes and bars, and a
timeline.
"""

from __future__ import annotations

import collections
import contextlib
import fractions
import functools
from collections.abc import Sequence
from typing import Any

import av
import cv2
import numpy as np

from ..errors import DataError
from ..flow.encoding import decode, flow_to_color
from ..media.frame_iterator import JUMP
from .contact_sheet import full_scale
from .text import measure, shorten, write

_BACKGROUND = (24, 24, 24)
_INK = (240, 240, 240)
_DIM = (165, 165, 165)
_TRACK = (52, 52, 52)
# height and width of the picture that a frame is brought to lie between
_LEAST = (360, 480)
_MOST = (404, 720)
_CELLS = 1024  # of a timeline
_GOLDEN = 0.618034  # of a circle: neighbours lie far apart, and none comes again
_HUES = 13  # that the eye can tell, before they come darker
_TICKS = 10000  # a second: the resolution of time stamps


class LabelledVideo:
    """Writes an .mp4 while a video is being recognised; memory does not grow with the video.

    A frame is held until the window whose middle is nearest to it is scored. Frames are brought to
    a moderate size first: small ones are enlarged, so that the text has room.

    Args:
        path: ends in .mp4.
        fps: frames a second of the source, 0 where unknown. Each frame is shown at its own time.
        stride: frames from one window to the next.
        top: how many classes are shown.
        seconds: how long the video is, where that is known: the timeline's length.
        bound: of the flow's 8-bit encoding.

    Raises: DataError where the file cannot be written.
    """

    def __init__(
        self,
        path: str,
        fps: float = 0.0,
        stride: int = 32,
        top: int = 5,
        seconds: float | None = None,
        bound: float = 20,
    ):
        self._path = path
        self._stride = stride
        self._top = top
        self._bound = bound
        self._fps = fps if 1 <= fps <= 120 else 25.0
        self._timeline = Timeline(seconds)
        self._palette = Palette()
        self._held = collections.deque()
        self._next = 0
        self._writer = self._last = None

    def watch(self, time: float, frame: np.ndarray) -> None:
        """Takes a frame of the source (RGB). Another thread may call it."""
        size = picture_size(*frame.shape[:2])
        if size != frame.shape[1::-1]:
            frame = cv2.resize(
                frame,
                size,
                interpolation=cv2.INTER_AREA if size[0] < frame.shape[1] else cv2.INTER_CUBIC,
            )
        self._held.append((time, frame))

    def add(self, window: Any, answer: Any) -> None:
        """Writes the frames that are nearest to this window (a Window and the Prediction to it)."""
        self._last = window, answer
        self._write((window.first + window.last + self._stride) / 2)

    def close(self, complete: bool = True) -> None:
        """Writes the frames after the last window's middle: all, or where the rest is not
        complete, the window's.
        """
        if self._last:
            self._write(float('inf') if complete else self._last[0].last)
        if self._writer:
            self._writer.close()

    def discard(self) -> None:
        """Lets go of a file that is not to become whole; of a closed one there is nothing to do."""
        if self._writer:
            self._writer.discard()

    def _write(self, end):
        window, answer = self._last
        top = answer.top(self._top)
        rows = [
            (one, self._palette.color_of(one.label)) for one in top if round(100 * one.probability)
        ]
        full = None
        if window.flow is not None:
            full = full_scale(decode(window.flow[0, ::8], self._bound))
        while self._held and self._next < end:
            time, frame = self._held.popleft()
            image = None
            if full:
                index = min(max(self._next - window.first, 0), window.flow.shape[1] - 1)
                image = flow_to_color(decode(window.flow[0, index], self._bound), full)
            self._timeline.add(time, self._palette.color_of(top[0].label))
            picture = draw(frame, rows, self._timeline, time, image, full, len(top))
            self._writer = self._writer or VideoWriter(self._path, *picture.shape[:2], self._fps)
            self._writer.write(time, picture)
            self._next += 1


class VideoWriter:
    """Writes an .mp4 of pictures at any times: H.264, which browsers and notebooks play.

    Args:
        path: the file.
        height, width: even.
        fps: about how many pictures come a second.

    Raises: DataError where the file cannot be written, here or later.
    """

    def __init__(self, path: str, height: int, width: int, fps: float = 25.0):
        self._path = path
        self._frame_time = 1 / fps
        self._begin = self._last = None
        self._stamp = -1
        with self._errors(), contextlib.ExitStack() as stack:
            self._file = stack.enter_context(open(path, 'wb'))
            self._container = stack.enter_context(av.open(self._file, 'w', format='mp4'))
            # some builds of FFmpeg have no x264, and all have their own MPEG-4
            codec = 'libx264' if 'libx264' in av.codecs_available else 'mpeg4'
            self._stream = self._container.add_stream(
                codec, rate=round(fps), options=dict(preset='superfast')
            )
            self._stream.height = height
            self._stream.width = width
            self._stream.pix_fmt = 'yuv420p'
            self._stream.codec_context.time_base = fractions.Fraction(1, _TICKS)
            if codec == 'mpeg4':
                self._stream.bit_rate = 2000000
            self._open = stack.pop_all()

    def write(self, time: float, image: np.ndarray) -> None:
        """Adds a picture (uint8 H x W x 3, RGB) that is shown at a time in seconds, later than the
        last one's.
        """
        if self._begin is None:
            self._begin = time
        elif time - self._last > JUMP:
            self._begin += time - self._last - self._frame_time
        frame = av.VideoFrame.from_ndarray(image, format='rgb24')
        frame.pts = max(round((time - self._begin) * _TICKS), self._stamp + 1)
        frame.time_base = self._stream.codec_context.time_base
        self._last = time
        self._stamp = frame.pts
        with self._errors():
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Writes what is left. The file is whole only then."""
        if not self._file.closed:
            with self._errors(), self._open:
                self._container.mux(self._stream.encode(None))

    def discard(self) -> None:
        """Closes the file as it is, where it is not closed. Left to the garbage collector, PyAV
        would write the file's end to what may be gone by then, and take the process with it.
        """
        with contextlib.suppress(DataError), self._errors():
            self._open.close()

    @contextlib.contextmanager
    def _errors(self):
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise DataError(
                f'{self._path}: cannot be written: {getattr(error, "strerror", None) or error}'
            ) from error


class Timeline:
    """The surest class over time, as coloured cells; it covers `seconds`, and twice as much
    whenever that is over.
    """

    def __init__(self, seconds: float | None = None):
        self.seconds = max(seconds or 64.0, 0.04)
        self._colors = np.tile(np.uint8(_TRACK), (_CELLS, 1))
        self._filled = 0

    def add(self, time: float, color: tuple[int, int, int]) -> None:
        """Colours the time from the last call until this one."""
        while time > self.seconds * 1.02:  # a little over is the header's error
            self._colors[: _CELLS // 2] = self._colors[::2]
            self._colors[_CELLS // 2 :] = _TRACK
            self.seconds *= 2
            self._filled //= 2
        cell = min(int(time / self.seconds * _CELLS) + 1, _CELLS)
        self._colors[self._filled : cell] = color
        self._filled = max(cell, self._filled)

    def draw(self, image: np.ndarray) -> None:
        """Fills an RGB image with the cells."""
        width = image.shape[1]
        image[:] = self._colors[np.arange(width) * _CELLS // width]


def picture_size(height: int, width: int) -> tuple[int, int]:
    """Returns (width, height) that a frame is brought to: moderate, of the same shape, even."""
    factor = min(max(_LEAST[0] / height, _LEAST[1] / width, 1.0), 64)
    factor = min(factor, _MOST[0] / height, _MOST[1] / width)
    return tuple(max(2 * round(side * factor / 2), 16) for side in (width, height))


class Palette:
    """Gives each class a colour in the order in which they appear, so that those of a video differ
    most, and no two are alike.
    """

    def __init__(self):
        self._colors = {}

    def color_of(self, label: int) -> tuple[int, int, int]:
        """Returns the colour of a class, RGB."""
        if label not in self._colors:
            rank = len(self._colors)
            hue = int((rank * _GOLDEN + 0.03) % 1 * 180)
            light = 225 - 40 * (rank // _HUES % 3)
            pale = 150 - 50 * (rank // (3 * _HUES) % 2)
            color = cv2.cvtColor(np.uint8([[[hue, pale, light]]]), cv2.COLOR_HSV2RGB)[0, 0]
            self._colors[label] = tuple(int(value) for value in color)
        return self._colors[label]


def draw(
    frame: np.ndarray,
    rows: Sequence,
    timeline: Timeline,
    time: float,
    flow: np.ndarray | None = None,
    full: float | None = None,
    most: int | None = None,
) -> np.ndarray:
    """Draws one picture of the video.

    Args:
        frame: uint8 H x W x 3, RGB.
        rows: the classes (ClassScore) with their colours, surest first.
        timeline: up to now.
        time: seconds, of the frame.
        flow: the flow as colours, of any size.
        full: the flow in pixels per frame that has full colour.
        most: how many rows there is room for; default: as many as there are.

    Returns: uint8 array, height and width even, RGB.
    """
    height = frame.shape[0]
    pictures = [frame]
    if flow is not None:
        side = max(2 * round(height * flow.shape[1] / flow.shape[0] / 2), 16)
        pictures += [
            np.full((height, 4, 3), _BACKGROUND[0], np.uint8),
            cv2.resize(flow, (side, height)),
        ]
    picture = np.concatenate(pictures, axis=1)
    width = max(picture.shape[1], _LEAST[1])
    line = max(width // 24, 18)
    margin = line // 2
    panel = _classes(width, line, margin, tuple(rows), most or len(rows)).copy()
    y = panel.shape[0] - 2 * line
    below = y + line * 2 // 3
    strip = panel[y:below, margin : width - margin]
    timeline.draw(strip)
    length = strip.shape[1]
    x = margin + min(int(time / timeline.seconds * length), length - 1)
    cv2.rectangle(panel, (x - 1, y - 3), (x + 1, below + 2), _INK, -1)
    y = below + line * 5 // 6
    size = line * 0.62
    right = clock(timeline.seconds)
    write(panel, clock(time), margin, y, size, _INK)
    write(panel, right, width - margin - measure(right, size), y, size, _DIM)
    if full:
        note = f'flow: full colour is {full:.0f} px/frame'
        write(panel, note, (width - measure(note, size)) // 2, y, size, _DIM)
    if picture.shape[1] < width:
        room = width - picture.shape[1]
        sides = ((0, 0), (room // 2, room - room // 2), (0, 0))
        picture = np.pad(picture, sides, constant_values=_BACKGROUND[0])
    return np.concatenate([picture, panel])


@functools.lru_cache(2)  # frames have the same classes until the next window
def _classes(width, line, margin, rows, most):
    """Returns the part below the picture, with the classes and room for the timeline."""
    panel = np.full((2 * (line * (4 * most + 13) // 8), width, 3), _BACKGROUND[0], np.uint8)
    y = margin
    for index, row in enumerate(rows):
        _draw_class(panel, y, line, margin, *row, first=index == 0)
        y += line + (margin // 2 if index == 0 else 0)
    return panel


def _draw_class(panel, y, line, margin, prediction, color, first):
    width = panel.shape[1]
    size = line * (0.85 if first else 0.7)
    small = line * 0.7
    base = y + line * 3 // 4
    cv2.rectangle(panel, (margin, y + line // 5), (margin + line * 2 // 5, base), color, -1)
    left = margin + line * 3 // 4
    share = f'{100 * prediction.probability:.0f} %'
    bar = width // 2
    end = width - margin - measure('100 %', small) - margin
    ink = _INK if first else _DIM
    name = shorten(prediction.name, size, bar - left - margin)
    write(panel, name, left, base, size, ink)
    top = y + line // 4
    cv2.rectangle(panel, (bar, top), (end, base), _TRACK, -1)
    filled = bar + int(round((end - bar) * prediction.probability))
    if filled > bar:
        cv2.rectangle(panel, (bar, top), (filled, base), color, -1)
    write(panel, share, width - margin - measure(share, small), base, small, ink)


def clock(seconds: float) -> str:
    """Formats seconds: 0:02.6, or 1:02:03 from an hour on."""
    if seconds >= 3600:
        return f'{int(seconds // 3600)}:{int(seconds // 60 % 60):02d}:{int(seconds % 60):02d}'
    tenths = int(round(seconds * 10))
    return f'{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}'
