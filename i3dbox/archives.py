"""Unpacking archives that others made: files and folders, none of them outside of the target."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator

from .errors import DataError, first_line

EXTENSIONS = ('.zip', '.tar', '.tar.gz', '.tgz', '.tar.bz2')


def is_archive(path: str) -> bool:
    """Whether a path or address is called as an archive is."""
    return path.lower().endswith(EXTENSIONS)


def stem(path: str) -> str:
    """Returns the last part of a path or address, without an archive's extension."""
    name = os.path.basename(path.rstrip('/'))
    for extension in sorted(EXTENSIONS, key=len, reverse=True):
        if name.lower().endswith(extension):
            return name[: -len(extension)]
    return name


def unpack(path: str, folder: str, called: str | None = None) -> None:
    """Unpacks an archive into `folder`, which it makes; errors name it as it is `called`.

    Raises:
        DataError: it is damaged, names a place outside of the folder, holds links or devices, or
            more than the disk has room for. What was unpacked until then is left there.
    """
    called = called or path
    with _told(called), _opened(path) as archive:
        members = list(_members(archive))
        for name, size in members:
            parts = name.replace('\\', '/').split('/')
            if name.startswith(('/', '\\')) or '..' in parts or ':' in parts[0] or size is None:
                raise DataError(f'{called}: {name!r} in it is no file or folder inside of it')
        os.makedirs(folder, exist_ok=True)
        needed = sum(size for _, size in members)
        free = shutil.disk_usage(folder).free
        if needed > free:
            sizes = f'{needed / 1e9:.1f} GB unpacked, and {free / 1e9:.1f} GB are free'
            raise DataError(f'{called}: takes {sizes}')
        # Python's own filter of tar archives as well, where there is one
        own = hasattr(tarfile, 'data_filter') and isinstance(archive, tarfile.TarFile)
        archive.extractall(folder, **(dict(filter='data') if own else {}))


def take_member(path: str, name: str, size: int, target: str) -> None:
    """Takes the one file `name` of `size` bytes out of an archive, and nothing else of it.

    Raises:
        DataError: the archive is damaged, or has no such file of this size.
    """
    with _told(path), _opened(path) as archive:
        found = next((member for member in _infos(archive) if _name(member) == name), None)
        if found is None or _size(found) != size:
            raise DataError(f'{path}: has no file {name} of {size} bytes')
        opened = archive.open if isinstance(archive, zipfile.ZipFile) else archive.extractfile
        with opened(found) as source, open(target, 'wb') as file:
            shutil.copyfileobj(source, file)


@contextlib.contextmanager
def _told(called):
    """Raises DataError for whatever damaged bytes make the readers of archives raise."""
    try:
        yield
    except gzip.BadGzipFile as error:  # an OSError, which others are not damage
        raise DataError(
            f'{called}: is no archive, or a damaged one: {first_line(error)}'
        ) from error
    except (DataError, OSError):
        raise
    except RuntimeError as error:  # zipfile's, of a password or a way of compression
        raise DataError(f'{called}: cannot be unpacked: {first_line(error)}') from error
    except Exception as error:
        raise DataError(
            f'{called}: is no archive, or a damaged one: {first_line(error)}'
        ) from error


def _opened(path):
    return zipfile.ZipFile(path) if path.lower().endswith(('.zip', '.whl')) else tarfile.open(path)


def _infos(archive):
    return archive.infolist() if isinstance(archive, zipfile.ZipFile) else archive


def _members(archive) -> Iterator[tuple[str, int | None]]:
    """Yields the name and size of each member; None for the size of what is no file or folder."""
    for member in _infos(archive):
        folder = isinstance(member, tarfile.TarInfo) and member.isdir()
        yield _name(member), member.size if folder else _size(member)


def _name(member):
    return member.filename if isinstance(member, zipfile.ZipInfo) else member.name


def _size(member):
    """Returns the size of a member of an archive; None for what is no file."""
    if isinstance(member, zipfile.ZipInfo):
        link = member.external_attr >> 28 == 0o12
        return None if link else member.file_size
    return member.size if member.isfile() else None
