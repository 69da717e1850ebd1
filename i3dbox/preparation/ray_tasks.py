"""What runs in the processes of a Ray cluster."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ..errors import I3DBoxError
from ..fileio import InTheMaking, keep_dumps_in_cache
from ..workers import count_frames_by, one_opencv_thread
from .pools import call


class Counter:
    """What tasks tell on the way: how many frames, and that they have begun."""

    def __init__(self):
        self._frames = 0
        self._begun = []

    def add(self, frames: int) -> None:
        self._frames += frames

    def begin(self, number: int) -> None:
        self._begun.append(number)

    def state(self) -> tuple[int, list[int]]:
        """Returns the frames, and the tasks that have begun since it was asked last."""
        begun, self._begun = self._begun, []
        return self._frames, begun


class _Frames:
    """Counts frames, and tells the counter of the cluster once a second."""

    def __init__(self, counter):
        self._counter = counter
        self._frames = 0
        self._told = time.monotonic()

    def __call__(self):
        self._frames += 1
        if time.monotonic() > self._told + 1:
            self.tell()

    def tell(self):
        self._counter.add.remote(self._frames)
        self._frames = 0
        self._told = time.monotonic()


def look_for(version: str, paths: list[str]) -> Callable[[], str | None]:
    """Returns a function that says what a machine lacks, or None. It is sent as it is, as a
    machine may have no i3dbox.
    """

    def look():
        import os

        try:
            import i3dbox
        except ImportError as error:
            return f'cannot import i3dbox ({error})'
        if i3dbox.__version__ != version:
            return f'has i3dbox {i3dbox.__version__}, and this machine {version}'
        unseen = [path for path in paths if not os.path.exists(path)]
        return f'does not see {unseen[0]}, which this machine sees' if unseen else None

    return look


def work(
    function: Callable,
    source: Any,
    threads: int,
    patience: float,
    number: int,
    counter: Any,
    folder: str,
) -> tuple:
    """Does one task in a process of the cluster; returns what `pools.call` returns.

    Args:
        function, source, threads: see pools.Pool.run.
        patience: seconds to wait for another process that still makes the same.
        number, counter: of the task, and the Counter that is told.
        folder: where the command runs, of which paths may be meant.
    """
    counter.begin.remote(number)
    # Ray cancels a task by SIGINT, which a cluster that a script started behind & ignores
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(OSError):  # there is none, and paths are absolute
        os.chdir(folder)
    os.environ.setdefault('GLOG_v', '4')
    keep_dumps_in_cache()
    one_opencv_thread()
    frames = _Frames(counter)
    count_frames_by(frames)
    try:
        return call(functools.partial(_patiently, function, patience), source, threads)
    finally:
        frames.tell()


def _patiently(function, patience, source, threads):
    """Calls a function, again while a process of a lost machine still holds what it makes."""
    until = time.monotonic() + patience
    while True:
        try:
            return function(source, threads)
        except InTheMaking:
            if time.monotonic() > until:
                raise
            time.sleep(1)


class Question(NamedTuple):
    """A call in the place of a source."""

    name: str
    path: str
    function: Callable
    arguments: tuple


def reply(question: Question, threads: int) -> tuple:
    """Returns 0 frames, and (value, None) or (None, error) of a Question."""
    try:
        return 0, (question.function(*question.arguments), None)
    except I3DBoxError as error:
        return 0, (None, error)
