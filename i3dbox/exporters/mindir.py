"""MindIR, MindSpore's own format: for MindSpore itself and for MindSpore Lite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..registry import EXPORTERS
from . import BaseExporter

if TYPE_CHECKING:
    import numpy as np
    from mindspore import nn


@EXPORTERS.register(name='MINDIR')
class MindIRExporter(BaseExporter):
    """Writes the network as MindSpore compiles it; loaded again, it gives the same bits."""

    extension = '.mindir'
    dynamic_batch = True
    tolerance = ('absolute', 1e-5)

    def export(
        self, network: nn.Cell, inputs: dict[str, np.ndarray], path: str, dynamic: bool = False
    ) -> None:
        export_by_mindspore(network, inputs, path, 'MINDIR', dynamic)


def export_by_mindspore(
    network: nn.Cell,
    inputs: dict[str, np.ndarray],
    path: str,
    file_format: str,
    dynamic: bool = False,
) -> None:
    """Writes `path` by mindspore.export; see the package.

    Raises: ExportError where MindSpore refuses; says why in MindSpore's words.
    """
    import mindspore as ms

    from ..errors import ExportError, first_line

    tensors = [ms.Tensor(array) for array in inputs.values()]
    if dynamic:
        tensors = [
            ms.Tensor(shape=[None, *tensor.shape[1:]], dtype=tensor.dtype) for tensor in tensors
        ]
    try:
        ms.export(network, *tensors, file_name=path, file_format=file_format)
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        raise ExportError(
            f'MindSpore cannot export this network as {file_format}: {first_line(error)}'
        ) from error
