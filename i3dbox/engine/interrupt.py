"""Ctrl-C while MindSpore works, or while something is being written."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


class Interrupts:
    """What Ctrl-C does: KeyboardInterrupt, at once or, inside `hold`, at its end."""

    def __init__(self):
        self._held = self._waiting = False

    def __call__(self, *_) -> None:
        if not self._held:
            raise KeyboardInterrupt
        self._waiting = True

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Lets a block end that must not be done by half."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._waiting:
            self._waiting = False
            raise KeyboardInterrupt


@contextlib.contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Makes Ctrl-C a KeyboardInterrupt: while a graph runs, MindSpore turns it into SIGTERM, which
    would end the process on the spot. Yields the Interrupts.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, interrupts)}
    # a process in the background may ignore it
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupts)
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
