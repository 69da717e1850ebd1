"""Files that several sources have: they are asked in turn."""

from __future__ import annotations

import os
import sys
import urllib.parse
from collections.abc import Callable, Sequence
from typing import TypeVar

from ..errors import DownloadError

Found = TypeVar('Found')


def hosts(own: str) -> list[str]:
    """Returns the hosts of I3DBOX_MIRROR (names separated by commas), and `own`."""
    mirrors = os.environ.get('I3DBOX_MIRROR', '').split(',')
    return [host.strip().rstrip('/') for host in mirrors if host.strip()] + [own]


def in_words(own: str) -> str:
    """Returns the names of the hosts that `hosts` gives: 'mirror.example, github.com'."""
    return ', '.join(urllib.parse.urlsplit(host).hostname or host for host in hosts(own))


def first_that_gives(
    sources: Sequence[tuple[str, Callable[[], Found]]], otherwise: str = ''
) -> Found:
    """Returns what the first source returns that raises no DownloadError; each one that does, and
    has another behind it, is a line on standard error.

    Args:
        sources: the name of each, and what asks it.

    Raises:
        DownloadError: none does; each reason is in it, and `otherwise`.
    """
    reasons = []
    for number, (name, ask) in enumerate(sources, 1):
        try:
            return ask()
        except DownloadError as error:
            reasons.append(str(error))
            if number < len(sources):
                print(f'not to be had from {name}; trying {sources[number][0]}', file=sys.stderr)
    raise DownloadError(f'{"; ".join(reasons)}{otherwise}')
