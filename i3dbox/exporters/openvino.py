"""OpenVINO's own format: for Intel's and Arm's CPUs and Intel's GPUs; also in int8."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import tempfile
from typing import TYPE_CHECKING

from ..argument_checks import one_of
from ..errors import ExportError, first_line
from ..registry import EXPORTERS
from ..versions import import_silently
from . import BaseExporter
from .onnx import ONNXExporter
from .sidecar import weights_path

if TYPE_CHECKING:
    import numpy as np
    from mindspore import nn

PRECISIONS = ('float32', 'int8')
LAYERS = ('Convolution', 'MatMul')
WORST = 0.1  # what int8 may change a logit by, of the largest; see docs/deployment.md


@EXPORTERS.register(name='OPENVINO')
class OpenVINOExporter(BaseExporter):
    """An .xml, and beside it the .bin with the weights; the two belong together.

    In int8, weights and what flows between layers have 8 bits, in ranges that NNCF reads off
    calibration clips: weights by channel, values after ReLU without a sign; biases are moved so
    that the means of the layers stay. The last layer, which costs next to nothing, stays as it is.

    Args:
        precision (str): 'float32' or 'int8'.

    Attributes:
        calibration (list of dict): clips, arrays of one row by input; set before an export in int8.
    """

    extension = '.xml'
    dynamic_batch = True

    def __init__(self, precision: str = 'float32'):
        one_of('OPENVINO', PRECISIONS, precision=precision)
        self.precision = precision
        self.calibration = []
        self.tolerance = ('relative', WORST if precision == 'int8' else 1e-4)

    def check(self, device: str) -> None:
        packages = {'openvino': 'openvino', **({'nncf': 'i3dbox[int8]'} if self._is_int8 else {})}
        for package, source in packages.items():
            if importlib.util.find_spec(package) is None:
                raise ExportError(
                    f'OPENVINO in {self.precision} needs the package {package}: '
                    f'pip install "{source}"'
                )

    def export(
        self, network: nn.Cell, inputs: dict[str, np.ndarray], path: str, dynamic: bool = False
    ) -> dict:
        openvino = import_silently('openvino')
        with tempfile.TemporaryDirectory() as folder:
            between = os.path.join(folder, 'network.onnx')
            facts = ONNXExporter().export(network, inputs, between, dynamic)
            model = openvino.Core().read_model(between)
        if self._is_int8:
            model = self._quantized(model)
        try:
            openvino.save_model(model, path, compress_to_fp16=False)
        except RuntimeError as error:
            with contextlib.suppress(FileNotFoundError):
                os.remove(weights_path(path))
            raise ExportError(f'OpenVINO cannot write {path}: {first_line(error)}') from error
        return dict(precision=self.precision, clips=len(self.calibration), onnx=facts)

    @property
    def _is_int8(self):
        return self.precision == 'int8'

    def _quantized(self, model):
        nncf = import_silently('nncf')
        from nncf.quantization.advanced_parameters import (
            AdvancedQuantizationParameters,
            OverflowFix,
        )

        # not by its set_log_level, which mutes handlers that others have put there
        logging.getLogger('nncf').setLevel(logging.ERROR)
        last = [op for op in model.get_ordered_ops() if op.get_type_name() in LAYERS][-1:]
        try:
            return nncf.quantize(
                model,
                nncf.Dataset(self.calibration),
                subset_size=len(self.calibration),
                preset=nncf.QuantizationPreset.MIXED,
                fast_bias_correction=False,
                ignored_scope=nncf.IgnoredScope(names=[op.get_friendly_name() for op in last]),
                # 8 bits in the first layer, too, not 7 for CPUs without VNNI
                advanced_parameters=AdvancedQuantizationParameters(
                    overflow_fix=OverflowFix.DISABLE
                ),
            )
        except (RuntimeError, ValueError) as error:
            raise ExportError(f'NNCF cannot make it int8: {first_line(error)}') from error
