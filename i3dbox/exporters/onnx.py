"""ONNX: for onnxruntime, OpenVINO, and Ascend's ATC."""

from __future__ import annotations

import collections
import tempfile
from typing import TYPE_CHECKING

from ..errors import ExportError, first_line
from ..registry import EXPORTERS
from . import BaseExporter
from .mindir import export_by_mindspore

if TYPE_CHECKING:
    import numpy as np
    from mindspore import nn

BATCH = 7  # a free batch size is exported as this one first; a number that layers seldom have


@EXPORTERS.register(name='ONNX')
class ONNXExporter(BaseExporter):
    """MindSpore's own ONNX, cleaned: batch norm folded, constants folded, paddings written out,
    shapes inferred.

    Operators are those of the default domain only. The opset is MindSpore's (11), which every
    runtime knows.
    """

    extension = '.onnx'
    dynamic_batch = True
    tolerance = ('relative', 1e-4)

    def check(self, device: str) -> None:
        try:
            import onnx  # noqa: F401
        except ImportError as error:
            raise ExportError('ONNX needs the package onnx: pip install "i3dbox[onnx]"') from error

    def export(
        self, network: nn.Cell, inputs: dict[str, np.ndarray], path: str, dynamic: bool = False
    ) -> dict:
        import onnx

        from . import onnx_passes

        if dynamic:
            inputs = {name: array[:1].repeat(BATCH, 0) for name, array in inputs.items()}
        with tempfile.TemporaryDirectory() as folder:
            raw = f'{folder}/raw.onnx'
            export_by_mindspore(network, inputs, raw, 'ONNX')
            model = onnx.load(raw)
        try:
            model = onnx_passes.clean(model)
            if dynamic:
                model = onnx_passes.free_batch(model, BATCH)
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise ExportError(
                f'the network gives an invalid ONNX graph: {first_line(error)}'
            ) from error
        foreign = {node.domain for node in model.graph.node} - {'', 'ai.onnx'}
        if foreign:
            raise ExportError(
                f'the network needs ONNX operators of the domain {foreign.pop()!r}, which '
                'runtimes do not know'
            )
        names = [value.name for value in model.graph.input]
        if names != list(inputs):
            raise ExportError(
                f'the ONNX graph has the inputs {", ".join(names)}; expected {", ".join(inputs)}'
            )
        onnx.save(model, path)
        operators = collections.Counter(node.op_type for node in model.graph.node)
        return dict(
            opset=model.opset_import[0].version,
            ir_version=model.ir_version,
            onnx=onnx.__version__,
            operators=dict(sorted(operators.items())),
        )
