"""Finding the entries of a list below a folder: one directory listing per folder, not one stat per
file.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence

from ..errors import DataError


class FolderIndex:
    """Finds relative paths below `root`, in the disk's own spelling.

    A name that is not there exactly is matched without regard to case and Unicode form, since
    copies of UCF101's lists and folders differ in the case of HandstandPushups, and some disks
    store accents decomposed.

    Args:
        root: the folder.
        purpose: what it should hold, for the error.

    Raises:
        DataError: `root` is no folder.
    """

    def __init__(self, root: str, purpose: str = 'the data'):
        if not os.path.isdir(root):
            raise DataError(f'{root}: there is no such folder; expected {purpose} there')
        self.root = root
        self._names = {}
        self._folders = {'': root}

    def find(self, path: str) -> str | None:
        """Returns the full path of `path` (relative, forward slashes) as it is on disk, or None."""
        head, name = os.path.split(path)
        folder = self.find_folder(head)
        if folder is None:
            return None
        names = self._names_in(folder)
        actual = names.get(name) or names.get(fold(name))
        return actual and os.path.join(folder, actual)

    def find_folder(self, path: str) -> str | None:
        """Finds a folder as `find` does a file; remembers the answer."""
        if path not in self._folders:
            exact = os.path.join(self.root, path)
            found = exact if os.path.isdir(exact) else self.find(path)
            self._folders[path] = found if found and os.path.isdir(found) else None
        return self._folders[path]

    def _names_in(self, folder):
        if folder not in self._names:
            try:
                names = sorted(os.listdir(folder))
            except OSError as error:
                raise DataError(f'{folder}: cannot be read: {error.strerror}') from error
            self._names[folder] = {
                **{fold(name): name for name in names},
                **{name: name for name in names},
            }
        return self._names[folder]


def first_folder(root: str, names: Sequence[str], purpose: str) -> str:
    """Returns the first of `root`'s folders `names` that exists. Raises DataError if none does."""
    if not os.path.isdir(root):
        raise DataError(f'{root}: there is no such folder; expected a data set there')
    for name in names:
        if os.path.isdir(os.path.join(root, name)):
            return os.path.join(root, name)
    raise DataError(f'{root}: holds no {purpose}; expected a folder {" or ".join(names)}')


def fold(name: str) -> str:
    """Returns `name` without its case and Unicode form: what names on different disks have in
    common.
    """
    return unicodedata.normalize('NFC', name).casefold()


def rooted(data: dict | None) -> list[dict]:
    """Returns the configs of data sets in `data` that have a data_root, those within others too."""
    found = []
    for value in (data or {}).values():
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(part, dict):
                found += [part] * ('data_root' in part) + rooted(part)
    return found
