"""Decode videos to the end and report what is wrong: empty, truncated, miscounted."""

from __future__ import annotations

import argparse

from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'videos', metavar='VIDEOS', help='a folder of videos, at any depth; or one video'
    )
    parser.add_argument(
        '--fix-list',
        metavar='OUT',
        help='write the videos that want fixing to a file: path, tab, problem a line',
    )
    arguments.add_worker_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from ..evaluation.tables import table
    from ..fileio import atomic_write, check_writable
    from ..preparation.checking import PROBLEMS, check_videos
    from ..preparation.sources import find_videos, shard

    if args.fix_list:
        check_writable(args.fix_list)
    videos = shard(find_videos(args.videos), args.shard)
    problems = check_videos(videos, arguments.pool_of(args))
    for problem in problems:
        print(f'{problem.path}: {problem.kind}: {problem.detail}')
    counts = [(kind, sum(problem.kind == kind for problem in problems)) for kind in PROBLEMS]
    print(table([('videos', len(videos)), ('sound', len(videos) - len(problems)), *counts]))
    if args.fix_list:
        atomic_write(
            args.fix_list,
            ''.join(
                f'{problem.path}\t{problem.kind}: {problem.detail}\n' for problem in problems
            ).encode('utf-8', 'surrogateescape'),
        )
        print(f'{len(problems)} videos listed in {args.fix_list}')
    return 1 if problems else 0
