"""Where calls for many sources run: in processes of this machine, or (ray_pool.py) of several."""

from __future__ import annotations

import collections
import concurrent.futures
import errno
import functools
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

from ..errors import DamagedSampleError, DataError, I3DBoxError, first_line
from ..workers import one_opencv_thread, spawn_context, start_worker

# nothing could be written for the other sources either
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_PATIENCE = 5  # seconds for a worker to clear away what it has half done
DIED = 'its process died, from damaged data, for lack of memory, or killed from outside'
_at_work = False  # whether this worker has something to clear away; None while it does


class Pool(Protocol):
    """Processes that work.

    Attributes:
        frames (int): how many frames they have counted, see workers.count_frame.
    """

    frames: int

    def run(self, function: Callable, sources: Sequence, out: str | None = None) -> Iterator[tuple]:
        """Calls `function(source, threads)` for each source.

        Yields (source, result, None) or (source, None, reason) as they come, and (None, None, None)
        now and then. Closing it ends the calls. out: the folder that they write into.

        Raises:
            DataError: the disk is full or read-only.
        """

    def ask(self, function: Callable, *arguments: Any) -> Any:
        """Returns what a function returns in one of the processes, or raises what it raises.

        Raises:
            DataError: the process died.
        """


class LocalPool:
    """Processes of this machine.

    Args:
        workers: how many; 0 works in this process, where a crash is a crash.
    """

    def __init__(self, workers: int):
        self._workers = workers
        self._counter = spawn_context().Value('q', 0)

    @property
    def frames(self) -> int:
        return self._counter.value

    def ask(self, function: Callable, *arguments: Any) -> Any:
        """See Pool.ask; the process is a new one."""
        with concurrent.futures.ProcessPoolExecutor(1, spawn_context(), start_worker) as pool:
            try:
                return pool.submit(function, *arguments).result()
            except BrokenProcessPool as error:
                raise DataError(
                    'the process that loads the network was killed, perhaps for want of memory'
                ) from error

    def run(self, function: Callable, sources: Sequence, out: str | None = None) -> Iterator[tuple]:
        """See Pool.run."""
        if not self._workers:
            one_opencv_thread()
            for source in sources:
                yield (source, *told(call(function, source, 1)))
            return
        processes = min(self._workers, len(sources))
        threads = self._workers // processes
        waiting = longest_first(sources)
        while waiting:
            suspects = yield from self._work(function, waiting, processes, threads)
            for source in suspects:  # one by one, to see which of them kills its process
                alone = collections.deque([source])
                if (yield from self._work(function, alone, 1, threads)):
                    yield source, None, DIED

    def _work(self, function, waiting, processes, threads):
        """Works on `waiting` (a deque) until it is empty or a process dies; returns those that it
        may have died of.
        """
        running = {}
        with concurrent.futures.ProcessPoolExecutor(
            processes, spawn_context(), _start, (self._counter,)
        ) as pool:
            try:
                while waiting or running:
                    while waiting and len(running) < 2 * processes:
                        source = waiting.popleft()
                        running[pool.submit(_call_in_worker, function, source, threads)] = source
                    done, _ = concurrent.futures.wait(
                        running, 0.5, concurrent.futures.FIRST_COMPLETED
                    )
                    if not done:
                        yield None, None, None
                    for future in done:
                        answer = future.result()
                        yield (running.pop(future), *told(answer))
            except BrokenProcessPool:
                pass
            except BaseException:
                _stop_all(list((pool._processes or {}).values()))
                raise
        return list(running.values())


def longest_first(sources: Sequence) -> collections.deque:
    """Returns sources in the order to work on them: the longest one is not to be left for the
    end.
    """
    return collections.deque(sorted(sources, key=_size, reverse=True))


def _size(source):
    return os.path.getsize(source.path) if os.path.isfile(source.path) else 0


def call(function: Callable, source: Any, threads: int) -> tuple[Any, str | None, bool]:
    """Calls a function for a source. Returns (result, reason, whether nothing can be written any
    more), for `told`.
    """
    try:
        return function(source, threads), None, False
    except I3DBoxError as error:
        return None, reason_of(error, source), False
    except OSError as error:
        return None, str(error), error.errno in _FATAL
    except Exception as error:  # whatever a damaged file makes OpenCV raise
        return None, f'{type(error).__name__}: {first_line(error)}', False


def reason_of(error: Exception, source: Any) -> str:
    """Returns why a source failed, with the path of the culprit where that is a file of it."""
    if isinstance(error, DamagedSampleError) and error.path == source.path:
        return error.reason
    return first_line(error)


def told(answer: tuple) -> tuple[Any, str | None]:
    """Returns (result, reason) of an answer of `call`. Raises DataError where nothing can be
    written any more.
    """
    result, reason, fatal = answer
    if fatal:
        raise DataError(
            f'{reason}; run the same command again when there is room: it goes on where it stopped'
        )
    return result, reason


def _start(counter):
    start_worker(_stop, functools.partial(_count, counter))
    signal.signal(signal.SIGTERM, _stop)


def _count(counter):
    with counter.get_lock():
        counter.value += 1


def _call_in_worker(function, source, threads):
    global _at_work
    _at_work = True
    try:
        return call(function, source, threads)
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)
    finally:
        _at_work = False


def _stop(number, frame):
    """Ends a worker: what it has half done is cleared away on the way out."""
    global _at_work
    if _at_work is None:
        return  # it is on its way
    if not _at_work:
        os._exit(128 + signal.SIGINT)
    _at_work = None
    raise KeyboardInterrupt


def _stop_all(processes):
    """Ends workers; who does not end is killed, and what it leaves is never taken for whole."""
    for process in processes:
        process.terminate()
    until = time.monotonic() + _PATIENCE
    for process in processes:
        process.join(max(until - time.monotonic(), 0))
        process.kill()
