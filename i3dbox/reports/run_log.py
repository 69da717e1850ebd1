"""The log.json of a run as columns."""

import json
import os

from ..errors import DataError


def read_run_log(work_dir):
    """Reads what a run has logged.

    A run that was killed and resumed has logged some steps twice: the later line counts. A last line that was cut
    off is left out.

    Returns:
        dict: mode ('train', 'val') -> dict of column -> list, with 'step' among the columns; None where a line has
        no such value.

    Raises: DataError where there is no log, or one that is not of i3dbox.
    """
    path = os.path.join(work_dir, 'log.json')
    if not os.path.isfile(path):
        raise DataError(f'{work_dir} is no work_dir: it has no log.json')
    lines = {'train': {}, 'val': {}}
    with open(path, encoding='utf-8', errors='replace') as file:
        for number, text in enumerate(file, 1):
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                if text.endswith('\n'):
                    raise DataError(f'{path}, line {number} is no JSON') from None
                continue
            if isinstance(line, dict) and line.get('mode') in lines and 'step' in line:
                lines[line['mode']][line['step']] = line
    return {mode: _columns([by_step[step] for step in sorted(by_step)]) for mode, by_step in lines.items()}


def _columns(lines):
    names = dict.fromkeys(name for line in lines for name in line if name != 'mode')
    return {name: [line.get(name) for line in lines] for name in names}
