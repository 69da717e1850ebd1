"""flax's pickled variables, without flax and JAX: dicts of dicts of NumPy arrays."""

from __future__ import annotations

import io

import numpy as np

from .. import plain_pickle
from ..errors import CheckpointError, first_line


def read_flax(path: str) -> dict[str, np.ndarray]:
    """Reads the variables of a network that were put into a pickle as NumPy arrays.

    Returns:
        The arrays by what leads to them: 'params/Mixed_3b/Branch_0/Conv3d_0a_1x1/Conv_0/kernel'.

    Raises:
        CheckpointError: the file is damaged, or holds anything but dicts of arrays by name. Nothing
            in it is ever executed.
    """
    try:
        with open(path, 'rb') as file:
            content = plain_pickle.load(io.BytesIO(file.read()), plain_pickle.NUMPY)
    except OSError as error:
        raise CheckpointError(f'{path}: cannot be read: {error.strerror or error}') from error
    except Exception as error:  # whatever damaged bytes make the unpickler raise
        raise CheckpointError(
            f'{path}: is damaged or no pickle of arrays (of protocol 3 to 5): {first_line(error)}'
        ) from error
    arrays = {}
    seen = set()
    left = [('', content)]
    while left:
        name, value = left.pop()
        if isinstance(value, np.ndarray):
            arrays[name] = value
        elif isinstance(value, dict) and id(value) not in seen:
            seen.add(id(value))  # one dict in many places unfolds without end
            left += [(f'{name}/{key}'.lstrip('/'), inner) for key, inner in value.items()]
        else:
            raise CheckpointError(
                f'{path}: is no nest of named arrays: {name[:200] or "it"!r} is a '
                f'{type(value).__name__}'
                + (' that stands twice' if isinstance(value, dict) else '')
            )
    return arrays
