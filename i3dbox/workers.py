"""Processes and threads that work for this one: how many, and how they start and end."""

from __future__ import annotations

import ast
import contextlib
import functools
import multiprocessing
import multiprocessing.connection
import multiprocessing.context
import os
import pathlib
import queue
import re
import signal
import sys
import threading
import types
from collections.abc import Callable, Generator, Iterator
from typing import Any

_END = object()
_count = None  # of a worker: what to call for each frame, for a progress bar


def usable_cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def free_memory() -> int | None:
    """Returns the memory in bytes that this process may still take, or None where the system does
    not say.
    """
    try:
        with open('/proc/meminfo', encoding='ascii') as file:
            free = int(re.search(r'MemAvailable:\s+(\d+) kB', file.read())[1]) * 1024
    except (OSError, TypeError):
        return None
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        with open('/sys/fs/cgroup/memory.max', encoding='ascii') as file:
            free = min(free, int(file.read()))
    return free


def spawn_context() -> multiprocessing.context.SpawnContext:
    """Returns the multiprocessing context for workers: spawn, as a fork would copy threads in
    whatever state they are.

    A spawned process imports the main script first. One without `if __name__ == '__main__':` would
    do its whole work again there, so it is not imported; what it defines is unknown to workers.
    """
    return _SpawnContext()


class _SpawnProcess(multiprocessing.context.SpawnProcess):
    @staticmethod
    def _Popen(process):
        main = sys.modules['__main__']
        if not _is_guarded(main):
            sys.modules['__main__'] = types.ModuleType('__main__')
        try:
            return multiprocessing.context.SpawnProcess._Popen(process)
        finally:
            sys.modules['__main__'] = main


class _SpawnContext(multiprocessing.context.SpawnContext):
    Process = _SpawnProcess


def _is_guarded(main):
    """Whether a main module may be imported: its code compares `__name__` with '__main__'."""
    path = getattr(main, '__file__', '.pyc')
    if path.endswith('.pyc'):  # cannot be looked into; or a notebook, where nothing is imported
        return True
    try:
        nodes = list(ast.walk(ast.parse(pathlib.Path(path).read_bytes())))
    except (OSError, SyntaxError, ValueError):  # as of standard input
        return False
    names = any(isinstance(node, ast.Name) and node.id == '__name__' for node in nodes)
    texts = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return names and any(isinstance(text, str) and text.startswith('__main') for text in texts)


def start_worker(
    on_interrupt: Callable | signal.Handlers = signal.SIG_IGN,
    count: Callable[[], None] | None = None,
) -> None:
    """Makes this process a good worker: it ends with its parent, and OpenCV uses one thread in it.

    Args:
        on_interrupt: what Ctrl-C does to it; by default nothing, for the main process ends its
            workers.
        count: see `count_frames_by`.
    """
    count_frames_by(count)
    signal.signal(signal.SIGINT, on_interrupt)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    one_opencv_thread()


def count_frames_by(count: Callable[[], None] | None) -> None:
    """Has `count_frame` call `count` in this process, or nothing."""
    global _count
    _count = count


def count_frame() -> None:
    """Tells whoever shows the progress that this worker is done with one more frame."""
    if _count is not None:
        _count()


def one_opencv_thread() -> None:
    """Gives OpenCV one thread, as its own would only contend with the workers."""
    import cv2

    cv2.setNumThreads(1)


def _die_with_parent():
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _put(values, stop, *value):
    """Puts a value into a queue as soon as there is room, unless `stop` (Event) is set."""
    while not stop.is_set():
        try:
            return values.put(value, timeout=0.1)
        except queue.Full:
            continue


def ahead(iterable: Generator[Any, None, None]) -> Iterator[Any]:
    """Yields what a generator yields, while a thread already works on the next.

    Its errors come where its next value would have come. Closing it ends the thread, and then the
    generator.
    """
    values = queue.Queue(1)
    stop = threading.Event()
    put = functools.partial(_put, values, stop)

    def work():
        try:
            for value in iterable:
                put(value, None)
                if stop.is_set():
                    break
            put(_END, None)
        except BaseException as error:  # for whoever takes the values
            put(None, error)
        finally:
            iterable.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            value, error = values.get()
            if error is not None:
                raise error
            if value is _END:
                return
            yield value
    finally:
        stop.set()
        thread.join(5)  # a camera or a pipe may keep it longer
