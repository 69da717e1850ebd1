"""One of several blendings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...argument_checks import in_range
from ...errors import ConfigError
from ...registry import BLENDINGS
from . import Mixture


@BLENDINGS.register
class RandomBatchAugment:
    """Draws one of several blendings for each batch, or none.

    Args:
        augments (list of dict): of BLENDINGS.
        probs (list of float): of each; what is left to 1 is that of none; default: all alike.

    Raises:
        ConfigError: no blending, or numbers that are no probabilities of them.
    """

    def __init__(self, augments: list[dict], probs: Sequence[float] | None = None):
        if not isinstance(augments, (list, tuple)) or not augments:
            raise ConfigError(f'RandomBatchAugment: augments is a list; got {augments!r}')
        self.augments = [BLENDINGS.build(cfg) for cfg in augments]
        probs = [1 / len(augments)] * len(augments) if probs is None else probs
        if not isinstance(probs, (list, tuple)) or len(probs) != len(augments):
            raise ConfigError(
                f'RandomBatchAugment: probs are {len(augments)} numbers, one of each of augments; '
                f'got {probs!r}'
            )
        for prob in probs:
            in_range('RandomBatchAugment', 0, 1, probs=prob)
        in_range('RandomBatchAugment', 0, 1 + 1e-6, **{'the sum of probs': sum(probs)})
        self.ends = np.cumsum(probs)

    def __call__(self, rng: np.random.Generator, height: int, width: int) -> Mixture:
        chosen = int(np.searchsorted(self.ends, rng.random(), 'right'))
        if chosen == len(self.augments):
            return Mixture()
        return self.augments[chosen](rng, height, width)
