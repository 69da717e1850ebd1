"""Print one table of figures from result files."""

from . import arguments


def add_arguments(parser):
    parser.add_argument('results', nargs='+', metavar='[NAME=]FILE',
                        help='result files of tools/test.py, .pkl or .json; of a two-stream file without a NAME each '
                        'stream has a row, too; files of one NAME, such as the three splits, also get their mean')
    arguments.add_metrics_argument(parser)


def run(args):
    from ..evaluation.metrics import DEFAULT
    from ..evaluation.results import load_results
    from ..evaluation.tables import figures_table

    groups = {}
    for item in args.results:
        name, _, path = item.rpartition('=')
        results = load_results(path)
        parts = results.by_stream() if results.streams and not name else {name or _stem(path): results}
        for title, part in parts.items():
            groups.setdefault(title, {})[path] = part
    rows = []
    for title, parts in groups.items():
        figures = [part.evaluate(args.eval or DEFAULT) for part in parts.values()]
        numbers = [len(part.names) for part in parts.values()]
        titles = [title] if len(parts) == 1 else [f'{title}: {_stem(path)}' for path in parts]
        rows += zip(titles, numbers, figures)
        if len(parts) > 1:
            rows.append((f'{title}: mean of {len(parts)}', sum(numbers), _mean(figures)))
    print(figures_table(rows))


def _stem(path):
    import os

    return os.path.splitext(os.path.basename(path))[0]


def _mean(figures):
    """The mean of each figure that is a single number; intervals, which do not average, are left out."""
    names = [name for name, value in figures[0].items() if isinstance(value, float)]
    return {name: sum(f[name] for f in figures) / len(figures) for name in names
            if not name.endswith(('_low', '_high'))}
