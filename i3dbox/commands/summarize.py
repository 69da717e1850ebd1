"""Print one table of figures from result files."""

from __future__ import annotations

import argparse

from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'results',
        nargs='+',
        metavar='[NAME=]FILE',
        help='result files of test, .pkl or .json; of a two-stream file without a NAME '
        'each '
        'stream has a row, too; files of one NAME, such as the three splits, also get their mean',
    )
    arguments.add_metrics_argument(parser)


def run(args: argparse.Namespace) -> None:
    from ..evaluation.results import load_results
    from ..evaluation.tables import figures_table

    sources = [arguments.split_name(item) for item in args.results]
    arguments.check_different([path for _, path in sources])
    groups = {}
    protocols = {}
    for name, path in sources:
        results = load_results(path)
        protocols.setdefault(results.meta.get('protocol'), []).append(path)
        if name or not results.streams:
            parts = {name or path: results}
        else:
            where = f'{path}: ' if len(sources) > 1 else ''
            parts = {f'{where}{title}': part for title, part in results.by_stream().items()}
        for title, part in parts.items():
            groups.setdefault(title, {})[path] = part
    rows = []
    for title, parts in groups.items():
        _check_alike(parts)
        figures = [part.evaluate(args.eval) for part in parts.values()]
        numbers = [len(part.names) for part in parts.values()]
        titles = [title] if len(parts) == 1 else [f'{title}: {path}' for path in parts]
        rows += zip(titles, numbers, figures)
        if len(parts) > 1:
            rows.append((f'{title}: mean of {len(parts)}', sum(numbers), _mean(figures)))
    print(figures_table(rows))
    for protocol, paths in protocols.items():
        if protocol:
            print(
                f'protocol: {protocol}' + (f' ({", ".join(paths)})' if len(protocols) > 1 else '')
            )


def _check_alike(parts):
    """Raises ConfigError where figures of one name are not of one protocol and the same classes."""
    from ..errors import ConfigError, first_difference

    (path, first), *others = parts.items()
    for other_path, other in others:
        protocols = [part.meta.get('protocol') for part in (first, other)]
        difference = first_difference(first.classes, other.classes)
        if difference or protocols[0] != protocols[1]:
            raise ConfigError(
                f'{path} and {other_path} have no mean: '
                + (difference or 'their protocols are ' + ' and '.join(map(str, protocols)))
            )


def _mean(figures):
    """Returns the mean of each figure that is a single number; intervals, which do not average, are
    left out.
    """
    import numpy as np

    return {
        name: sum(f[name] for f in figures) / len(figures)
        for name, value in figures[0].items()
        if np.ndim(value) == 0 and not name.endswith(('_low', '_high'))
    }
