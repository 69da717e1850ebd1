"""Where a network can be looked into. Needs no MindSpore."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import ConfigError, spelling_hint
from .i3d_table import LOGITS

POOLS = ('avg', 'none')


def check_endpoint(
    endpoint: str, pool: str, layers: Iterable[str], steps_have_logits: bool = True
) -> None:
    """Raises ConfigError for an endpoint that a network lacks, and for a pool that does not go with
    it.

    Args:
        layers: of the network's backbone.
        steps_have_logits: whether its head tells the logits of single time steps.
    """
    known = (*layers, LOGITS)
    if endpoint not in known:
        raise ConfigError(
            f'the model has no endpoint {endpoint!r}.{spelling_hint(endpoint, known)} '
            f'It has {", ".join(known)}'
        )
    if pool not in POOLS:
        raise ConfigError(f"pool is 'avg' or 'none'; got {pool!r}")
    if endpoint == LOGITS and (pool == 'none' or not steps_have_logits):
        raise ConfigError(
            "Logits are behind the average pool: they go with pool='avg', and a head that "
            'tells the logits of time steps, as I3DHead does'
        )


def stages_of(layers: Iterable[str]) -> list[str]:
    """Returns what the names of each stage of a backbone begin with, the first stage first: a
    letter tells layers of one stage apart, as in Mixed_5b and Mixed_5c, or conv5a and conv5b.

    Args:
        layers: that hold parameters.
    """
    stages = (re.sub(r'(?<=\d)[a-z]$', '', layer) for layer in layers)
    return list(dict.fromkeys(stages))
