"""Charts as PNG: curves of runs, confusion matrices, calibration."""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from ..evaluation.metrics import confidences
from ..evaluation.tables import class_names
from ..visualization.text import fitting

if TYPE_CHECKING:
    from ..evaluation.results import Results
    from .words import Say

# Okabe and Ito's colours, which the colour-blind can tell apart
COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000', '#F0E442')


def curves(runs: dict[str, dict], say: Say) -> dict[str, bytes]:
    """Draws loss, accuracy, learning rate and time by step, of one or several runs.

    Args:
        runs: by title, what `read_run_log` returns.
        say: of words.py, what the fonts have the letters of.

    Returns: dict of name -> PNG bytes.
    """
    return {
        'loss': _chart(say, runs, 'loss of training', [('train', 'loss', {})]),
        'accuracy': _chart(
            say,
            runs,
            'top-1 accuracy (dashed: training; dots: validation)',
            [
                ('train', 'top1_acc', dict(ls='--', alpha=0.6)),
                ('val', 'top1_acc', dict(marker='o')),
            ],
            0,
        ),
        'learning_rate': _chart(say, runs, 'learning rate', [('train', 'lr', {})], 0),
        'time': _chart(
            say,
            runs,
            'seconds a step (dashed: waiting for data)',
            [('train', 'time', {}), ('train', 'data_time', dict(ls='--'))],
            0,
            skip=1,  # the first steps, which compile
        ),
    }


def confusion_chart(results: Results, title: str, say: Say) -> bytes:
    """Draws the confusion matrix, rows divided by the number of their samples."""
    counts = results.evaluate(['confusion_matrix'])['confusion_matrix']
    names = [fitting(name)[0] for name in class_names(results.classes, len(counts))]
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(max(4.5, 0.16 * len(counts) + 2.5), 20)
    figure, axes = _figure(say('{title}: what is taken for what', title=title), side + 0.8, side)
    image = axes.imshow(shares, vmin=0, vmax=1, cmap='Blues', interpolation='nearest')
    size = 9 if len(names) <= 20 else max(4, min(8, 700 / len(names) / 1.4))
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set(xlabel=say('prediction'), ylabel=say('label'))
    axes.grid(False)
    if len(names) <= 20:
        for row, column in zip(*np.nonzero(counts)):
            axes.text(
                column,
                row,
                counts[row, column],
                ha='center',
                va='center',
                fontsize=8,
                color='white' if shares[row, column] > 0.5 else 'black',
            )
    figure.colorbar(image, ax=axes, fraction=0.046, label=say("share of the label's videos"))
    return _png(figure)


def calibration_chart(columns: dict[str, Results], say: Say, bins: int = 10) -> bytes:
    """Draws accuracy against confidence of several results."""
    figure, axes = _figure(say('is the network as often right as it is sure?'), 5, 4.2)
    axes.plot([0, 1], [0, 1], color='0.7', lw=1)
    for color, (title, results) in zip(itertools.cycle(COLORS), columns.items()):
        confidence, correct = confidences(results.scores, results.labels)
        indices = np.minimum((confidence * bins).astype(int), bins - 1)
        filled = [b for b in range(bins) if (indices == b).any()]
        axes.plot(
            [confidence[indices == b].mean() for b in filled],
            [correct[indices == b].mean() for b in filled],
            'o-',
            color=color,
            label=title,
        )
    axes.set(xlabel=say('confidence'), ylabel=say('top-1 accuracy'), xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(fontsize=8)
    return _png(figure)


def _chart(say, runs, title, series, bottom=None, skip=0):
    figure, axes = _figure(say(title), 6, 3.4)
    for color, (name, log) in zip(itertools.cycle(COLORS), runs.items()):
        label = name
        for mode, column, style in series:
            pairs = zip(log[mode].get('step', ()), log[mode].get(column, ()))
            points = [(step, value) for step, value in pairs if value is not None]
            points = points[skip:] or points
            if points:
                # a single point is no line
                shown = dict(marker='.' if len(points) == 1 else '', lw=1.2, ms=4)
                axes.plot(*zip(*points), color=color, label=label, **{**shown, **style})
                label = None
    axes.set_xlabel(say('step'))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if bottom is not None:
        axes.set_ylim(bottom=bottom)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)
    return _png(figure)


def _figure(title, width, height):
    figure = Figure(figsize=(width, height), layout='constrained')
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10)
    axes.grid(True, color='0.9')
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)
    return figure, axes


def _png(figure):
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # class names may hold $
        if not text.get_text().isascii():
            shown, path = fitting(text.get_text())
            properties = text.get_fontproperties().copy()
            properties.set_file(path)
            text.set(text=shown, fontproperties=properties)
    file = io.BytesIO()
    figure.savefig(file, format='png', dpi=110)
    return file.getvalue()
