"""A file that somebody has sent becomes an answer: plain values, and files to download."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import DamagedSampleError, I3DBoxError
from ..inference.answer_files import AnswerFiles
from ..inference.recognize import Total, recognize_windows
from ..media.frame_iterator import JUMP, FrameIterator
from .texts import say
from .timeline import stretches

if TYPE_CHECKING:
    from ..inference.recognize import Prediction
    from ..inference.recognizer import VideoRecognizer

_MOST_RATE = 240  # frames a second that a phone takes; the length in frames is bounded by it
HEAT_FRAMES = 1000  # whose maps, in memory, take about 0.7 GB a stream


@dataclasses.dataclass(frozen=True)
class Limits:
    """What is taken: megabytes of a file, seconds of a video, and jobs that wait."""

    megabytes: float = 100
    seconds: float = 120
    waiting: int = 8


class UploadError(I3DBoxError):
    """A file that is not taken, or cannot be recognised; `tell` says why in a language.

    Args:
        key, **values: of texts.say.
    """

    def __init__(self, key: str, **values: Any):
        super().__init__(say('en', key, **values))
        self.key = key
        self.values = values

    def tell(self, language: str) -> str:
        """Returns the reason in a language of TEXTS."""
        return say(language, self.key, **self.values)


@dataclasses.dataclass(frozen=True)
class _Source:
    path: str
    name: str


def recognize_upload(
    recognizer: VideoRecognizer,
    path: str,
    folder: str,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
    video: bool = True,
    look: bool = False,
    top: int = 5,
    name: str = 'video',
    tell: Callable[[float, str], None] = lambda share, step: None,
) -> dict:
    """Recognises what happens in a file of a stranger's.

    Only the project's reader opens it. The answer is the mean over windows of the network's length,
    as demo's, in constant memory.

    Args:
        recognizer: of init_recognizer.
        path: the file.
        folder: where what is made of it goes.
        limits: beyond which it is refused.
        video: write the labelled video. look: and where the network looks.
        top: classes.
        name: what the file is called in the answer.
        tell: gets the share that is done, from 0 to 1, and the step (a key of TEXTS), also from
            another thread. What it raises ends the work.

    Returns: dict of
        answer (dict): as demo's .json.
        classes (dict): probability by name, surest first.
        stretches (list of dict): see timeline.stretches.
        files (dict): paths by 'json', 'csv', and where asked for 'video' and 'heat'.
        notes (list of (key, values)): of texts.say: damage, or why there is no heat.
    Raises: UploadError for a file that is too large, too long, or no video.
    """
    tell(0.0, 'opening')
    check_size(path, limits)
    source = _Source(path, name)
    files = {kind: os.path.join(folder, f'answer.{kind}') for kind in ('json', 'csv')}
    if video:
        files['video'] = os.path.join(folder, 'labelled.mp4')
    with _told(source):
        frames = FrameIterator(path)
        whole, windows = _recognize(recognizer, frames, files, limits, top, name, tell, look)
    with open(files['json'], encoding='utf-8') as file:
        answer = json.load(file)
    found = dict(
        answer=answer,
        classes={one.name: one.probability for one in whole.top(top)},
        stretches=stretches(windows, whole.end),
        files=files,
        notes=[],
    )
    if frames.damage:
        found['notes'].append(('damage', dict(reason=frames.damage)))
    if look:
        tell(0.5, 'looking')
        found['notes'] += _look(recognizer, source, whole, files, folder)
    tell(1.0, 'looking' if look else 'reading')
    return found


def check_size(path: str, limits: Limits) -> None:
    """Raises UploadError for a file that is larger than the limit, or no longer there."""
    try:
        megabytes = os.path.getsize(path) / 1e6
    except OSError:
        raise UploadError('gone') from None
    if megabytes > limits.megabytes:
        raise UploadError('too_large', found=f'{megabytes:.1f}', most=f'{limits.megabytes:g}')


@contextlib.contextmanager
def _told(source):
    """Makes errors those of the file, by the name that its owner knows."""
    try:
        yield
    except UploadError:
        raise
    except DamagedSampleError as error:
        raise UploadError('unreadable', reason=error.reason) from error
    except I3DBoxError as error:
        reason = str(error).replace(source.path, source.name)
        raise UploadError('unreadable', reason=reason) from error


class _Watch:
    """Looks at the frames as they are read: whether they become too many, and how far they are."""

    def __init__(self, frames, limits, share, tell):
        self._limits = limits
        self._share = share
        self._tell = tell
        self._total = frames.total
        self._count = 0
        self._last = None
        self._seconds = 0.0
        if frames.total and frames.fps and frames.total / frames.fps > limits.seconds + 1:
            frames.close()
            raise UploadError('too_long', most=f'{limits.seconds:g}')

    def __call__(self, time, frame):
        step = 0.0 if self._last is None else time - self._last
        self._last = time
        self._seconds += step if 0 < step <= JUMP else 0.0
        self._count += 1
        most = self._limits.seconds
        if self._seconds > most + 1 or self._count > (most + 1) * _MOST_RATE:
            raise UploadError('too_long', most=f'{most:g}')
        if self._count % 8 == 1:
            done = self._count / self._total if self._total else self._seconds / most
            self._tell(self._share * min(done, 1.0), 'reading')


def _recognize(recognizer, frames, files, limits, top, name, tell, look):
    """Writes `files`; returns the Predictions to the whole and to the windows."""
    window = recognizer.window
    stride = recognizer.stride(window)
    watch = _Watch(frames, limits, 0.5 if look else 1.0, tell)
    total, windows = Total(recognizer, name), []
    with contextlib.ExitStack() as stack:
        written = AnswerFiles(
            stack, list(files.values()), recognizer, frames, window, stride, top, name
        )

        def see(time, frame):
            watch(time, frame)
            written.watch(time, frame)

        answers = stack.enter_context(
            contextlib.closing(recognize_windows(recognizer, frames, watch=see))
        )
        for clip, answer in answers:
            total.add(answer)
            windows.append(_light(answer))
            written.add(clip, answer)
        written.close(total.answer, not frames.damage)
    return total.answer, windows


def _light(answer: Prediction) -> Prediction:
    """Returns a Prediction without the scores of its streams."""
    return dataclasses.replace(answer, by_stream={})


def _look(recognizer, source, whole, files, folder):
    """Writes the video of where the network looks for the surest class; returns notes."""
    from ..apis.gradcam import write_heat_video
    from ..inference.gradcam import find_heat

    path = os.path.join(folder, 'heat.mp4')
    try:
        with contextlib.closing(FrameIterator(source.path)) as frames:
            rate = frames.fps if 1 <= frames.fps <= 240 else 25.0
            few = itertools.islice((frame for _, frame in frames), HEAT_FRAMES)
            found = find_heat(recognizer, FrameIterator(few, rate=rate), whole.top(1)[0].label)
            write_heat_video(path, found)
    except I3DBoxError as error:
        reason = str(error).replace(source.path, source.name)
        return [('heat_failed', dict(reason=reason))]
    files['heat'] = path
    if len(found.times) < HEAT_FRAMES:
        return []
    return [('heat_part', dict(seconds=f'{HEAT_FRAMES / rate:.0f}'))]
