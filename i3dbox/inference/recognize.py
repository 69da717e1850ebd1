"""What happens in a video: whole, in windows that slide over it, or frame by frame as they come.

recognizer = init_recognizer('i3d_kinetics400')
inference_recognizer(recognizer, 'a.mp4').top(5)
"""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..argument_checks import above_zero, at_least_one
from ..averages import ClipAverage, probabilities
from ..errors import ConfigError
from ..media.frame_iterator import FrameIterator, as_frame
from ..workers import ahead

if TYPE_CHECKING:
    from tqdm import tqdm

    from .clip_windows import Window
    from .recognizer import VideoRecognizer


class ClassScore(NamedTuple):
    """A class and how sure the network is of it."""

    label: int
    name: str
    probability: float


@dataclasses.dataclass
class Prediction:
    """What a network says of a clip or of a video.

    Attributes:
        name (str): of the video. classes (list of str).
        scores (array): float32, classes long: logits, of both streams their weighted sum.
        by_stream (dict): of such arrays.
        first, last (int): the frames [first, last) that it is of. start, end (float): the same in
            seconds.
        windows (list of Prediction): what a video's is the mean of; empty where it was scored in
            one piece.
        several (bool): whether several classes may be there.
    """

    name: str
    classes: list
    scores: np.ndarray
    by_stream: dict
    first: int
    last: int
    start: float
    end: float
    windows: list = dataclasses.field(default_factory=list, repr=False)
    several: bool = False

    @property
    def probabilities(self) -> np.ndarray:
        """The softmax of the scores, or their sigmoid where there may be several; float64."""
        return probabilities(self.scores, self.several)

    @property
    def found(self) -> list[ClassScore]:
        """The class that the network decides for; where several may be there those of 0.5 or more,
        surest first, which may be none.
        """
        if not self.several:
            return self.top(1)
        return [one for one in self.top(len(self.classes)) if one.probability >= 0.5]

    def top(self, number: int = 5) -> list[ClassScore]:
        """Returns the surest classes, surest first: list of ClassScore. Among equals the lower
        class is first.
        """
        at_least_one('top', number=number)
        probabilities = self.probabilities
        order = np.argsort(-self.scores, kind='stable')[:number]
        return [
            ClassScore(int(label), self.classes[label], float(probabilities[label]))
            for label in order
        ]

    def __str__(self):
        return ', '.join(f'{name} {probability:.2f}' for _, name, probability in self.top())


class Total:
    """The answer to a video from those to its windows, in constant memory: each stream's clips are
    averaged as its recognizer averages them (the mean of the logits, or of the softmax), and then
    summed."""

    def __init__(self, recognizer: VideoRecognizer, name: str = ''):
        self.recognizer = recognizer
        self.name = name
        self._averages = {}
        self._first = self._last = None
        self.count = 0  # windows so far

    def add(self, answer: Prediction) -> None:
        """Takes the answer to a window."""
        self._first = self._first or answer
        self._last = answer
        self.count += 1
        for name, scores in answer.by_stream.items():
            average = self._averages.setdefault(name, ClipAverage(self.recognizer.average[name]))
            average.add(scores)

    @property
    def answer(self) -> Prediction | None:
        """The Prediction so far, or None where there is none yet."""
        if not self.count:
            return None
        means = {name: average.mean for name, average in self._averages.items()}
        return _prediction(self.recognizer, self.name, means, self._first, self._last)


def _check_windows(window, stride):
    given = dict(window=window, stride=stride)
    at_least_one('clips', **{name: value for name, value in given.items() if value is not None})


class VideoStream:
    """Recognises what is pushed, frame by frame, as from a camera; memory does not grow.

        stream = VideoStream(recognizer, window=64, stride=32)
        for frame in frames:
            for answer in stream.push(frame):
                print(answer.start, answer.top(3))
        stream.finish()
        stream.answer.top(3)        # of all windows

    Args:
        recognizer: of init_recognizer.
        window, stride: frames of a window, and from one to the next; default: the clips
            that the network was made for, and half of that.
        rate: frames a second, where frames come without their time.
        name: of the video.
        **options: of ClipWindows: method, threads, tail, ...
    """

    def __init__(
        self,
        recognizer: VideoRecognizer,
        window: int | None = None,
        stride: int | None = None,
        rate: float = 25.0,
        name: str = 'frames',
        **options,
    ):
        check_recognizer(recognizer)
        _check_windows(window, stride)
        above_zero('VideoStream', rate=rate)
        self._recognizer = recognizer
        self._rate = rate
        self._shape = None
        self._name = name
        self._cutter = recognizer.cutter(window, stride, name=name, **options)
        self._total = Total(recognizer, name)

    def push(self, frame: np.ndarray, time: float | None = None) -> list[Prediction]:
        """Takes a frame (uint8 H x W x 3, RGB) and its time in seconds; returns a list of the
        Predictions to the windows that it completes."""
        number = self._cutter.count
        frame = as_frame(frame, number)
        self._shape = self._shape or frame.shape
        if frame.shape != self._shape:
            sizes = [f'{shape[1]} x {shape[0]}' for shape in (frame.shape, self._shape)]
            raise ConfigError(f'frame {number} is {sizes[0]}, those before are {sizes[1]}')
        time = number / self._rate if time is None else time
        return [self._score(window) for window in self._cutter.push(time, frame)]

    def finish(self) -> list[Prediction]:
        """Returns the Predictions to the windows that the end completes. Call it once, last."""
        return [self._score(window) for window in self._cutter.finish()]

    @property
    def answer(self) -> Prediction | None:
        """The Prediction to all windows so far; None where there is none yet."""
        return self._total.answer

    def _score(self, window):
        answer = answer_to(self._recognizer, window, self._name)
        self._total.add(answer)
        return answer


