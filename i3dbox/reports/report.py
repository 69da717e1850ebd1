"""The report of runs and results: figures, curves, confusions, classes, mistakes."""

from __future__ import annotations

import datetime
import glob
import os
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import cv2
import numpy as np
from tqdm import tqdm

from .. import __version__
from ..errors import I3DBoxError
from ..evaluation.tables import class_names, confusions, figure_rows
from ..fileio import atomic_write
from . import page
from .charts import calibration_chart, confusion_chart, curves
from .mistakes import frames_of, most_confident_mistakes, open_dataset
from .verdict import thumbnails, verdict
from .words import ENGLISH, drawable, words

if TYPE_CHECKING:
    from ..evaluation.results import Results
    from .words import Say


def write_report(
    out: str,
    runs: dict[str, dict],
    columns: dict[str, Results],
    mistakes: int = 12,
    notes: Iterable[str] = (),
    heat: Callable | None = None,
    language: str = 'en',
) -> str:
    """Writes <out>/report.html, which needs no other file, and its pictures as PNG beside it.

    Args:
        out: a folder, which is made.
        runs: logs by title, see `read_run_log`.
        columns: results of the same classes by title, such as RGB, Flow, RGB + Flow; the last one's
            confusions and mistakes are shown.
        mistakes: how many are shown with their frames.
        notes: what else the reader should know.
        heat: of mistakes.frames_of, for the last of `columns`.
        language: of languages.LANGUAGES.

    Returns: the page's path.
    """
    say = words(language)
    drawn_say = drawable(say)
    pictures = {}
    parts = [page.paragraph(f'{datetime.date.today()}, i3dbox {__version__}', note=True)]
    if columns:
        title, results = list(columns.items())[-1]
        dataset, missing = _dataset_of(results)
        parts += _verdict(columns, dataset, say)
    parts += [page.paragraph(note, note=True) for note in notes]
    if columns:
        parts += _figures(columns, say)
    if runs:
        drawn = curves(runs, drawn_say)
        pictures.update({f'curve_{name}': data for name, data in drawn.items()})
        parts += [page.heading(say('Training')), page.charts(drawn)]
    if columns:
        parts += _classes(columns, say)
        if not results.several:
            parts += _confusions(title, results, columns, pictures, say, drawn_say)
        shown = say('Their frames are not shown: {reason}', reason=missing) if missing else ''
        parts += _mistakes(title, results, mistakes, pictures, dataset, shown, heat, say)
        parts += _sources(columns, say)
    for old in glob.glob(os.path.join(glob.escape(out), '*.png')):  # of an earlier report
        if re.fullmatch(
            r'(curve_\w+|mistake_\d+|confusion_matrix|calibration)\.png', os.path.basename(old)
        ):
            os.remove(old)
    for name, data in pictures.items():
        atomic_write(os.path.join(out, f'{name}.png'), data)
    path = os.path.join(out, 'report.html')
    title = say('i3dbox report: {name}', name=_name(runs, columns))
    atomic_write(path, page.page(title, parts, language))
    return path


def _name(runs, columns):
    """Returns what the report is of: the config of the results, else the runs."""
    config = next((part.meta.get('config') for part in columns.values()), None)
    if isinstance(config, str):
        return os.path.splitext(os.path.basename(config))[0]
    return ', '.join(runs) or ', '.join(columns)


def _dataset_of(results):
    """Returns the data set of results, or None and why there is none."""
    try:
        return open_dataset(results), ''
    except (I3DBoxError, OSError) as error:
        return None, str(error)


def _verdict(columns, dataset, say):
    title, results = list(columns.items())[-1]
    parts = [page.paragraph(verdict(title, results, say))]
    if dataset:
        parts.append(page.thumbnails(thumbnails(dataset, results, say)))
    return parts


def _confusions(title, results, columns, pictures, say, drawn_say):
    pictures['confusion_matrix'] = confusion_chart(results, title, drawn_say)
    pictures['calibration'] = calibration_chart(columns, drawn_say)
    parts = [
        page.heading(say('Confusions')),
        page.charts({name: pictures[name] for name in ('confusion_matrix', 'calibration')}),
    ]
    counts = results.evaluate(['confusion_matrix'])['confusion_matrix']
    pairs = confusions(counts, results.classes)[:50]
    if pairs:
        parts.append(page.table(map(say, ['class', 'taken for', 'videos']), pairs, (0, 1)))
    return parts


