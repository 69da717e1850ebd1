"""Pack videos or folders of frames into a few large MindRecord files."""

from __future__ import annotations

import argparse

from . import arguments
from .report_jobs import report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'source',
        metavar='SOURCE',
        help='a folder of folders of frames or flow, whose images are '
        'taken as they are; or of videos',
    )
    parser.add_argument('out', metavar='OUT', help='the folder for the MindRecord shards')
    arguments.add_frame_arguments(parser, what='to pack')
    arguments.add_number(parser, '--videos-per-shard', 'videos a file', default=128)
    arguments.add_flow_arguments(parser)
    arguments.add_image_arguments(parser)
    arguments.add_worker_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from ..errors import DataError
    from ..preparation.packing import pack
    from ..preparation.sources import find_sources
    from ..registry import FLOW_METHODS

    modalities = arguments.modalities_of(args)
    sources = find_sources(args.source, modalities, args.filename_tmpl, args.start_index)
    modality = args.modality or sources[0].modality or 'RGB'
    other = next((source for source in sources if source.modality not in (None, modality)), None)
    if other:
        raise DataError(
            f'{sources[0].path} holds {modality} frames and {other.path} {other.modality}: name '
            'what to pack by --modality'
        )
    settings = {}
    if sources[0].modality is None:
        settings = arguments.image_settings(args)
        if modality == 'Flow':
            # a wrong one is told before anything is done
            FLOW_METHODS.build(dict(type=args.method))
            settings.update(method=args.method, bound=args.bound)
    return report(
        args.out,
        'shards',
        arguments.call(
            pack,
            args,
            modality=modality,
            sources=sources,
            workers=arguments.pool_of(args),
            part=args.shard,
            **settings,
        ),
    )
