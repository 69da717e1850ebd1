"""One checkpoint out of several of a run: the mean of their weights."""

from __future__ import annotations

import os

import numpy as np

from ..errors import CheckpointError
from .checkpoint import load_weights_only
from .checkpoint_file import write_checkpoint


def average_checkpoints(paths: list[str], out: str) -> None:
    """Writes the mean of checkpoints' parameters, batch norm's moving statistics among them, in
    float64.

    The last checkpoints of a run lie around one minimum, and their mean often generalises better
    than each (Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization",
    arXiv 1803.05407).

    Args:
        paths: checkpoints of one network.
        out: ends in .ckpt.

    Raises: CheckpointError: fewer than two, or of different networks, classes or modalities.
    """
    if len(paths) < 2:
        raise CheckpointError(
            f'an average takes at least two checkpoints; got {", ".join(map(str, paths)) or "none"}'
        )
    if not str(out).endswith('.ckpt'):
        raise CheckpointError(f'OUT ends in .ckpt; got {out}')
    total = {}
    first = None
    for path in paths:
        parameters, meta = load_weights_only(path)
        network = (
            {name: array.shape for name, array in parameters.items()},
            meta.get('modality'),
            meta.get('classes'),
        )
        first = first or network
        if network != first:
            raise CheckpointError(
                f'{path} is of another network, modality or classes than {paths[0]}'
            )
        for name, array in parameters.items():
            total[name] = total.get(name, 0) + array.astype(np.float64)
    mean = {name: (array / len(paths)).astype(np.float32) for name, array in total.items()}
    write_checkpoint(
        out, mean, meta=dict(meta, average_of=[os.path.basename(path) for path in paths])
    )
