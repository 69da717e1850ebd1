"""Compute the optical flow of videos, or of folders of frames, into folders of images."""

from __future__ import annotations

import argparse

from . import arguments
from .report_jobs import report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'source',
        metavar='SOURCE',
        help='a folder of videos or of folders of frames, at any depth; or one video',
    )
    parser.add_argument('out', metavar='OUT', help='the folder for the folders of flow')
    arguments.add_flow_arguments(parser)
    arguments.add_frame_name_arguments(parser)
    arguments.add_image_arguments(parser)
    arguments.add_worker_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from ..errors import ConfigError
    from ..preparation.extraction import extract
    from ..preparation.sources import find_sources, shard
    from ..registry import FLOW_METHODS

    FLOW_METHODS.build(dict(type=args.method))  # a wrong one is told before anything is done
    sources = find_sources(args.source, ('RGB',), args.filename_tmpl, args.start_index)
    sources = shard(sources, args.shard)
    if args.fps and sources and sources[0].modality:
        raise ConfigError(
            f'--fps is for videos, whose frame rate is known; {args.source} holds folders of frames'
        )
    return report(
        args.out,
        'folders of flow',
        extract(
            'Flow',
            sources,
            args.out,
            arguments.pool_of(args),
            method=args.method,
            bound=args.bound,
            **arguments.image_settings(args),
        ),
    )
