"""Ctrl-C at any moment: one KeyboardInterrupt, not lost in native code, nor raised where it breaks
something.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

AGAIN = 0.25  # seconds until an interrupt that did not get through is tried again


class Interrupts:
    """Raises KeyboardInterrupt for a signal: at once, or as soon as nothing is imported or held.

    Native code may swallow the exception (MindSpore, while it compiles), and importing a module by
    half breaks the process; so it is tried again until the block of `interruptible` is left. What
    native code prints about it to stderr is not shown.
    """

    def __init__(self):
        self._held = self.waiting = False
        self._stderr = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handles SIGINT, SIGTERM and the timer's SIGALRM."""
        if number == getattr(signal, 'SIGALRM', None) and not self.waiting:
            return
        self.waiting = True
        if self._held:
            return
        self._mute()
        if hasattr(signal, 'setitimer'):
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
        if not _unwinding() and not _importing(frame):
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Lets a block end that must not be done by half."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self.waiting:
            self(signal.SIGINT, None)

    def over(self) -> None:
        """Ends the trying, and shows stderr again."""
        self.waiting = False
        if hasattr(signal, 'setitimer'):
            signal.setitimer(signal.ITIMER_REAL, 0)
        if self._stderr is not None:
            sys.stderr.flush()
            os.dup2(self._stderr, 2)
            os.close(self._stderr)
            self._stderr = None

    def _mute(self):
        if self._stderr is None:
            with contextlib.suppress(OSError):  # no stderr
                self._stderr = os.dup(2)
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, 2)
                os.close(nothing)


@contextlib.contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Makes Ctrl-C one KeyboardInterrupt, also while a graph runs, when MindSpore turns SIGINT into
    SIGTERM. Yields the Interrupts: inside of another such block, that one's.
    """
    current = signal.getsignal(signal.SIGTERM)
    if isinstance(current, Interrupts):
        yield current
        return
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    numbers = [signal.SIGTERM]
    # a process in the background may ignore it
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        numbers.append(signal.SIGINT)
    if hasattr(signal, 'SIGALRM'):
        numbers.append(signal.SIGALRM)
    before = {number: signal.signal(number, interrupts) for number in numbers}
    try:
        yield interrupts
        if interrupts.waiting:  # it came while something was imported
            raise KeyboardInterrupt
    finally:
        interrupts.over()  # first, as an alarm that finds no handler ends the process
        for number, handler in before.items():
            signal.signal(number, handler)


def let_python_end() -> None:
    """Has interrupts ignored when Python ends: the work is done then, and MindSpore would turn one
    that comes in the last moments into a SIGTERM.
    """
    if threading.current_thread() is threading.main_thread():
        atexit.register(_ignore)


def _ignore():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _unwinding():
    """Whether a KeyboardInterrupt is on its way up, and this is code that cleans up behind it."""
    error = sys.exc_info()[1]
    while error and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _importing(frame):
    """Whether a module is being imported in a frame or those that called it."""
    while frame:
        if frame.f_code.co_filename.startswith('<frozen importlib'):
            return True
        frame = frame.f_back
    return False
