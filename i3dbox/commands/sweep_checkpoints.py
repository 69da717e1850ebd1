"""Test the last checkpoints of a run, print one table and name the best."""

from __future__ import annotations

import argparse

from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_config_argument(parser)
    parser.add_argument(
        'folder', metavar='DIR', help='the work_dir that holds epoch_*.ckpt or step_*.ckpt'
    )
    arguments.add_number(
        parser,
        '--last',
        'how many of them; default: 8; the original takes 8 for RGB and 16 for flow',
        default=8,
    )
    arguments.add_choice(
        parser,
        '--data',
        ('test', 'val'),
        "which of the config's data sets: the "
        'best of several on the test set is chosen by it, and no test any more',
    )
    parser.add_argument(
        '--protocol',
        metavar='NAME',
        help="one of the config's protocols; default: what the data says",
    )
    parser.add_argument(
        '--average',
        action='store_true',
        help='also average their weights into one checkpoint, '
        'DIR/average_last_<N>.ckpt, and test that',
    )
    arguments.add_metrics_argument(parser)
    arguments.add_device_arguments(parser)
    arguments.add_engine_arguments(parser)


def run(args: argparse.Namespace) -> None:
    from ..apis.sweep import last_checkpoints, sweep
    from ..config_checks.checks import metrics_of
    from ..config_checks.protocols import apply_protocol
    from ..engine.distributed import rank

    cfg = arguments.load_config(args)
    metrics = args.eval or metrics_of(cfg, args.data)
    if args.protocol:
        apply_protocol(cfg, args.protocol, args.data)
    paths = last_checkpoints(args.folder, args.last)
    text = arguments.call(sweep, args, cfg=cfg, paths=paths, metrics=metrics)
    if rank() == 0:
        print(text)
