"""Working through many sources: progress, failures that stop nothing else, and a summary."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from .pools import LocalPool, Pool

logger = logging.getLogger(__name__)


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
    function: Callable,
    sources: Sequence,
    workers: int | Pool,
    title: str,
    unit: str = 'video',
    out: str | None = None,
) -> Summary:
    """Calls `function(source, threads)` for each source, in other processes.

    If there are fewer sources than workers, each call is told to use several threads instead. Calls
    that take long say `workers.count_frame()` after each frame, which keeps the progress bar
    moving. A call that raises, or whose process dies, is a failure: it is logged and stops nothing
    else. Ctrl-C ends the workers.

    Args:
        function: can be pickled; returns how many frames it has worked on, and anything else.
        sources: what to work on.
        workers: a Pool, or how many processes of a LocalPool.
        title, unit: of the progress bar.
        out: the folder, which is there, that the calls write into.

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
    pool = LocalPool(workers) if isinstance(workers, int) else workers
    often = 0.1 if sys.stderr.isatty() else 60  # seconds; a log file is not to be filled
    with (
        logging_redirect_tqdm(),
        tqdm(total=len(sources), desc=title, unit=unit, smoothing=0.05, mininterval=often) as bar,
        contextlib.closing(pool.run(function, sources, out)) as answers,
    ):
        shown = time.monotonic()
        for source, result, reason in answers:
            seen = max(frames + (result or [0])[0], pool.frames)
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
