"""Print one table of figures from result files."""


def add_arguments(parser):
    parser.add_argument('results', nargs='+', metavar='[NAME=]FILE.pkl', help='result files of tools/test.py')
    parser.add_argument('--eval', nargs='+', metavar='METRIC',
                        help='which figures; default: top-k and mean class accuracy')


def run(args):
    import os

    from terminaltables import AsciiTable

    from ..evaluation.metrics import DEFAULT
    from ..evaluation.results import load_results
    rows = []
    for item in args.results:
        name, _, path = item.rpartition('=')
        results = load_results(path)
        rows.append((name or os.path.splitext(os.path.basename(path))[0], len(results.names),
                     results.evaluate(args.eval or DEFAULT)))
    metrics = list(rows[0][2])
    table = [['', 'videos', *metrics]]
    table += [[name, count, *(f'{figures[m]:.4f}' for m in metrics)] for name, count, figures in rows]
    print(AsciiTable([[str(cell) for cell in row] for row in table]).table)
