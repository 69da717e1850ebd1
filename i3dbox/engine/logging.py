"""The log of a run: a console and a text file for people, and JSON lines for machines."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import time

from tqdm import tqdm

from ..fileio import check_writable

ROOT = 'i3dbox'


class _Console(logging.StreamHandler):
    """Writes around a progress bar, if there is one."""

    def emit(self, record):
        try:
            tqdm.write(self.format(record), file=self.stream)
        except Exception:  # as all handlers do: a console that is gone stops no run
            self.handleError(record)


def setup_logging(work_dir: str | None = None, rank: int = 0) -> logging.Logger:
    """Sets up the project's logger for a run, in the place of an earlier run's.

    Rank 0 writes everything to the console and to <work_dir>/<time>.log; other ranks write
    warnings to the console.

    Returns: the logger.
    """
    logger = logging.getLogger(ROOT)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    console = _Console(sys.stdout)
    console.setLevel(logging.INFO if rank == 0 else logging.WARNING)
    console.setFormatter(
        logging.Formatter('%(message)s' if rank == 0 else f'[rank {rank}] %(message)s')
    )
    logger.addHandler(console)
    if work_dir and rank == 0:
        path = os.path.join(work_dir, time.strftime('%Y%m%d_%H%M%S') + '.log')
        check_writable(path)
        # delayed, as there is no file for a run that does not start
        file = logging.FileHandler(path, encoding='utf-8', delay=True)
        file.setFormatter(logging.Formatter('%(asctime)s %(levelname)s %(message)s'))
        logger.addHandler(file)
    return logger


class JsonLines:
    """Appends one JSON object per line to a file. NaN and infinity, which JSON has not, become
    null.
    """

    def __init__(self, path: str):
        self.path = path

    def write(self, **values) -> None:
        """Writes one line."""
        values = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in values.items()
        }
        with open(self.path, 'ab+') as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b'\n':  # a killed run was writing its last line
                    file.write(b'\n')
            file.write((json.dumps(values, ensure_ascii=False, allow_nan=False) + '\n').encode())
