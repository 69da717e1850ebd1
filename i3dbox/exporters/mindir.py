"""MindIR, MindSpore's own format: for MindSpore itself and for MindSpore Lite."""

from ..registry import EXPORTERS
from . import BaseExporter


@EXPORTERS.register(name='MINDIR')
class MindIRExporter(BaseExporter):
    """Writes the network as MindSpore compiles it; loaded again, it gives the same bits."""

    extension = '.mindir'
    dynamic_batch = True
    tolerance = ('absolute', 1e-5)

    def export(self, network, inputs, path, dynamic=False):
        export_by_mindspore(network, inputs, path, 'MINDIR', dynamic)


def export_by_mindspore(network, inputs, path, file_format, dynamic=False):
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
