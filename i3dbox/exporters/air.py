"""AIR, the format of Ascend's graph engine. Written against MindSpore's documentation; not yet run
on hardware.
"""

from ..errors import DeviceError
from ..registry import EXPORTERS
from . import BaseExporter
from .mindir import export_by_mindspore


@EXPORTERS.register(name='AIR')
class AIRExporter(BaseExporter):
    """Writes what ATC takes as framework 1. MindSpore does so on Ascend only."""

    extension = '.air'

    def check(self, device):
        if device != 'Ascend':
            raise DeviceError(
                f'AIR is written by the Ascend build of MindSpore on a machine with an Ascend '
                f'device and '
                f'CANN; this one exports on {device}. Here, export MINDIR (for mindspore_lite) or '
                f'ONNX '
                '(which ATC converts for Ascend)'
            )

    def export(self, network, inputs, path, dynamic=False):
        export_by_mindspore(network, inputs, path, 'AIR')
