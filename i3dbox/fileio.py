"""Writing files and folders so that a reader never sees half of one, telling files apart, and the
cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator

from .errors import ConfigError

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None


class InTheMaking(FileExistsError):
    """Another process is making it now."""


def cache_folder() -> str:
    """Returns where what is downloaded or made is kept: I3DBOX_CACHE, or ~/.cache/i3dbox."""
    return os.path.expanduser(
        os.environ.get('I3DBOX_CACHE') or os.path.join('~', '.cache', 'i3dbox')
    )


def keep_dumps_in_cache() -> None:
    """Has MindSpore write what it could not compile to the cache, unless the user names a place: it
    would be the folder that one stands in.
    """
    os.environ.setdefault('MS_OM_PATH', os.path.join(cache_folder(), 'mindspore'))


@contextlib.contextmanager
def atomic_path(path: str) -> Iterator[str]:
    """Yields a temporary path beside `path`; renames it to `path` if the block succeeds, when it is
    on the disk.

    The temporary file keeps the extension, and is removed if the block fails. What a killed process
    left there is written over. Parent folders are made.
    """
    path = os.path.abspath(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary, handle = _open_temporary(path)
    try:
        yield temporary
        make_public(temporary)
        _sync(temporary)
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = path  # a full disk does not name the file
        raise
    finally:
        os.close(handle)


def _open_temporary(path):
    """Returns (path, handle) of a file beside `path` that no other process writes: always the same
    one, unless there is another writer.
    """
    folder, name = os.path.split(path)
    stem, extension = os.path.splitext(name)
    temporary = os.path.join(folder, _short(f'.{stem}.part{extension}', extension))
    with contextlib.suppress(OSError):  # no file, or not ours
        handle = _lock(temporary, os.O_RDWR | os.O_CREAT | getattr(os, 'O_NOFOLLOW', 0))
        if handle is not None:
            os.ftruncate(handle, 0)
            return temporary, handle
    handle, temporary = tempfile.mkstemp(prefix='.', suffix=f'.part{extension}', dir=folder)
    return temporary, handle


def _short(name, extension=''):
    """Returns a name for a temporary file or folder, at most as long as names can be."""
    if len(os.fsencode(name)) <= 255:
        return name
    return f'.{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}.part{extension}'


def _sync(path):
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_public(path: str) -> None:
    """Gives a file that was made private the permissions of any other new file."""
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(path, 0o666 & ~umask)


def atomic_write(path: str, data: str | bytes) -> None:
    """Writes `data`, text as UTF-8, to `path` in one step.

    What is no character (a byte of a file's name that is not UTF-8) is written as JSON and Python
    do, such as \\udc80.
    """
    with atomic_path(path) as temporary:
        with open(temporary, 'wb') as file:
            file.write(data.encode('utf-8', 'backslashreplace') if isinstance(data, str) else data)


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
        reason = f'{folder}: {error.strerror}'
        raise ConfigError(f'{path} cannot be written: {reason}; name another place') from error
    if os.path.isdir(path):
        raise ConfigError(f'{path} cannot be written: it is a folder')
    if not os.access(folder, os.W_OK):
        raise ConfigError(f'{path} cannot be written: {folder} is not writable; name another place')


@contextlib.contextmanager
def atomic_folder(path: str) -> Iterator[str]:
    """Yields an empty folder beside `path`; renames it to `path` if the block succeeds.

    Raises:
        FileExistsError: `path` is there.
        InTheMaking: another process is making it now.
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
        InTheMaking: another process is making `path` now.
    """
    parent, name = os.path.split(os.path.abspath(path))
    folder = os.path.join(parent, _short(f'.{name}.part'))
    lock = _lock(folder, os.O_RDONLY)
    if lock is None:
        raise InTheMaking(f'{path} is being made by another process')
    try:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.remove(entry.path)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


@contextlib.contextmanager
def only_one(path: str) -> Iterator[None]:
    """Lets one process at a time through, by a lock on the file `path`; the others wait."""
    with open(path, 'w') as file:
        if fcntl:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def held(path: str, message: str) -> Iterator[None]:
    """Holds the file `path` for the time of the block, and writes into it who does.

    Args:
        message: of the error, with {} for who holds it.

    Raises:
        ConfigError: another process holds it.
    """
    handle = _lock(path, os.O_RDWR | os.O_CREAT)
    if handle is None:
        holder = ''
        with contextlib.suppress(FileNotFoundError):  # it is just being given up
            with open(path, encoding='utf-8', errors='replace') as file:
                holder = file.read(200).strip()
        raise ConfigError(message.format(holder or 'another process'))
    try:
        since = time.strftime('%Y-%m-%d %H:%M:%S')
        os.ftruncate(handle, 0)
        os.write(handle, f'process {os.getpid()} on {platform.node()} since {since}\n'.encode())
        yield
    finally:
        with contextlib.suppress(OSError):  # the folder may be gone, or hold files
            os.remove(path)
            os.rmdir(os.path.dirname(path))
        os.close(handle)


def _lock(path, flags):
    """Opens a file, or makes and opens a folder; returns a handle with its lock, or None where
    another process has it. The lock goes with the process, however it ends. Where there are none,
    nobody has it.
    """
    for attempt in itertools.count():
        try:
            handle = os.open(path, flags, 0o600)
        except FileNotFoundError:
            if attempt > 100:  # a link to nowhere
                raise
            folder = os.path.dirname(os.path.abspath(path)) if flags & os.O_CREAT else path
            with contextlib.suppress(FileExistsError):  # it was there, and is gone again
                os.makedirs(folder, exist_ok=True)  # again, where it was just removed or renamed
            continue
        try:
            if fcntl:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), os.stat(path)):
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
