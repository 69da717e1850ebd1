"""Has workers read damaged cases, and counts what came of them."""

import collections
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys

from . import no_sockets

SECONDS = 10  # a case that takes longer hangs
MEMORY = 200 << 20  # bytes that a case may take, or three times its files
BAD = ('traceback', 'crash', 'hang', 'memory', 'socket')
KEPT = 2  # cases of a kind
_START = 180  # seconds to import, and to make the good files
_TESTS = pathlib.Path(__file__).resolve().parents[1]


class Worker:
    """A process of fuzz.worker, which is started again after a case that ended it.

    Args:
        folder: to work in, a new one.
        formats: the module whose function `formats` tells what there is.
    """

    def __init__(self, folder, formats='fuzz.formats'):
        self.folder = pathlib.Path(folder)
        self._formats = formats
        self._log = self.folder.with_name(f'{self.folder.name}.stderr')
        self._process = None
        self._known = set()  # formats whose good files are made

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None

    def read(self, format, seed, number):
        """Has a case read; returns what came of it (dict, see worker). Raises RuntimeError where
        the good files cannot be read, or not be damaged.
        """
        if self._process is None:
            self._start()
        if format not in self._known:
            answer = self._ask(format, seed, -1, _START)
            if answer['outcome'] != 'read':
                raise RuntimeError(f'{format}: the good files are not read: {answer}')
            self._known.add(format)
        return self._ask(format, seed, number, SECONDS)

    def _start(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._known.clear()
        with open(self._log, 'wb') as log:
            self._process = subprocess.Popen(
                [sys.executable, '-m', 'fuzz.worker', self.folder, self._formats],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, 'PYTHONPATH': f'{_TESTS.parent}{os.pathsep}{_TESTS}'},
            )

    def _ask(self, format, seed, number, seconds):
        """Returns what the worker tells of a case, or what became of the worker."""
        self._process.stdin.write(f'{format} {seed} {number}\n'.encode())
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            self.close()
            return dict(outcome='hang', where='', error='', memory=0, seconds=seconds)
        line = self._process.stdout.readline()
        if line:
            answer = json.loads(line)
            most = max(MEMORY, 3 * answer['size'])
            if answer['outcome'] != 'traceback' and answer['memory'] > most:
                answer.update(outcome='memory', where='')
            return answer
        status = self._process.wait()
        self.close()
        said = self._log.read_text('utf-8', 'replace')
        if status > 0:  # what reads lets nothing through; what damages has failed
            raise RuntimeError(f'{format}: case {number}: {said}')
        outcome = 'socket' if status == -no_sockets.SIGNAL else 'crash'
        where = signal.Signals(-status).name
        return dict(outcome=outcome, where=where, error=said, memory=0, seconds=0.0)


class Counts:
    """What came of the cases of a format.

    Args:
        format: its name.
        seed: which cases there are: case N of a seed is always the same.
        keep: the folder for bad cases; None: none is kept.

    Attributes:
        outcomes (Counter): 'read', 'refused' (an error that is documented), and those of BAD.
        kinds (dict): (outcome, where it came up) -> (how many, number of the first case, details).
        memory, seconds: the most that a case took.
    """

    def __init__(self, format, seed=0, keep=None):
        self.format = format
        self.seed = seed
        self.keep = keep and pathlib.Path(keep)
        self.outcomes = collections.Counter()
        self.kinds = {}
        self.memory = 0
        self.seconds = 0.0

    @property
    def bad(self):
        return sum(self.outcomes[kind] for kind in BAD)

    def try_case(self, worker, number):
        """Has a case read; counts and returns its outcome."""
        answer = worker.read(self.format, self.seed, number)
        self.outcomes[answer['outcome']] += 1
        self.memory = max(self.memory, answer['memory'])
        self.seconds = max(self.seconds, answer['seconds'])
        if answer['outcome'] in BAD:
            self._note(number, answer, worker.folder / 'input')
        return answer['outcome']

    def _note(self, number, answer, case):
        kind = answer['outcome'], answer['where']
        count, first, details = self.kinds.get(kind, (0, number, answer['error']))
        self.kinds[kind] = count + 1, first, details
        if self.keep and count < KEPT:
            target = self.keep / f'{self.format}-{self.seed}-{number}'
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(case, target / 'input')
            (target / 'what.txt').write_text(f'{kind}\n{answer["error"]}\n', encoding='utf-8')
