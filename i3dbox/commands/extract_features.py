"""Extract features of videos, window by window."""

from __future__ import annotations

import argparse
import functools
import os

from ..streams import STREAMS
from . import arguments
from .report_jobs import report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'videos', metavar='VIDEOS', help='a folder of videos, at any depth; or one video'
    )
    parser.add_argument('out', metavar='OUT', help='the folder for the features')
    arguments.add_model_arguments(parser)
    parser.add_argument(
        '--stream',
        choices=tuple(STREAMS),
        help="joint: both streams' features side by side, RGB first; default: what the model has",
    )
    parser.add_argument(
        '--preset',
        metavar='NAME',
        help='settings of public feature sets: activitynet or thumos14 '
        '(windows of 16 with stride 16 at 25 fps), video_features (64 with 64); what else is given '
        'overrides them',
    )
    parser.add_argument(
        '--endpoint',
        metavar='NAME',
        help='a layer, such as Mixed_5c (default of I3D, 1024 values) or Mixed_4f, or Logits',
    )
    arguments.add_number(
        parser,
        '--window',
        'frames; default: as the test pipeline (64); 0: the whole video as one clip, a row for '
        'each 8 frames',
        low=0,
    )
    arguments.add_number(parser, '--stride', 'frames; default: the window')
    parser.add_argument(
        '--pool',
        choices=('avg', 'none'),
        help="avg (default): I3D's average pool, and the mean over time; none: maps",
    )
    arguments.add_fps_argument(parser)
    parser.add_argument(
        '--tail',
        choices=('move', 'drop'),
        help='of frames after the last whole window: move '
        '(default) adds a window that ends with the video; drop leaves them out',
    )
    arguments.add_number(
        parser, '--short-side', 'resize the short side to it; default: as the test pipeline (256)'
    )
    arguments.add_number(
        parser, '--size', 'cut a square of it; default: as the test pipeline (224)'
    )
    parser.add_argument(
        '--method', metavar='NAME', help='of flow: tvl1 (default), dis, farneback or tvl1_opencv'
    )
    arguments.add_choice(
        parser,
        '--format',
        ('npy', 'npz', 'h5'),
        'npy (default): the features; npz, h5: also when each row begins and ends',
    )
    arguments.add_number(
        parser,
        '--max-frames',
        'with --window 0: frames that pass through the network at a time; memory grows with it',
        default=192,
    )
    arguments.add_worker_arguments(parser, 'threads that compute flow')
    arguments.add_device_arguments(parser)
    arguments.add_engine_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from ..apis.features import extract_features
    from ..errors import ConfigError, spelling_hint
    from ..inference.feature_files import check_format
    from ..inference.feature_settings import DEFAULTS, PRESETS
    from ..preparation.sources import find_videos, shard

    check_format(args.format)
    if not os.path.exists(args.videos):
        raise ConfigError(f'{args.videos} does not exist')
    sources = shard(find_videos(args.videos), args.shard)
    if args.preset and args.preset not in PRESETS:
        raise ConfigError(
            f'there is no preset {args.preset!r}.{spelling_hint(args.preset, PRESETS)} '
            f'There are: {", ".join(PRESETS)}'
        )
    arguments.check_method(args.method)
    given = {key: getattr(args, key) for key in DEFAULTS if getattr(args, key, None) is not None}
    done = arguments.call(
        extract_features,
        args,
        sources=sources,
        workers=arguments.pool_of(args, network=True),
        tell=functools.partial(print, flush=True),
        model=arguments.model_of(args, args.stream),
        **{**PRESETS.get(args.preset, {}), **given},
    )
    return report(args.out, 'files of features', done)
