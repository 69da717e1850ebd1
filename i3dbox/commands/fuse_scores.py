"""Add the scores of result files, as of the RGB and the flow stream, and print the figures."""

from __future__ import annotations

import argparse

from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'results', nargs='+', metavar='FILE', help='result files of the same videos'
    )
    parser.add_argument(
        '--weights',
        nargs='+',
        type=float,
        metavar='W',
        help="one a file; default: 1 each, the paper's",
    )
    parser.add_argument(
        '--search',
        nargs='*',
        metavar='FILE',
        help='find the weights of two streams by '
        'cross-validation on result files of the training split: those named here, or FILE '
        'themselves',
    )
    arguments.add_scores_arguments(parser)


def run(args: argparse.Namespace) -> None:
    from ..errors import ConfigError
    from ..evaluation.fusion import fuse, pair, search_weights
    from ..evaluation.results import check_results_path, load_results

    if len(args.results) < 2:
        raise ConfigError('name at least two result files')
    arguments.check_different(args.results)
    if args.search is not None and args.weights:
        raise ConfigError('--search finds the weights that --weights gives: use one of them')
    if args.out:
        check_results_path(args.out)
    parts = {path: load_results(path) for path in args.results}
    weights = args.weights
    if args.search is not None:
        arguments.check_different(args.search)
        training = pair({path: load_results(path) for path in args.search} or parts, parts)
        unnamed = 0
        for path, part in training.items():
            subset = part.meta.get('subset')
            unnamed += not subset
            if subset and subset != ['train']:
                raise ConfigError(
                    f'{path} holds scores of the subset {", ".join(subset)}: weights are '
                    'searched on the training split, or the figures that they give are no test'
                )
        weights, found, equal = search_weights(training)
        number = len(next(iter(training.values())).names)
        what = (
            'videos (their files do not name their subset)'
            if unnamed
            else 'videos of the training split'
        )
        print(
            f'weights {weights[0]:.2f} and {weights[1]:.2f}, found by cross-validation on {number} '
            f'{what}: top-1 '
            f'{found:.4f} on those left out, {equal:.4f} with equal weights'
        )
    joint = fuse(parts, weights)
    arguments.present(joint, args.eval, args.out)
