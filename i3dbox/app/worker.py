"""Work that the threads of a server hand to the main one.

The network is loaded, run and interrupted in the main thread: MindSpore keeps settings by thread,
and signals reach no other.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from typing import Any


class Abandoned(Exception):
    """Nobody waits for the work any more."""


class Worker:
    """Does one piece of work after the other in the thread that calls `run`."""

    def __init__(self):
        self._tasks = queue.SimpleQueue()
        self._ended = threading.Event()

    def do(self, function: Callable) -> Generator[tuple, None, Any]:
        """Has `function(tell)` called by the other thread. Yields the arguments of each call of
        `tell`; returns what it returned, or raises what it raised.

        Where the generator is closed before its end, the next `tell` raises Abandoned.
        """
        events, left = queue.SimpleQueue(), threading.Event()

        def tell(*values):
            if left.is_set():
                raise Abandoned
            events.put(('told', values))

        def task():
            try:
                if not left.is_set():
                    events.put(('done', function(tell)))
            except BaseException as error:
                events.put(('failed', error))
                if not isinstance(error, Exception):
                    raise  # Ctrl-C is for `run`, too

        self._tasks.put(task)
        try:
            while True:
                what, value = self._next(events)
                if what == 'done':
                    return value
                if what == 'failed':
                    raise value if isinstance(value, Exception) else Abandoned()
                yield value
        finally:
            left.set()

    def _next(self, events):
        """Returns what comes next, also after the end; raises Abandoned where nothing will."""
        while True:
            ended = self._ended.is_set()
            try:
                return events.get(timeout=0.5)
            except queue.Empty:
                if ended:
                    raise Abandoned from None

    def run(self) -> None:
        """Works until `end` is called, or Ctrl-C comes."""
        try:
            while not self._ended.is_set():
                try:
                    task = self._tasks.get(timeout=0.2)
                except queue.Empty:
                    continue
                task()
                del task  # or its arrays live on until the next one
        finally:
            self._ended.set()

    def end(self) -> None:
        """Ends `run` after what it is doing now."""
        self._ended.set()
