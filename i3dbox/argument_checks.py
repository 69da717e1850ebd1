"""Checks of arguments. `owner` is who takes them, for the message."""

from __future__ import annotations

import numbers
from collections.abc import Collection, Sequence
from typing import Any

from .errors import ConfigError, DeviceError


def at_least(owner: str, low: int, high: int = (1 << 31) - 1, **arguments: Any) -> None:
    """Raises ConfigError unless every argument is a whole number from `low`, at most `high`."""
    for name, value in arguments.items():
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not whole or value < low:
            raise ConfigError(f'{owner}: {name} is a whole number from {low}; got {value!r}')
        if value > high:
            raise ConfigError(f'{owner}: {name} is at most {high}; got {str(value)[:40]}')


def at_least_one(owner: str, **arguments: Any) -> None:
    """Raises ConfigError unless every argument is a whole number from 1."""
    at_least(owner, 1, **arguments)


def whole_numbers(owner: str, count: int, **arguments: Any) -> None:
    """Raises ConfigError unless every argument is a sequence of `count` whole numbers from 1."""
    for name, value in arguments.items():
        if not isinstance(value, (tuple, list)) or len(value) != count:
            raise ConfigError(f'{owner}: {name} is {count} numbers in a row; got {value!r}')
        for number in value:
            at_least_one(owner, **{f'each number of {name}': number})


def above_zero(owner: str, **arguments: Any) -> None:
    """Raises ConfigError unless every argument is a finite number above 0."""
    for name, value in arguments.items():
        if not _is_number(value) or not 0 < value < float('inf'):
            raise ConfigError(f'{owner}: {name} is a number above 0; got {value!r}')


def device_name(device: str) -> str:
    """Returns 'auto', 'CPU' or 'Ascend', however it is spelled, or a name that is neither as it is.
    Raises DeviceError for a GPU.
    """
    word = str(device).lower()
    if word.startswith(('gpu', 'cuda')):
        raise DeviceError(
            'i3dbox computes on CPUs and on Ascend. For a GPU export the model (i3dbox export '
            '--format ONNX) and run that file there, in onnxruntime-gpu or TensorRT: '
            '`i3dbox docs deployment`'
        )
    return {'auto': 'auto', 'cpu': 'CPU', 'ascend': 'Ascend', 'npu': 'Ascend'}.get(word, device)


def in_range(owner: str, low: float, high: float, **arguments: Any) -> None:
    """Raises ConfigError unless every argument is a number in [low, high]."""
    for name, value in arguments.items():
        if not _is_number(value) or not low <= value <= high:
            raise ConfigError(f'{owner}: {name} is a number from {low} to {high}; got {value!r}')


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def one_of(owner: str, choices: Collection, **arguments: Any) -> None:
    """Raises ConfigError unless every argument is in `choices`."""
    for name, value in arguments.items():
        if value not in choices:
            raise ConfigError(
                f'{owner}: {name} is one of {", ".join(map(repr, choices))}; got {value!r}'
            )


def as_size(owner: str, size: int | Sequence[int]) -> tuple[int, int]:
    """Returns (width, height) from an int or such a pair. Raises ConfigError for anything else."""
    width, height = size if isinstance(size, (tuple, list)) and len(size) == 2 else (size, size)
    at_least_one(owner, size=width)
    at_least_one(owner, size=height)
    return width, height