def check_recognizer(recognizer: VideoRecognizer) -> None:
    """Raises ConfigError for what is no recognizer, such as the name of a model."""
    if not hasattr(recognizer, 'cutter'):
        raise ConfigError(
            f'recognizer is what init_recognizer returns; got {type(recognizer).__name__}'
        )


def answer_to(
    recognizer: VideoRecognizer, window: Window, name: str, any_length: bool = False
) -> Prediction:
    """Scores a Window; returns its Prediction. any_length: see VideoRecognizer.score."""
    scores = recognizer.score(dict(rgb=window.rgb, flow=window.flow), any_length)
    return _prediction(recognizer, name, scores, window, window)


def _prediction(recognizer, name, scores, begin, end):
    """Returns the Prediction, by the scores of each stream, to what lasts from the beginning of one
    window to the end of another.
    """
    return Prediction(
        name,
        recognizer.classes,
        recognizer.join(scores),
        scores,
        begin.first,
        end.last,
        begin.start,
        end.end,
        several=recognizer.several,
    )


def recognize_windows(
    recognizer: VideoRecognizer,
    frames: FrameIterator,
    window: int | None = None,
    stride: int | None = None,
    overlap: bool = True,
    watch: Callable | None = None,
    **options,
) -> Iterator[tuple[Window, Prediction]]:
    """Yields (Window, Prediction) for the windows of a stream of frames, in constant memory.

    Args:
        frames: what to look at.
        window, stride, **options: as of VideoStream; 0 as window: the whole video is one.
        overlap: read and compute the flow of the next window while the network looks at this
            one.
        watch: gets each (time, frame) as it is read, before a window holds it; maybe in
            another thread.

    Raises: DamagedSampleError for a source without a frame, or with a single one where there is
        flow to be seen.
    """
    cutter = recognizer.cutter(window, stride, name=frames.path, **options)
    windows = cutter.over(_watched(frames, watch) if watch else frames)
    with (
        contextlib.closing(frames),
        contextlib.closing(ahead(windows) if overlap else windows) as windows,
    ):
        for window in windows:
            yield window, answer_to(recognizer, window, frames.name, cutter.window is None)


def _watched(frames, watch):
    for time, frame in frames:
        watch(time, frame)
        yield time, frame


def inference_recognizer(
    recognizer: VideoRecognizer,
    source: Any,
    window: int | None = None,
    stride: int | None = None,
    fps: float | None = None,
    rate: float = 25.0,
    progress: bool = False,
) -> Prediction | list[Prediction]:
    """Recognises what happens in a video, or in each of several.

    Without `window` the video is scored in one piece, as I3D's authors do and tools/test.py by
    default: in memory, up to 10000 frames. With `window` (or an exported network, whose window is
    built in) the answer is the mean over windows, in constant memory, and has theirs in `windows`.

    Args:
        recognizer: of init_recognizer.
        source: a file that FFmpeg reads; RGB frames, uint8 T x H x W x 3; an iterable of frames or
            a FrameIterator; or a list of files and arrays.
        window, stride: frames of a window, and from one to the next (default: half the
            window).
        fps: look at a frame each 1 / fps seconds; default: every frame.
        rate: frames a second of arrays.
        progress: show a bar, on a terminal.

    Returns: Prediction, or for a list of sources a list of them.
    Raises: an I3DBoxError for a source that cannot be read.
    """
    check_recognizer(recognizer)
    _check_windows(window, stride)
    above_zero('clips', rate=rate, **({} if fps is None else dict(fps=fps)))
    if isinstance(source, (list, tuple)) and all(
        isinstance(one, str) or hasattr(one, '__fspath__') or getattr(one, 'ndim', 3) == 4
        for one in source
    ):
        return [
            inference_recognizer(recognizer, one, window, stride, fps, rate, progress)
            for one in source
        ]
    if getattr(source, 'ndim', 4) != 4:
        raise ConfigError(
            f'frames are uint8 T x H x W x 3; got an array of {" x ".join(map(str, source.shape))}'
        )
    frames = source if isinstance(source, FrameIterator) else FrameIterator(source, fps, rate)
    from ..interrupts import interruptible

    whole = window is None and not recognizer.fixed
    total = Total(recognizer, frames.name)
    windows = []
    with interruptible(), bar(frames, progress) as shown:
        answers = recognize_windows(
            recognizer, frames, 0 if whole else window, stride, watch=lambda *_: shown.update()
        )
        for _, answer in answers:
            total.add(answer)
            windows.append(answer)
    if frames.damage:
        warnings.warn(f'{frames.path}: {frames.damage}', stacklevel=2)
    return windows[0] if whole else dataclasses.replace(total.answer, windows=windows)


def bar(frames: FrameIterator, progress: bool = True) -> tqdm:
    """Returns the progress bar over a FrameIterator, hidden where there is no terminal."""
    from tqdm import tqdm

    return tqdm(
        desc=frames.name,
        total=frames.total,
        unit='frame',
        dynamic_ncols=True,
        disable=None if progress else True,
    )
