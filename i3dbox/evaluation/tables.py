"""Figures as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from terminaltables import AsciiTable

from ..terminal import printable

if TYPE_CHECKING:
    from .results import Results

MOST_CONFUSIONS = 20


def print_results(results: Results, metrics: Sequence[str | dict] | None = None) -> None:
    """Prints the protocol, the figures of each stream and of all, and what they leave out."""
    if results.meta.get('protocol'):
        print(f'protocol: {results.meta["protocol"]}')
    engine = results.meta.get('engine')
    if engine:
        version = results.meta.get('versions', {}).get(engine, '')
        print(f'computed by {engine} {version}, {results.meta.get("precision")}')
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


def table(rows: Iterable[Sequence], right: Iterable[int] = (), footer: bool = False) -> str:
    """Formats rows of cells, of which the first is the head.

    Args:
        right: the columns of numbers, which end at one line.
        footer: the last row is a total, with a line above it.
    """
    made = AsciiTable([[printable(str(cell)) for cell in row] for row in rows])
    made.justify_columns = dict.fromkeys(right, 'right')
    made.inner_footing_row_border = footer
    return made.table


def figures_table(rows: list[tuple[str, int, dict]]) -> str:
    """Formats one row of figures for each of several results.

    Args:
        rows (list of (title, number of videos, dict of figures)): arrays among the figures are left
            out. Where there are x_low and x_high (of the metric `bootstrap`), they stand beside x.

    Returns: str.
    """
    return table(figure_rows(rows))


def figure_rows(rows: list[tuple[str, int, dict]]) -> list[list]:
    """Returns the cells of `figures_table`, the head first."""
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
    """Formats a figure, with its interval where there is one; '' where there is no such figure."""
    if name not in figures:
        return ''
    interval = [figures.get(f'{name}_{end}') for end in ('low', 'high')]
    return f'{figures[name]:.4f}' + (
        ' [{:.4f}, {:.4f}]'.format(*interval) if None not in interval else ''
    )


def arrays_text(figures: dict, classes: Sequence[str] | None = None) -> str:
    """Returns what the metrics per_class and confusion_matrix found, as text; '' where they were
    not asked for.
    """
    parts = []
    if 'support' in figures:
        names = class_names(classes, len(figures['support']))
        columns = [key for key in ('recall', 'precision', 'average_precision') if key in figures]
        rows = zip(names, figures['support'], *(figures[key] for key in columns))
        parts.append(
            table(
                [
                    ['class', 'videos', *(key.replace('_', ' ') for key in columns)],
                    *(
                        [name, int(support), *(f'{value:.4f}' for value in values)]
                        for name, support, *values in rows
                    ),
                ]
            )
        )
    if 'confusion_matrix' in figures:
        rows = confusions(figures['confusion_matrix'], classes)[:MOST_CONFUSIONS]
        parts.append(table([['class', 'taken for', 'videos'], *rows]))
    return '\n'.join(parts)


def confusions(
    counts: np.ndarray, classes: Sequence[str] | None = None
) -> list[tuple[str, str, int]]:
    """Returns the confused pairs of a confusion matrix, (class, taken for, how often), most
    frequent first.
    """
    names = class_names(classes, len(counts))
    pairs = [(-counts[i, j], i, j) for i, j in zip(*np.nonzero(counts)) if i != j]
    return [(names[i], names[j], int(-number)) for number, i, j in sorted(pairs)]


def class_names(classes: Sequence[str] | None, number: int) -> list[str]:
    """Returns the classes' names, or their labels where they have none."""
    return list(classes) if classes else [str(label) for label in range(number)]
