"""Unpacking archives that others made: files and folders, none of them outside of the target."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator

from .errors import DataError

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


def unpack(path: str, folder: str) -> None:
    """Unpacks an archive into `folder`, which it makes.

    Raises:
        DataError: it is damaged, names a place outside of the folder, holds links or devices, or
            more than the disk has room for. What was unpacked until then is left there.
    """
    try:
        with _opened(path) as archive:
            members = list(_members(archive))
            for name, size in members:
                parts = name.replace('\\', '/').split('/')
                if name.startswith(('/', '\\')) or '..' in parts or ':' in parts[0] or size is None:
                    raise DataError(f'{path}: {name!r} in it is no file or folder inside of it')
            os.makedirs(folder, exist_ok=True)
            needed = sum(size for _, size in members)
            free = shutil.disk_usage(folder).free
            if needed > free:
                sizes = f'{needed / 1e9:.1f} GB unpacked, and {free / 1e9:.1f} GB are free'
                raise DataError(f'{path}: takes {sizes}')
            # Python's own filter of tar archives as well, where there is one
            own = hasattr(tarfile, 'data_filter') and isinstance(archive, tarfile.TarFile)
            archive.extractall(folder, **(dict(filter='data') if own else {}))
    except (DataError, OSError):
        raise
    except RuntimeError as error:  # zipfile's, of a password or a way of compression
        raise DataError(f'{path}: cannot be unpacked: {error}') from error
    except Exception as error:  # whatever damaged bytes make the readers raise
        raise DataError(f'{path}: is no archive, or a damaged one: {error}') from error


def _opened(path):
    return zipfile.ZipFile(path) if path.lower().endswith('.zip') else tarfile.open(path)


def _members(archive) -> Iterator[tuple[str, int | None]]:
    """Yields the name and size of each member; None for the size of what is no file or folder."""
    if isinstance(archive, zipfile.ZipFile):
        for member in archive.infolist():
            link = member.external_attr >> 28 == 0o12
            yield member.filename, None if link else member.file_size
    else:
        for member in archive:
            yield member.name, member.size if member.isfile() or member.isdir() else None
