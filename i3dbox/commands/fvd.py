"""Measure the Frechet Video Distance between real and generated videos."""

from __future__ import annotations

import argparse
import functools

from ..errors import ConfigError
from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name in ('real', 'generated'):
        parser.add_argument(
            name,
            metavar=name.upper(),
            help=f'{name} videos: a folder; or a .npy file, uint8 '
            'N x T x H x W x 3, or features, float N x D',
        )
    arguments.add_model_arguments(parser)
    arguments.add_number(
        parser, '--frames', 'of a clip, from the beginning of each video', low=8, default=16
    )
    arguments.add_number(parser, '--stride', 'a clip each N frames; default: one a video')
    arguments.add_fps_argument(parser)
    arguments.add_choice(
        parser,
        '--like',
        ('paper', 'videogpt', 'styleganv'),
        'the tool whose figures this one is to be held against; default: paper. They resize '
        'differently, and videogpt has another epsilon in its batch norms: `i3dbox docs features`',
    )
    parser.add_argument(
        '--resize',
        choices=('stretch', 'crop', 'pipeline'),
        help="instead of that tool's: stretch: to a square; crop: the short side, and a cut in the "
        "middle; pipeline: as the config's test pipeline does",
    )
    arguments.add_number(parser, '--size', 'of the square', low=32, default=224)
    arguments.add_number(
        parser,
        '--resamples',
        'of the videos, to see how far the distance varies',
        low=0,
        default=20,
    )
    arguments.add_number(parser, '--seed', 'of the resamples', low=0, default=0)
    arguments.add_json_argument(parser)
    arguments.add_device_arguments(parser)
    arguments.add_engine_arguments(parser)


def run(args: argparse.Namespace) -> int:
    import numpy as np

    from ..apis.fvd import video_distance
    from ..inference.model_spec import ModelSpec
    from .report_jobs import report_failures

    arguments.check_json(args)
    if not (args.model or args.config or args.checkpoint or args.rgb):
        args.model = ['i3d_rgb_kinetics400']
    for name in args.model or ():
        if '_flow_' in name:
            raise ConfigError(f'the distance takes an RGB model; {name} is of flow')
    model = arguments.model_of(args, 'rgb')
    found = arguments.call(
        video_distance,
        args,
        model=lambda: ModelSpec.resolve(**model),
        tell=functools.partial(print, flush=True),
    )
    print(
        f'FVD: {found.value:.6g} ({found.clips["real"]} real and {found.clips["generated"]} '
        f'generated clips)'
    )
    if found.few:
        print(
            f'of fewer clips than {found.enough} a distance says little: it is '
            'mostly owed to their number. Sets of 2048 are common'
        )
    protocol = found.protocol
    if protocol is None:
        print('of features as they are given')
        how = {}
    else:
        epsilon = "the network's" if protocol.epsilon is None else protocol.epsilon
        as_theirs = args.resize is None and args.size == 224
        print(
            f'{"as" if as_theirs else "not as"} {protocol.code} does: frames by '
            f'{protocol.resize.replace("_", " ")} to {args.size}, epsilon of batch norms {epsilon}'
        )
        how = dict(like=args.like if as_theirs else None, **protocol._asdict())
    figures = dict(
        **how,
        **found.computed,
        fvd=found.value,
        clips=found.clips,
        few_clips=found.few,
        failures=len(found.failures),
    )
    if len(found.resampled) > 1:
        figures.update(
            resamples=len(found.resampled),
            resampled_mean=found.resampled.mean(),
            resampled_variance=found.resampled.var(ddof=1),
        )
        print(
            f'over {len(found.resampled)} resamples of the clips: mean '
            f'{figures["resampled_mean"]:.6g}, standard '
            f'deviation {np.sqrt(figures["resampled_variance"]):.3g} (variance '
            f'{figures["resampled_variance"]:.3g})'
        )
    arguments.write_json(args.json, figures)
    return report_failures(found.failures)
