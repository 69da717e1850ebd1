"""Working through many sources with all cores: progress, failures that stop nothing else, and a
summary.
"""

from __future__ import annotations

import collections
import concurrent.futures
import errno
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..errors import DamagedSampleError, DataError, I3DBoxError, first_line
from ..workers import one_opencv_thread, spawn_context, start_worker

logger = logging.getLogger(__name__)
# nothing could be written for the other sources either
_FATAL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_PATIENCE = 5  # seconds for a worker to clear away what it has half done
_at_work = False  # whether this worker has something to clear away; None while it does


class Failure(NamedTuple):
    """A source that could not be worked on: its name, its path, and why."""

    name: str
    path: str
    reason: str


class Summary(NamedTuple):
    """What `run_jobs` did: the number of frames, the calls' other results by source name, and the
    failures.
    """

    frames: int
    results: dict
    failures: list[Failure]


def run_jobs(
    function: Callable, sources: Sequence, workers: int, title: str, unit: str = 'video'
) -> Summary:
    """Calls `function(source, threads)` for each source, in `workers` processes.

    If there are fewer sources than workers, each call is told to use several threads instead. Calls
    that take long say `workers.count_frame()` after each frame, which keeps the progress bar
    moving. A call that raises, or whose process dies, is a failure: it is logged and stops nothing
    else. Ctrl-C ends the workers.

    Args:
        function: can be pickled; returns how many frames it has worked on, and anything else.
        sources: what to work on.
        workers: 0 works in this process, where a crash is a crash.
        title, unit: of the progress bar.

    Returns:
        Summary.

    Raises:
        DataError: the disk is full or read-only.
    """
    results = {}
    failures = []
    if not sources:
        return Summary(0, results, failures)
    frames = 0
    counter = spawn_context().Value('q', 0)
    often = 0.1 if sys.stderr.isatty() else 60  # seconds; a log file is not to be filled
    with (
        logging_redirect_tqdm(),
        tqdm(total=len(sources), desc=title, unit=unit, smoothing=0.05, mininterval=often) as bar,
    ):
        shown = time.monotonic()
        for source, result, reason in _run(function, sources, workers, counter):
            seen = max(frames + (result or [0])[0], counter.value)
            rate = seen / max(bar.format_dict['elapsed'], 1e-9)
            bar.set_postfix_str(f'{seen} frames, {rate:.1f} frames/s', refresh=False)
            if source is None:
                if time.monotonic() - shown >= often:
                    bar.refresh()
                    shown = time.monotonic()
                continue
            if reason is None:
                frames += result[0]
                results[source.name] = result[1]
            else:
                failures.append(Failure(source.name, source.path, reason))
                logger.warning('%s: %s', source.path, reason)
            bar.update()
    return Summary(frames, results, failures)


def _run(function, sources, workers, counter):
    """Yields (source, result, None) or (source, None, reason) as they come, and (None, None, None)
    now and then.
    """
    if not workers:
        one_opencv_thread()
        for source in sources:
            yield (source, *_answer(_call(function, source, 1)))
        return
    processes = min(workers, len(sources))
    threads = workers // processes
    # longest first, or the longest one is left for the end
    waiting = collections.deque(sorted(sources, key=_size, reverse=True))
    while waiting:
        suspects = yield from _run_in_pool(function, waiting, processes, threads, counter)
        for source in suspects:  # one by one, to see which of them kills its process
            alone = collections.deque([source])
            if (yield from _run_in_pool(function, alone, 1, threads, counter)):
                yield (
                    source,
                    None,
                    'its process died, from damaged data, for lack of memory, or killed from '
                    'outside',
                )


def _run_in_pool(function, waiting, processes, threads, counter):
    """Works on `waiting` (a deque) until it is empty or a process dies; returns those that it may
    have died of.
    """
    running = {}
    with concurrent.futures.ProcessPoolExecutor(
        processes, spawn_context(), _start, (counter,)
    ) as pool:
        try:
            while waiting or running:
                while waiting and len(running) < 2 * processes:
                    source = waiting.popleft()
                    running[pool.submit(_call_in_worker, function, source, threads)] = source
                done, _ = concurrent.futures.wait(running, 0.5, concurrent.futures.FIRST_COMPLETED)
                if not done:
                    yield None, None, None
                for future in done:
                    answer = future.result()
                    yield (running.pop(future), *_answer(answer))
        except BrokenProcessPool:
            pass
        except BaseException:
            _stop_all(list((pool._processes or {}).values()))
            raise
    return list(running.values())


def _size(source):
    return os.path.getsize(source.path) if os.path.isfile(source.path) else 0


def _call(function, source, threads):
    """Returns (result, reason, whether nothing can be written any more)."""
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


def _answer(answer):
    result, reason, fatal = answer
    if fatal:
        raise DataError(
            f'{reason}; run the same command again when there is room: it goes on where it stopped'
        )
    return result, reason


def _start(counter):
    start_worker(_stop, counter)
    signal.signal(signal.SIGTERM, _stop)


def _call_in_worker(function, source, threads):
    global _at_work
    _at_work = True
    try:
        return _call(function, source, threads)
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
