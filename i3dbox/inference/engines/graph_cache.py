"""Graphs, each built once for its parameters and kept."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...errors import ConfigError
from ...exporters.i3d_graph import OPSET, i3d_graph, import_onnx, needed
from ...fileio import atomic_path, atomic_write, cache_folder, sha256

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

VERSION = 1  # of what i3d_graph makes of the same parameters
KEPT = 8  # files, of 50 MB


def cached_graph(
    parameters: dict[str, np.ndarray], endpoint: str, pool: str, epsilon: float, dtype: str
) -> str:
    """Returns the path of the graph that exporters.i3d_graph.i3d_graph builds of the same
    arguments.
    """
    parameters = needed(parameters, endpoint)

    def make(path: str) -> None:
        import_onnx().save(i3d_graph(parameters, endpoint, pool, epsilon, dtype), path)

    return kept_file((digest_of(parameters), OPSET, endpoint, pool, epsilon, dtype), make)


def kept_file(key: tuple, make: Callable[[str], None]) -> str:
    """Returns the path of a file that the cache keeps for a key; `make` writes it where it is
    absent or damaged. Of all the latest KEPT are left there.
    """
    folder = os.path.join(cache_folder(), 'graphs')
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f'the cache {folder} cannot be made: {error.strerror}. I3DBOX_CACHE names another one'
        ) from error
    name = hashlib.sha256(repr((VERSION, *key)).encode()).hexdigest()[:32]
    path = os.path.join(folder, f'{name}.onnx')
    state = _state(path)
    if state == 'damaged':
        logger.warning('the cached graph %s is damaged; it is made again', path)
    if state != 'whole':
        with atomic_path(path) as temporary:
            make(temporary)
            digest = sha256(temporary)
        atomic_write(_beside(path), f'{digest}\n')
    os.utime(path)
    _forget(folder)
    return path


def digest_of(parameters: dict[str, np.ndarray]) -> str:
    """Returns the hash of parameters: their names, shapes, types and values."""
    digest = hashlib.sha256()
    for name, array in sorted(parameters.items()):
        digest.update(f'{name} {array.shape} {array.dtype}'.encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _beside(path):
    return f'{path}.sha256'


def _state(path):
    if not os.path.exists(path):
        return 'absent'
    try:
        with open(_beside(path), encoding='ascii') as file:
            return 'whole' if file.read().strip() == sha256(path) else 'damaged'
    except (OSError, ValueError):
        return 'damaged'


def _forget(folder):
    """Removes the graphs that were not used for longest."""
    paths = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith('.onnx')]
    for path in sorted(paths, key=os.path.getmtime)[:-KEPT]:
        for file in (path, _beside(path)):
            if os.path.exists(file):
                os.remove(file)
