"""One temporary folder for what users send and what is made of it; it does not grow."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator


class Storage:
    """A temporary folder, for this user of the machine alone, that is removed at the end.

    Whatever lies in it is an entry, a file or a folder. `sweep` removes entries that are old, and
    where all take more than the budget the oldest; what is in use stays.

    Args:
        budget: bytes that entries may take together.
        age: seconds that an entry stays.
    """

    def __init__(self, budget: int, age: float):
        # resolved, as what lies in it is compared with paths that others have resolved
        self.root = os.path.realpath(tempfile.mkdtemp(prefix='i3dbox_app_'))
        self._budget = budget
        self._age = age
        self._kept = set()
        self._used = []
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def keep_all(self) -> None:
        """Keeps the entries that are there now until the end, outside of the budget."""
        self._kept.update(os.listdir(self.root))

    def holds(self, path: str) -> bool:
        """Whether a path is that of a file in the folder."""
        real = os.path.realpath(path)
        return real.startswith(os.path.join(self.root, '')) and os.path.isfile(real)

    @contextlib.contextmanager
    def job(self, path: str) -> Iterator[str]:
        """Yields a new folder for a job's files; it and the entry that `path` lies in are not
        removed meanwhile.
        """
        folder = tempfile.mkdtemp(prefix='job_', dir=self.root)
        entry = os.path.relpath(os.path.realpath(path), self.root).split(os.sep)[0]
        names = [os.path.basename(folder), entry]
        with self._lock:
            self._used += names
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            with self._lock:
                for name in names:
                    self._used.remove(name)

    def sweep(self) -> None:
        """Removes what is old or too much."""
        with self._lock:
            free = []
            for entry in os.scandir(self.root):
                with contextlib.suppress(FileNotFoundError):  # it has just been renamed
                    if entry.name not in self._kept and entry.name not in self._used:
                        free.append((_last_change(entry.path), _size(entry.path), entry.path))
            left = sum(size for _, size, _ in free)
            for changed, size, path in sorted(free):
                if left <= self._budget and time.time() - changed <= self._age:
                    continue
                left -= size
                if os.path.isdir(path):
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    with contextlib.suppress(FileNotFoundError):
                        os.remove(path)

    def sweep_on(self, every: float = 10.0) -> None:
        """Sweeps each `every` seconds until `close`, in a thread."""

        def work():
            while not self._ended.wait(every):
                with contextlib.suppress(OSError):
                    self.sweep()

        threading.Thread(target=work, daemon=True).start()

    def close(self) -> None:
        """Removes the folder."""
        self._ended.set()
        shutil.rmtree(self.root, ignore_errors=True)


def _files(path):
    if not os.path.isdir(path):
        return [path]
    return [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]


def _size(path):
    return sum(os.lstat(file).st_size for file in _files(path))


def _last_change(path):
    return max(os.lstat(file).st_mtime for file in (path, *_files(path)))
