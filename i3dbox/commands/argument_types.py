"""What the words of a command line stand for: numbers and shards."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def at_least(low: int, high: float = math.inf) -> Callable[[str], int]:
    """Returns an argument's type: a whole number from `low` (to `high`)."""
    wanted = f'a whole number from {low}' + (f' to {high}' if high < math.inf else '')
    return _number(int, wanted, lambda number: low <= number <= high)


def number_above(low: float, high: float = math.inf) -> Callable[[str], float]:
    """Returns an argument's type: a finite number above `low`, at most `high`."""
    wanted = f'a number above {low}' + (f', at most {high}' if high < math.inf else '')
    return _number(float, wanted, lambda number: low < number <= high and math.isfinite(number))


def _number(kind, wanted, fits):
    """Returns an argument's type: an int or float for which `fits` is true, as `wanted` says."""

    def number_of(text):
        try:
            number = kind(text)
        except ValueError:
            number = math.nan
        if not fits(number):
            raise argparse.ArgumentTypeError(f'it is {wanted}; got {text!r}')
        return number

    return number_of


def shard(text: str) -> tuple[int, int]:
    """Returns (I, N) of 'I/N': the I-th of N parts."""
    number, _, count = text.partition('/')
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(
            f'a shard is I/N with I from 1 to N, as in 2/8; got {text!r}'
        )
    return int(number), int(count)
