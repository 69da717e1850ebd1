"""Checks of the arguments that steps share."""

import numbers

from ...errors import ConfigError


def at_least_one(step, **arguments):
    """Raises ConfigError unless every argument is an int of 1 or more."""
    for name, value in arguments.items():
        if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
            raise ConfigError(f'{step}: {name} is an integer of at least 1; got {value!r}')


def in_range(step, low, high, **arguments):
    """Raises ConfigError unless every argument is a number in [low, high]."""
    for name, value in arguments.items():
        if not isinstance(value, numbers.Real) or not low <= value <= high:
            raise ConfigError(f'{step}: {name} is a number from {low} to {high}; got {value!r}')


def one_of(step, choices, **arguments):
    """Raises ConfigError unless every argument is in `choices`."""
    for name, value in arguments.items():
        if value not in choices:
            raise ConfigError(f'{step}: {name} is one of {", ".join(map(repr, choices))}; got {value!r}')


def as_size(step, size):
    """Returns (width, height) from an int or such a pair. Raises ConfigError for anything else."""
    width, height = size if isinstance(size, (tuple, list)) and len(size) == 2 else (size, size)
    at_least_one(step, size=width)
    at_least_one(step, size=height)
    return width, height
