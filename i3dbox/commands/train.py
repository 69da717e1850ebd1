"""Train a recognizer from a config."""

from __future__ import annotations

import argparse

from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_config_argument(parser)
    parser.add_argument(
        '--work-dir', metavar='D', help='where outputs go; default: work_dirs/<name of the config>'
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='auto|CKPT',
        help='go on from a checkpoint; without a value or with auto, from the newest of the work '
        'dir',
    )
    parser.add_argument(
        '--load-from', metavar='CKPT', help='start from the weights of a checkpoint'
    )
    arguments.add_number(parser, '--seed', 'of all randomness', low=0)
    parser.add_argument('--validate', action='store_true', help='evaluate during training')
    arguments.add_device_arguments(parser)
    arguments.add_openi_arguments(parser)


def run(args: argparse.Namespace) -> None:
    cfg = arguments.load_config(args)
    for key in ('work_dir', 'load_from', 'seed'):
        if getattr(args, key) is not None:
            cfg[key] = getattr(args, key)
    arguments.apply_openi(cfg, args)
    if args.resume is None:  # a resumed run has its weights
        from ..config_checks.checks import check_load_from

        check_load_from(cfg)
    from ..apis.train import train

    arguments.call(train, args, cfg=cfg, engine='auto', precision=None)
