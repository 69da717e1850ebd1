"""Looking for videos that cannot be trained on, before it is tried."""

from __future__ import annotations

import array
import collections
import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..media.video_file import VideoFile
from ..media.video_reader import VideoReader
from .jobs import run_jobs

if TYPE_CHECKING:
    from .pools import Pool
    from .sources import Source

PROBLEMS = ('empty', 'unreadable', 'truncated', 'size', 'frame count', 'gap')


class Problem(NamedTuple):
    """What is wrong with a video: its path, one of PROBLEMS, and the details."""

    path: str
    kind: str
    detail: str


def check_videos(videos: list[Source], workers: int | Pool) -> list[Problem]:
    """Decodes videos (list of Source) to the end.

    'empty' is a file without bytes; 'truncated' ends before its header says, or cannot be decoded
    from there on, by more than VideoReader tolerates; 'size' has frames of several sizes; 'frame
    count' is a header that counts other than there are, and a 'gap' frames that are missing in the
    middle of a steady stream: with these two training goes on. Everything else that cannot be
    decoded is 'unreadable'.

    Args:
        workers: see jobs.run_jobs.

    Returns:
        list of Problem, in the order of the videos.
    """
    done = run_jobs(_check, videos, workers, 'checking videos')
    problems = {name: Problem(*problem) for name, problem in done.results.items() if problem}
    problems.update(
        (failure.name, Problem(failure.path, 'unreadable', failure.reason))
        for failure in done.failures
    )
    return [problems[video.name] for video in videos if video.name in problems]


def look_at_videos(
    videos: list[Source], workers: int
) -> tuple[dict[str, tuple[int, int, int]], list[Problem]]:
    """Opens videos (list of Source) and decodes the first frame of each: quick, and blind to damage
    further on.

    Returns:
        (dict, list of Problem): name -> (frames by the header, width, height) of those that open;
        and the others, 'empty' or 'unreadable', in the order of the videos.
    """
    done = run_jobs(_look, videos, workers, 'opening videos')
    reasons = {failure.name: failure.reason for failure in done.failures}
    return done.results, [
        Problem(video.path, 'unreadable' if _has_bytes(video) else 'empty', reasons[video.name])
        for video in videos
        if video.name in reasons
    ]


def _look(video, threads):
    with VideoReader(video.path, video.name, threads) as reader:
        for _, image in reader:
            height, width = image().shape[:2]
            return 1, (reader.stated or 1, width, height)


def _has_bytes(video):
    return not os.path.exists(video.path) or os.path.getsize(video.path) > 0


def _check(video, threads):
    """Returns the number of frames, and a Problem as a tuple or None."""
    if not _has_bytes(video):
        return 0, (video.path, 'empty', 'the file is empty')
    with VideoFile(video.path, video.name, threads, pipes=False) as file:
        sizes = collections.Counter()
        times = array.array('d')
        for time, frame in file:
            if not sizes:
                file.image(frame)  # whether its colours can be converted
            sizes[frame.width, frame.height] += 1
            times.append(time)
    if len(sizes) > 1:
        counts = ', '.join(
            f'{count} of {width} x {height}' for (width, height), count in sizes.items()
        )
        return len(times), (video.path, 'size', f'frames change their size: {counts}')
    problem = _problem_of(file, times)
    return len(times), problem and (video.path, *problem)


def _problem_of(file, times):
    """Returns what is wrong with frames that came at `times`, as a kind and details, or None."""
    frames = len(times)
    damage = file.damage(frames, times[-1] if times else 0.0)
    gaps = _gaps(times)
    if damage or file.undecoded or not frames or frames != (file.counted or frames):
        kind = 'truncated' if damage else 'frame count' if frames else 'unreadable'
        details = [f'{frames} frames', f'its header says {file.stated}']
        if file.undecoded:
            details.append('what is behind them cannot be decoded')
        return kind, '; '.join(details)
    if gaps:
        where = ', '.join(f'{end - begin:.2f} s after {begin:.2f} s' for begin, end in gaps[:3])
        return 'gap', f'{frames} frames; none for {where}'
    return None


def _gaps(times):
    """Returns (begin, end) of each gap in times that are steady but for a few."""
    steps = np.diff(times)
    wide = np.flatnonzero(steps > 1.5 * np.median(steps)) if len(steps) else []
    if not 0 < len(wide) <= max(2, len(steps) // 100):
        return []
    return [(times[index], times[index + 1]) for index in wide]
