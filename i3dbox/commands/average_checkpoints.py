"""Average the weights of several checkpoints of a run into one."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'checkpoints', nargs='+', metavar='CKPT', help='at least two, of one network'
    )
    parser.add_argument('out', metavar='OUT', help='the .ckpt to write; it holds weights only')


def run(args: argparse.Namespace) -> None:
    import os

    from ..errors import CheckpointError
    from ..weights.averaging import average_checkpoints

    if os.path.exists(args.out):
        raise CheckpointError(
            f'OUT, the last word, is {args.out}, which is there already: name a new file after '
            'the checkpoints'
        )
    average_checkpoints(args.checkpoints, args.out)
    print(f'{args.out}: the mean of {len(args.checkpoints)} checkpoints')
