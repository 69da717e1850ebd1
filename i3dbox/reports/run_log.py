"""The log.json of a run as columns."""

from __future__ import annotations

import math
import os

from ..errors import DataError
from ..plain_json import WHOLE, check_form, parse_json
from ..streams import BOTH, MODALITIES

_LINE = dict(mode=str, step=WHOLE)


def read_run_log(work_dir: str) -> dict[str, dict[str, list]]:
    """Reads what a run has logged.

    A run that was killed and resumed has logged some steps twice: the later line counts. A line
    that was cut off is left out.

    Returns:
        dict: mode ('train', 'val') -> dict of column -> list, with 'step' among the columns; None
        where a line has no such value.

    Raises: DataError where there is no log, or one that is not of i3dbox.
    """
    path = os.path.join(work_dir, 'log.json')
    if not os.path.isfile(path):
        raise DataError(f'{work_dir} is no work_dir: it has no log.json')
    lines = {'train': {}, 'val': {}}
    broken = 0
    with open(path, encoding='utf-8', errors='replace') as file:
        for text in file:
            try:
                line = parse_json(text)
                check_form(line, _LINE)
            except ValueError:
                broken += 1
                continue
            if line['mode'] in lines:
                lines[line['mode']][line['step']] = line
    if broken and not any(lines.values()):
        raise DataError(f'{path} is no log of i3dbox: none of its lines is')
    return {
        mode: _columns([by_step[step] for step in sorted(by_step)])
        for mode, by_step in lines.items()
    }


def run_folders(work_dir: str) -> dict[str, str]:
    """Returns the folders of the runs of a work_dir: itself, under '', or of finetune those of its
    streams.
    """
    below = {MODALITIES[name]: os.path.join(work_dir, name) for name in BOTH}
    logged = {
        title: folder
        for title, folder in below.items()
        if os.path.isfile(os.path.join(folder, 'log.json'))
    }
    return (
        logged
        if logged and not os.path.isfile(os.path.join(work_dir, 'log.json'))
        else {'': work_dir}
    )


def result_file(work_dir: str) -> str | None:
    """Returns the file of results that finetune has written into its work_dir, or None."""
    if '' in run_folders(work_dir):
        return None
    files = [os.path.join(work_dir, f'{name}.pkl') for name in ('joint', *BOTH)]
    return next((file for file in files if os.path.isfile(file)), None)


def _columns(lines):
    names = dict.fromkeys(name for line in lines for name in line if name != 'mode')
    return {name: [_number(line.get(name)) for line in lines] for name in names}


def _number(value):
    """Returns a number that can be drawn, or None for anything else."""
    return value if type(value) in (int, float) and math.isfinite(value) else None
