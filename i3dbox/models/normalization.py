"""How the values of clips, from 0 to 255, become a network's input. Needs no MindSpore."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import ModelError
from ..registry import BACKBONES
from ..streams import CHANNELS


class Normalization(NamedTuple):
    """(v - mean) / std; one number for all channels, or one for each."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def scale(self) -> tuple[float, ...]:
        """What values are multiplied by; `offset` is subtracted then."""
        return tuple(1 / std for std in self.std)

    @property
    def offset(self) -> tuple[float, ...]:
        return tuple(mean / std for mean, std in zip(self.mean, self.std))

    def __call__(self, clips: np.ndarray) -> np.ndarray:
        """Prepares uint8 N x T x H x W x C -> float32 N x C x T x H x W, as
        models.preprocess.Preprocess does on the device.
        """
        scale, offset = (
            np.reshape(np.float32(values), (1, -1, 1, 1, 1)) for values in (self.scale, self.offset)
        )
        clips = np.ascontiguousarray(clips.transpose(0, 4, 1, 2, 3)).astype(np.float32)
        return clips * scale - offset

    def __str__(self) -> str:
        if self == SYMMETRIC:
            return 'v / 127.5 - 1'
        return f'(v - {_short(self.mean)}) / {_short(self.std)}'


# I3D's authors': [-1, 1]. Flow in [-20, 20] stored as 8 bits comes to flow / 20, which is theirs.
SYMMETRIC = Normalization((127.5,), (127.5,))
# torchvision's and mmaction2's, of ImageNet's pixels
IMAGENET = Normalization((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
# those that torchvision's networks of Kinetics take, times 255
KINETICS = Normalization((110.2008, 100.63983, 95.99475), (58.14765, 56.46975, 55.332195))
# mmaction2's C3D, of Sports-1M
SPORTS1M = Normalization((104.0, 117.0, 128.0), (1.0, 1.0, 1.0))


def normalization_of(model: dict) -> Normalization:
    """Returns the Normalization of a Recognizer3D by its config: its data_preprocessor's, else for
    RGB the backbone's own `normalization`, else SYMMETRIC.

    Raises: ModelError for a mean or std that cannot be.
    """
    modality = model.get('modality', 'RGB')
    given = model.get('data_preprocessor')
    if given is not None:
        return _checked(given, CHANNELS[modality])
    kind = (model.get('backbone') or {}).get('type')
    if modality != 'RGB' or kind in (None, 'InceptionI3D'):
        return SYMMETRIC
    return getattr(BACKBONES.get(kind), 'normalization', SYMMETRIC)


def normalizations_of(model: dict, inputs: Iterable[str]) -> dict[str, Normalization]:
    """Returns the Normalization of each input, 'imgs' or 'rgb' and 'flow', of a config's model."""
    return {name: normalization_of(model.get(name, model)) for name in inputs}


def _checked(given: Any, channels: int) -> Normalization:
    if not isinstance(given, dict) or set(given) != {'mean', 'std'}:
        raise ModelError(
            'data_preprocessor is dict(mean=..., std=...), of values from 0 to 255, and nothing '
            f'else; got {given!r}'
        )
    values = {}
    for name, value in given.items():
        numbers = tuple(value) if isinstance(value, (list, tuple)) else (value,) * channels
        least = 0 if name == 'mean' else 1e-6
        if len(numbers) != channels or not all(_is_number(one, least) for one in numbers):
            raise ModelError(
                f'data_preprocessor.{name} is a number, or {channels}, one a channel, from {least} '
                f'to 255; got {value!r}'
            )
        values[name] = tuple(map(float, numbers))
    return Normalization(**values)


def _is_number(value, least):
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and least <= value <= 255
    )


def _short(values: Sequence[float]) -> str:
    same = len(set(values)) == 1
    return f'{values[0]:g}' if same else f'[{", ".join(f"{value:g}" for value in values)}]'
