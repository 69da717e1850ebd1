"""Figures as tables for a terminal."""

import numpy as np
from terminaltables import AsciiTable

MOST_CONFUSIONS = 20


def print_results(results, metrics):
    """The protocol, the figures of each stream and of all, and what is not counted in them."""
    if results.meta.get('protocol'):
        print(f'protocol: {results.meta["protocol"]}')
    skipped = results.meta.get('skipped')
    if skipped:
        print(f'{len(skipped)} damaged videos are not counted: {", ".join(skipped)}')
    print(f'{len(results.names)} videos')
    figures = {title: part.evaluate(metrics) for title, part in results.by_stream().items()}
    if len(figures) > 1:
        print(
            figures_table(
                [(title, len(results.names), values) for title, values in figures.items()]
            )
        )
    for title, values in figures.items():
        for name, value in values.items() if len(figures) == 1 else ():
            if np.ndim(value) == 0:
                print(f'{name}: {value:.4f}')
        text = arrays_text(values, results.classes)
        if text:
            print(f'{title}\n{text}')


def table(rows, right=(), footer=False):
    """Rows of cells (the first is the head) as text.

    Args:
        right (iterable of int): the columns of numbers, which end at one line.
        footer (bool): the last row is a total, with a line above it.
    """
    made = AsciiTable([[str(cell) for cell in row] for row in rows])
    made.justify_columns = dict.fromkeys(right, 'right')
    made.inner_footing_row_border = footer
    return made.table


def figures_table(rows):
    """One row of figures for each of several results.

    Args:
        rows (list of (title, number of videos, dict of figures)): arrays among the figures are left
            out. Where there are x_low and x_high (of the metric `bootstrap`), they stand beside x.

    Returns: str.
    """
    return table(figure_rows(rows))


def figure_rows(rows):
    """The cells of `figures_table`, the head first."""
    names = list(
        dict.fromkeys(
            name for *_, figures in rows for name, value in figures.items() if np.ndim(value) == 0
        )
    )
    ends = {
        f'{name}_{end}'
        for name in names
        for end in ('low', 'high')
        if f'{name}_low' in names and f'{name}_high' in names
    }
    names = [name for name in names if name not in ends]
    return [
        ['', 'videos', *names],
        *(
            [title, number, *(_figure(figures, name) for name in names)]
            for title, number, figures in rows
        ),
    ]


def _figure(figures, name):
    """A figure as text, with its interval where there is one; '' where there is no such figure."""
    if name not in figures:
        return ''
    interval = [figures.get(f'{name}_{end}') for end in ('low', 'high')]
    return f'{figures[name]:.4f}' + (
        ' [{:.4f}, {:.4f}]'.format(*interval) if None not in interval else ''
    )


def arrays_text(figures, classes=None):
    """What the metrics per_class and confusion_matrix found, as text; '' where they were not asked
    for.
    """
    parts = []
    if 'recall' in figures:
        names = class_names(classes, len(figures['recall']))
        rows = zip(names, figures['support'], figures['recall'], figures['precision'])
        parts.append(
            table(
                [
                    ['class', 'videos', 'recall', 'precision'],
                    *(
                        [name, int(support), f'{recall:.4f}', f'{precision:.4f}']
                        for name, support, recall, precision in rows
                    ),
                ]
            )
        )
    if 'confusion_matrix' in figures:
        rows = confusions(figures['confusion_matrix'], classes)[:MOST_CONFUSIONS]
        parts.append(table([['class', 'taken for', 'videos'], *rows]))
    return '\n'.join(parts)


def confusions(counts, classes=None):
    """The confused pairs of a confusion matrix, (class, taken for, how often), most frequent
    first.
    """
    names = class_names(classes, len(counts))
    pairs = [(-counts[i, j], i, j) for i, j in zip(*np.nonzero(counts)) if i != j]
    return [(names[i], names[j], int(-number)) for number, i, j in sorted(pairs)]


def class_names(classes, number):
    """The classes' names, or their labels where they have none."""
    return list(classes) if classes else [str(label) for label in range(number)]
