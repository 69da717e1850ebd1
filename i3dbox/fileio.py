"""Writing files and folders so that a reader never sees half of one, telling files apart, and the
cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator

from .errors import ConfigError

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None


def cache_folder() -> str:
    """Returns where what is downloaded or made is kept: I3DBOX_CACHE, or ~/.cache/i3dbox."""
    return os.path.expanduser(
        os.environ.get('I3DBOX_CACHE') or os.path.join('~', '.cache', 'i3dbox')
    )


@contextlib.contextmanager
def atomic_path(path: str) -> Iterator[str]:
    """Yields a temporary path beside `path`; renames it to `path` if the block succeeds.

    The temporary file keeps the extension, and is removed if the block fails. Parent folders are
    made.
    """
    folder, name = os.path.split(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    stem, extension = os.path.splitext(name)
    handle, temporary = tempfile.mkstemp(prefix=f'.{stem}.', suffix=f'.part{extension}', dir=folder)
    os.close(handle)
    try:
        yield temporary
        make_public(temporary)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)


def make_public(path: str) -> None:
    """Gives a file that was made private the permissions of any other new file."""
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(path, 0o666 & ~umask)


def atomic_write(path: str, data: str | bytes) -> None:
    """Writes `data`, text as UTF-8, to `path` in one step."""
    with atomic_path(path) as temporary:
        with open(temporary, 'wb') as file:
            file.write(data.encode('utf-8') if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())


def sha256(path: str) -> str:
    """Returns the SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()


def check_writable(path: str) -> None:
    """Raises ConfigError unless a file can be written at `path`; makes its folder. For before a
    long computation.
    """
    folder = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise ConfigError(f'{path} cannot be written: {error}') from error
    if os.path.isdir(path):
        raise ConfigError(f'{path} cannot be written: it is a folder')
    if not os.access(folder, os.W_OK):
        raise ConfigError(f'{path} cannot be written: {folder} is not writable')


@contextlib.contextmanager
def atomic_folder(path: str) -> Iterator[str]:
    """Yields an empty folder beside `path`; renames it to `path` if the block succeeds.

    Raises:
        FileExistsError: `path` is there, or another process is making it now.
    """
    with scratch_folder(path) as folder:
        # looked at under the lock, as another process may just have made it
        if os.path.lexists(path):
            raise FileExistsError(f'{path} is there already')
        yield folder
        os.rename(folder, path)


@contextlib.contextmanager
def scratch_folder(path: str) -> Iterator[str]:
    """Yields an empty folder beside `path`, for this process alone and for the time of the block.

    What a killed process left there is cleared away first. Parent folders are made.

    Raises:
        FileExistsError: another process is making `path` now.
    """
    parent, name = os.path.split(os.path.abspath(path))
    folder = os.path.join(parent, f'.{name}.part')
    lock = _lock(folder)
    if lock is None:
        raise FileExistsError(f'{path} is being made by another process')
    try:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.remove(entry.path)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock >= 0:
            os.close(lock)


@contextlib.contextmanager
def only_one(path: str) -> Iterator[None]:
    """Lets one process at a time through, by a lock on the file `path`; the others wait."""
    with open(path, 'w') as file:
        if fcntl:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lock(folder):
    """Makes the folder. Returns a handle that locks it, or None where another process has it; -1
    where there are no locks. The lock goes with the process, however it ends.
    """
    while True:
        os.makedirs(folder, exist_ok=True)
        if fcntl is None:
            return -1
        try:
            handle = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # whoever had it has just removed or renamed it
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), os.stat(folder)):
                return handle
        except BlockingIOError:
            os.close(handle)
            return None
        except FileNotFoundError:
            pass
        except OSError:  # a file system without locks
            return handle
        os.close(handle)


def write_between(path: str, begin: str, end: str, text: str) -> None:
    """Puts `text` between two marks of a page. Raises ConfigError where it has no such lines."""
    with open(path, encoding='utf-8') as file:
        page = file.read()
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ConfigError(f'{path}: has no lines {begin!r} and {end!r} to write between')
    atomic_write(path, f'{before}{begin}\n\n{text}\n{end}{after}')