def class_rows(columns: dict[str, Results], say: Say = ENGLISH) -> tuple[list[str], list[list]]:
    """Returns the head and rows of the table of classes: videos, each column's recall (average
    precision where videos have several labels), and, for RGB
    and Flow side by side, which of them is better at the class and how many videos only the one or
    the other gets right.
    """
    found = [part.evaluate(['per_class']) for part in columns.values()]
    first = next(iter(columns.values()))
    head = ['class', 'videos', *columns]
    names = class_names(first.classes, first.scores.shape[1])
    figure = 'average_precision' if first.several else 'recall'
    both = (
        not first.several
        and {'RGB', 'Flow'} <= columns.keys()
        and columns['RGB'].names == columns['Flow'].names
    )
    if both:
        head += ['saved by', 'only RGB right', 'only Flow right']
        labels = columns['RGB'].labels
        right = {title: columns[title].predictions == labels for title in ('RGB', 'Flow')}
    rows = []
    for label, name in enumerate(names):
        supports = sorted({int(figures['support'][label]) for figures in found})
        cells = [
            name,
            say('{first} to {last}', first=supports[0], last=supports[-1])
            if len(supports) > 1
            else supports[0],
            *(
                f'{figures[figure][label]:.3f}' if figures['support'][label] else ''
                for figures in found
            ),
        ]
        if both:
            members = labels == label
            alone = [
                int((right[a] & ~right[b] & members).sum())
                for a, b in (('RGB', 'Flow'), ('Flow', 'RGB'))
            ]
            gap = (alone[0] - alone[1]) / max(members.sum(), 1)
            better = 'RGB' if gap > 0 else 'Flow'
            cells += [f'{better} +{abs(gap):.3f}' if gap else '', *alone]
        rows.append(cells)
    return [say(cell) for cell in head], rows


def _figures(columns, say):
    head, *rows = figure_rows(
        [(title, len(part.names), part.evaluate(_metrics(part))) for title, part in columns.items()]
    )
    parts = [
        page.heading(say('Figures')),
        page.table(map(say, head), rows),
    ]
    if not all(part.several for part in columns.values()):
        parts.append(
            page.paragraph(
                say('In brackets: 95 % intervals over the choice of the test videos.'), note=True
            )
        )
    lines = {}
    for title, part in columns.items():
        skipped = part.meta.get('skipped')
        if part.meta.get('protocol'):
            lines.setdefault(_protocol(part.meta['protocol'], say), []).append(title)
        if skipped:
            text = say(
                '{number} damaged videos are not counted: {names}',
                number=len(skipped),
                names=', '.join(skipped),
            )
            lines.setdefault(text, []).append(title)
    return parts + [
        page.paragraph(say('{titles}: {line}', titles=', '.join(titles), line=text), note=True)
        for text, titles in lines.items()
    ]


def _protocol(text, say):
    """Returns a protocol's line with its words said; steps and their arguments stay."""
    return re.sub('mean of the (logits|softmax|sigmoid)', lambda found: say(found[0]), text)


def _metrics(results):
    """Returns the metrics that mean something: of five classes the first five are always right."""
    if results.several:
        return None
    topk = (1, 5) if results.scores.shape[1] > 5 else (1,)
    accuracy = dict(type='top_k_accuracy', topk=topk)
    return [
        accuracy,
        'mean_class_accuracy',
        'calibration_error',
        dict(type='bootstrap', metric=accuracy),
    ]


def _classes(columns, say):
    head, rows = class_rows(columns, say)
    better = say('saved by')
    text_columns = (0, head.index(better)) if better in head else (0,)
    share = say("Share of each class's videos that are recognised. A click on a head sorts.")
    if next(iter(columns.values())).several:
        share = say('Average precision of each class. A click on a head sorts.')
    return [
        page.heading(say('Classes')),
        page.paragraph(share, note=True),
        page.table(head, rows, text_columns),
    ]


def _mistakes(title, results, number, pictures, dataset, missing, heat, say):
    found = most_confident_mistakes(results, number)
    parts = [page.heading(say('Surest mistakes of {title}', title=title))]
    if not found:
        return [*parts, page.paragraph(say('There are none.'))]
    if missing:
        parts.append(page.paragraph(missing, note=True))
    for number, mistake in enumerate(tqdm(found, desc='mistakes', disable=None), 1):
        caption = say(
            '{name}: {label}, taken for {prediction} with confidence {confidence:.3f} (its own '
            'class: {own:.3f})',
            **vars(mistake),
        )
        picture = frames_of(dataset, mistake.name, heat, mistake.taken) if dataset else None
        if picture is not None:
            bgr = np.ascontiguousarray(picture[..., ::-1])
            pictures[f'mistake_{number:02d}'] = cv2.imencode('.png', bgr)[1].tobytes()
            jpeg = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
            parts.append(page.figure(caption, page.image(jpeg, mistake.name, 'jpeg')))
        else:
            parts.append(page.paragraph(caption))
    return parts


def _sources(columns, say):
    metas = [
        meta
        for part in columns.values()
        for meta in (part.meta.get('parts') or {'': part.meta}).values()
    ]
    files = dict.fromkeys(
        (file.get('path'), file.get('sha256'))
        for meta in metas
        for file in (meta.get('checkpoint') or {}).values()
    )
    parts = [
        page.heading(say('Sources')),
        *(page.paragraph(f'{path}, sha256 {digest}') for path, digest in files),
    ]
    meta = metas[-1]
    versions = [f'{name} {version}' for name, version in (meta.get('versions') or {}).items()]
    if versions:
        parts.append(page.paragraph(', '.join(versions)))
    if meta.get('config_text'):
        parts.append(page.details(say('the config'), meta['config_text']))
    return parts
