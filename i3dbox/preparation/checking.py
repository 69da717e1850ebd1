"""Looking for videos that cannot be trained on, before it is tried."""

from __future__ import annotations

import collections
import os
from typing import TYPE_CHECKING, NamedTuple

from ..media.video_file import VideoFile
from ..media.video_reader import VideoReader
from .jobs import run_jobs

if TYPE_CHECKING:
    from .sources import Source

PROBLEMS = ('empty', 'unreadable', 'truncated', 'size', 'frame count')


class Problem(NamedTuple):
    """What is wrong with a video: its path, one of PROBLEMS, and the details."""

    path: str
    kind: str
    detail: str


def check_videos(videos: list[Source], workers: int) -> list[Problem]:
    """Decodes videos (list of Source) to the end.

    'empty' is a file without bytes; 'truncated' ends before its header says, or cannot be decoded
    from there on, by more than VideoReader tolerates; 'size' has frames of several sizes; 'frame
    count' is a header that counts other than there are, with which training goes on; everything
    else that cannot be decoded is 'unreadable'.

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
        time = 0.0
        for time, frame in file:  # noqa: B007 (the last time is looked at)
            if not sizes:
                file.image(frame)  # whether its colours can be converted
            sizes[frame.width, frame.height] += 1
    frames = sum(sizes.values())
    if len(sizes) > 1:
        counts = ', '.join(
            f'{count} of {width} x {height}' for (width, height), count in sizes.items()
        )
        return frames, (video.path, 'size', f'frames change their size: {counts}')
    early = file.ends_early(frames, time)
    if frames and not early and not file.undecoded and frames == (file.counted or frames):
        return frames, None
    kind = 'truncated' if early else 'frame count' if frames else 'unreadable'
    behind = '; what is behind them cannot be decoded' if file.undecoded else ''
    return frames, (video.path, kind, f'{frames} frames; its header says {file.stated}{behind}')
