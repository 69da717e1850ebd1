"""Show where a network looks in a video for a class (Grad-CAM)."""

from __future__ import annotations

import argparse
import functools
import sys
import warnings

from ..streams import STREAMS
from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('video', metavar='VIDEO', help='a video, of up to 10000 frames')
    arguments.add_model_arguments(parser)
    parser.add_argument('--stream', choices=tuple(STREAMS), help='default: what the model is')
    parser.add_argument(
        '--class',
        dest='class_name',
        metavar='NAME',
        help="a class's name, or its number from 0; default: the surest of the whole video",
    )
    parser.add_argument(
        '--endpoint',
        metavar='NAME',
        help='the layer whose maps are weighed: the last (default, the most of meaning; of I3D '
        'Mixed_5c), or one before, as Mixed_4f (four times the cells)',
    )
    parser.add_argument(
        '--out',
        required=True,
        metavar='FILE',
        help='.mp4: each frame as the network sees it, beside it the heat over it, of both streams '
        'one each',
    )
    arguments.add_engine_arguments(parser)
    arguments.add_device_arguments(parser)


def run(args: argparse.Namespace) -> None:
    from ..apis.gradcam import check_out, gradcam

    check_out(args.out, args.video)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)  # of a video that breaks off: told below
        found = gradcam(
            arguments.model_of(args, args.stream),
            args.video,
            args.class_name,
            args.endpoint,
            args.out,
            progress=True,
            tell=functools.partial(print, flush=True),
            device=args.device,
            device_id=args.device_id,
            engine=args.engine,
            precision=args.precision,
        )
    if found.damage:
        print(f'{args.video}: {found.damage}', file=sys.stderr)
    print(f'{found.name} (class {found.label}): {found.probability:.1%}, logit {found.score:.2f}')
    print(f'{args.out} written')
