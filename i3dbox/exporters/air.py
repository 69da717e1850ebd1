"""AIR, the format of Ascend's graph engine. Written against MindSpore's documentation; not yet run
on hardware.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import DeviceError
from ..registry import EXPORTERS
from . import BaseExporter
from .mindir import export_by_mindspore

if TYPE_CHECKING:
    import numpy as np
    from mindspore import nn


@EXPORTERS.register(name='AIR')
class AIRExporter(BaseExporter):
    """Writes what ATC takes as framework 1. MindSpore does so on Ascend only."""

    extension = '.air'

    def check(self, device: str) -> None:
        if device != 'Ascend':
            raise DeviceError(
                'AIR is written by the Ascend build of MindSpore on a machine with an Ascend '
                f'device and CANN; this one exports on {device}. Here, export MINDIR (for '
                'mindspore_lite) or ONNX (which ATC converts for Ascend)'
            )

    def export(
        self, network: nn.Cell, inputs: dict[str, np.ndarray], path: str, dynamic: bool = False
    ) -> None:
        export_by_mindspore(network, inputs, path, 'AIR')
