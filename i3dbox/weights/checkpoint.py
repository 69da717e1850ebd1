"""Checkpoints by the name that a user gives them: a recognizer's written, a file's or the model
zoo's read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import CheckpointError
from .checkpoint_file import COUNTER, check_name, read_checkpoint, write_checkpoint
from .conversion import convert, whose
from .zoo import PREFIX, classes_of_entry, find_entry, local_path

if TYPE_CHECKING:
    import numpy as np
    from mindspore import Parameter, nn

FOREIGN = ('.pt', '.pth', '.pyth')


def save_checkpoint(
    path: str, recognizer: nn.Cell, state: Iterable[Parameter] = (), meta: dict | None = None
) -> None:
    """Writes a checkpoint in one step.

    Args:
        path: ends in .ckpt.
        recognizer: its parameters are saved under their own names.
        state: optimizer and scaler state, saved as 'train.<name>'.
        meta: whatever JSON holds: step, epoch, seed, config text, classes, modality.
    """
    write_checkpoint(
        path,
        {p.name: p.asnumpy() for p in recognizer.get_parameters()},
        {p.name: p.asnumpy() for p in state},
        meta,
    )


def load_checkpoint(path: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict]:
    """Reads a checkpoint as `read_checkpoint` does; zoo://NAME is downloaded where it is not there
    yet, and has the entry's class names where its file, which a user may have put there, has none.
    PyTorch's files (.pt, .pth) are converted on the way.
    """
    if str(path).startswith(PREFIX):
        cached = local_path(path)
        try:
            parameters, state, meta = read_checkpoint(cached)
        except CheckpointError as error:
            name = path[len(PREFIX) :]
            raise CheckpointError(
                f'{error}; it lies in the cache: without it {name} is fetched anew'
            ) from error
        return parameters, state, dict(meta, classes=meta.get('classes') or classes_of_entry(path))
    path = local_path(path)
    if not str(path).endswith(FOREIGN) or not os.path.isfile(path):
        return read_checkpoint(path)
    converted = convert(str(path), 'pytorch')
    meta = dict(
        modality=converted.modality, source=os.path.basename(path), names=whose(converted.scheme)
    )
    return converted.parameters, {}, meta


def check_there(path: str) -> None:
    """Raises CheckpointError where load_checkpoint would not find a file, or the zoo no entry;
    nothing is read or downloaded.
    """
    if str(path).startswith(PREFIX):
        find_entry(str(path)[len(PREFIX) :])
        return
    path = str(local_path(path))
    if not path.endswith(FOREIGN) or not os.path.isfile(path):
        check_name(path)


def load_weights_only(path: str) -> tuple[dict[str, np.ndarray], dict]:
    """Reads a checkpoint as `load_checkpoint` does, and leaves out what is the training run's:
    returns its weights, and of its meta what says whose they are.
    """
    parameters, _, meta = load_checkpoint(path)
    weights = {name: array for name, array in parameters.items() if not name.endswith(COUNTER)}
    keys = ('modality', 'classes', 'config', 'source', 'origin', 'licence')
    return weights, {key: meta[key] for key in keys if key in meta}
