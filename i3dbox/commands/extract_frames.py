"""Extract the frames of videos into folders of images."""

from __future__ import annotations

import argparse

from . import arguments
from .report_jobs import report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'videos', metavar='VIDEOS', help='a folder of videos, at any depth; or one video'
    )
    parser.add_argument('out', metavar='OUT', help='the folder for the folders of frames')
    arguments.add_image_arguments(parser)
    arguments.add_worker_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from ..preparation.extraction import extract
    from ..preparation.sources import find_videos, shard

    videos = shard(find_videos(args.videos), args.shard)
    return report(
        args.out,
        'folders of frames',
        extract('RGB', videos, args.out, arguments.pool_of(args), **arguments.image_settings(args)),
    )
