"""Files that several sources have: they are asked in turn."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from ..errors import DownloadError

Found = TypeVar('Found')


def hosts(own: str) -> list[str]:
    """Returns the hosts of I3DBOX_MIRROR (names separated by commas), and `own`."""
    mirrors = os.environ.get('I3DBOX_MIRROR', '').split(',')
    return [host.strip().rstrip('/') for host in mirrors if host.strip()] + [own]


def first_that_gives(sources: Sequence[Callable[[], Found]], otherwise: str = '') -> Found:
    """Returns what the first source returns that raises no DownloadError; each one that does is a
    line on standard error.

    Raises:
        DownloadError: none does; each reason is in it, and `otherwise`.
    """
    reasons = []
    for number, source in enumerate(sources, 1):
        try:
            return source()
        except DownloadError as error:
            reasons.append(str(error))
            if number < len(sources):
                print(f'{error}; the next source is tried', file=sys.stderr)
    raise DownloadError(f'{"; ".join(reasons)}{otherwise}')
