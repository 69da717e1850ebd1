"""How far long work is: a bar on a terminal, lines of the log elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

logger = logging.getLogger(__name__)

Item = TypeVar('Item')
FIRST = 5  # seconds after which the first item is told of
EACH = 30  # seconds between lines


def shown(
    items: Iterable[Item], title: str, total: int, unit: str, initial: int = 0, silent: bool = False
) -> Iterator[Item]:
    """Yields items while it shows how many of them are done, and about how long the others take.

    Args:
        title: of the work. unit: what an item is called.
        total: how many there are, with the `initial` ones that were done before.
        silent: nothing is shown.
    """
    disable = True if silent else None  # None: where there is no terminal
    bar = tqdm(items, title, total, initial=initial, unit=unit, dynamic_ncols=True, disable=disable)
    start = told = time.monotonic()
    for number, item in enumerate(bar, 1):
        yield item
        now = time.monotonic()
        due = now - told >= (EACH if number > 1 else FIRST)
        ended = initial + number == total and now - start >= FIRST
        if bar.disable and not silent and (due or ended):
            left = (now - start) / number * (total - initial - number)
            logger.info(
                '%s: %d of %d%s',
                title,
                initial + number,
                total,
                f', about {in_words(left)} left' if left else '',
            )
            told = now


def in_words(seconds: float) -> str:
    """Returns a duration as people say it: '45 seconds', '3 minutes', '5 hours'."""
    for unit, name in ((86400, 'days'), (3600, 'hours'), (60, 'minutes')):
        if seconds >= 1.5 * unit:
            return f'{seconds / unit:.0f} {name}'
    return f'{max(5, round(seconds / 5) * 5)} seconds'
