"""Files from elsewhere: checked, resumed, and there only when whole."""

from __future__ import annotations

from typing import NamedTuple


class Packaged(NamedTuple):
    """A file inside an archive of a package index.

    Attributes:
        project: the package's normalised name.
        archive: a source archive's or a wheel's file name.
        integrity: the archive's, 'sha256:<hex digits>'.
        archive_size: in bytes.
        member: the file's name in the archive.
        size: the file's, in bytes.
        member_integrity: the file's.
        name: the name that the file gets.
        licence: of what is in it.
    """

    project: str
    archive: str
    integrity: str
    archive_size: int
    member: str
    size: int
    member_integrity: str
    name: str
    licence: str
