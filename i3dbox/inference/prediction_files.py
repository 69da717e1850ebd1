"""The answers to a video's windows as JSON or CSV, written as they come; and those to many videos
in one table.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from ..fileio import atomic_write
from ..terminal import plain_cell

if TYPE_CHECKING:
    from .recognize import Prediction


class JSONPredictions:
    """One JSON object: `info`, `windows` (frames, seconds and the top classes of each, and where
    several may be there those `found`, of 0.5 or more), `video` (the whole), and `complete`, false
    where the video was not seen to its end.

    Args:
        path: the file. info: plain values. top: classes a window.
    """

    def __init__(self, path: str, info: dict, top: int = 5):
        self._file = open(path, 'w', encoding='utf-8')
        self._top = top
        self._count = 0
        self._file.write(json.dumps(info, indent=1)[:-2] + ',\n "windows": [')

    def add(self, answer: Prediction) -> None:
        """Writes the Prediction to a window."""
        self._file.write(
            ('\n' if self._count == 0 else ',\n') + '  ' + json.dumps(self._values(answer))
        )
        self._count += 1

    def close(self, total: Prediction, complete: bool = True) -> None:
        """Writes the Prediction to the whole and ends the file."""
        video = dict(self._values(total), windows=self._count)
        self._file.write(
            f'\n ],\n "video": {json.dumps(video)},\n "complete": {json.dumps(complete)}\n}}\n'
        )
        self._file.close()

    def discard(self) -> None:
        """Closes the file as it is."""
        self._file.close()

    def _values(self, answer):
        values = dict(
            first=answer.first,
            last=answer.last,
            start=round(answer.start, 3),
            end=round(answer.end, 3),
            top=[prediction._asdict() for prediction in answer.top(self._top)],
        )
        if answer.several:
            values['found'] = [prediction._asdict() for prediction in answer.found]
        return values


class CSVPredictions:
    """A row per class: of each window, and at the end of the whole video. Arguments and methods: of
    JSONPredictions.
    """

    def __init__(self, path: str, info: dict, top: int = 5):
        self._file = open(path, 'w', encoding='utf-8', newline='')
        self._top = top
        self._rows = csv.writer(self._file)
        self._rows.writerow(
            ('part', 'first', 'last', 'start', 'end', 'rank', 'class', 'probability')
        )

    def add(self, answer: Prediction, part: str = 'window') -> None:
        """Writes the Prediction to a window."""
        for rank, prediction in enumerate(answer.top(self._top), 1):
            self._rows.writerow(
                (
                    part,
                    answer.first,
                    answer.last,
                    f'{answer.start:.3f}',
                    f'{answer.end:.3f}',
                    rank,
                    plain_cell(prediction.name),
                    f'{prediction.probability:.6f}',
                )
            )

    def close(self, total: Prediction, complete: bool = True) -> None:
        """Writes the Prediction to the whole, `part` being 'video', or 'so far' where it is not
        complete; ends the file.
        """
        self.add(total, 'video' if complete else 'so far')
        self._file.close()

    def discard(self) -> None:
        """Closes the file as it is."""
        self._file.close()


FORMATS = {'.json': JSONPredictions, '.csv': CSVPredictions}


COLUMNS = ('name', 'filename', 'label', 'class', 'probability', 'error')


def summary_row(name: str, filename: str, answer: Prediction | str) -> dict:
    """Returns a video's row of a summary: its surest class, or (str) why there is none. `label` and
    `class` name all that were found where several may be there, with '; ' between them.
    """
    row = dict.fromkeys(COLUMNS)
    row.update(name=name, filename=filename)
    if isinstance(answer, str):
        row['error'] = answer
        return row
    (surest,) = answer.top(1)
    row.update({'label': surest.label, 'class': surest.name})
    row['probability'] = round(surest.probability, 6)
    if answer.several and answer.found:
        row['probability'] = '; '.join(f'{one.probability:.6f}' for one in answer.found)
    if answer.several:
        row['label'] = '; '.join(str(one.label) for one in answer.found)
        row['class'] = '; '.join(one.name for one in answer.found)
    return row


def write_summary(path: str, rows: list[dict], **info: Any) -> None:
    """Writes a row a video, of `summary_row`: as .csv with COLUMNS, or as .json, an object of
    `info` and `videos`.
    """
    if path.lower().endswith('.json'):
        atomic_write(path, json.dumps(dict(info, videos=rows), indent=1) + '\n')
        return
    text = io.StringIO(newline='')
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for row in rows:
        cells = ('' if row[column] is None else row[column] for column in COLUMNS)
        table.writerow([plain_cell(cell) if isinstance(cell, str) else cell for cell in cells])
    atomic_write(path, text.getvalue())
