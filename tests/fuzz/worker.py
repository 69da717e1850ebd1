"""A process that reads damaged cases, and tells what came of each.

    python -m fuzz.worker FOLDER fuzz.formats

It gets lines of a format, a seed and the number of a case on stdin, and writes a line of JSON for
each to stdout. The good files of a format are made when it is named first; number -1 stands for
them. FOLDER/input holds what was read last.
"""

import importlib
import json
import os
import pathlib
import random
import resource
import shutil
import sys
import time
import traceback

from i3dbox.errors import I3DBoxError

from .no_sockets import end_at_the_first_socket

DOCUMENTED = (I3DBoxError, OSError)  # what a command prints as one line


def main():
    folder, module = pathlib.Path(sys.argv[1]), sys.argv[2]
    answers = os.fdopen(os.dup(1), 'w')
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)  # what native code prints is no answer
    end_at_the_first_socket()
    known = importlib.import_module(module).formats()
    for line in sys.stdin:
        name, seed, number = line.split()
        answers.write(json.dumps(_try(known[name], name, seed, int(number), folder)) + '\n')
        answers.flush()


def _try(format, name, seed, number, folder):
    good = folder / 'good' / name
    if not good.exists():
        good.mkdir(parents=True)
        format.make(good)
        _read(format, good, folder)  # what is imported for it is not of a case
    case = _copy(good, folder / 'input')
    if number >= 0:
        format.damage(random.Random(f'{name} {seed} {number}'), case)
    return _read(format, case, folder)


def _copy(source, target):
    shutil.rmtree(target, ignore_errors=True)
    return shutil.copytree(source, target)


def _read(format, case, folder):
    """Reads a copy of a case; returns what came of it: 'read', 'refused' or 'traceback', the
    error's text and where it came up, bytes of memory, seconds, and bytes of the files.
    """
    size = sum(path.stat().st_size for path in case.rglob('*') if path.is_file())
    copy = _copy(case, folder / 'copy')
    before = _memory(peak=False)
    begin = time.perf_counter()
    outcome, error, where = 'read', '', ''
    try:
        format.read(copy)
    except DOCUMENTED as problem:
        outcome, error = 'refused', str(problem)
    except BaseException as problem:
        outcome, error = 'traceback', traceback.format_exc()
        where = f'{type(problem).__name__} at {_origin(problem)}'
    seconds = time.perf_counter() - begin
    memory = max(_memory(peak=True) - before, 0)
    return dict(
        outcome=outcome, error=error, where=where, memory=memory, seconds=seconds, size=size
    )


def _origin(error):
    """Returns the last line of the project's own at which an error came up."""
    places = [
        f'{os.path.basename(os.path.dirname(code.co_filename))}/'
        f'{os.path.basename(code.co_filename)}:{line}'
        for code, line in (
            (frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)
        )
        if '/i3dbox/' in code.co_filename or '/fuzz/' in code.co_filename
    ]
    return places[-1] if places else '?'


def _memory(peak):
    """Returns the bytes that the process holds; or the most of them since it was asked last."""
    try:
        lines = pathlib.Path('/proc/self/status').read_text().splitlines()
        values = dict(line.split(':', 1) for line in lines)
        if not peak:
            pathlib.Path('/proc/self/clear_refs').write_text('5')
        return int(values['VmHWM' if peak else 'VmRSS'].split()[0]) << 10
    except (OSError, KeyError):  # not Linux: the most since the start
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


if __name__ == '__main__':
    main()
