"""Score the answers of an exported model; both streams together where both are given."""

from __future__ import annotations

import argparse

from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'datasets',
        nargs='+',
        metavar='DATASET',
        help='folders that infer.py has filled: one, or those of the RGB and the flow stream',
    )
    parser.add_argument(
        '--weights', nargs='+', type=float, metavar='W', help='of the streams; default: 1 each'
    )
    arguments.add_scores_arguments(parser)


def run(args: argparse.Namespace) -> None:
    from ..apis.deploy import score_results
    from ..errors import ConfigError
    from ..evaluation.fusion import fuse
    from ..evaluation.results import check_results_path

    if args.out:
        check_results_path(args.out)
    if args.weights and len(args.datasets) == 1:
        raise ConfigError('--weights are for several streams; one data set was given')
    arguments.check_different(args.datasets)
    parts = {folder: score_results(folder) for folder in args.datasets}
    results = fuse(parts, args.weights) if len(parts) > 1 else next(iter(parts.values()))
    arguments.present(results, args.eval, args.out)
