"""Ascend 310, which serves exported models and does not train."""

from __future__ import annotations

from ...errors import DeviceError
from ...registry import RUNNERS
from .base import BaseRunner


@RUNNERS.register
class Ascend310Runner(BaseRunner):
    """Holds the place of inference on Ascend 310: exported files run there, not Python networks."""

    device_target = 'Ascend'

    def setup(self, seed: int) -> None:
        raise DeviceError(
            'Ascend 310 runs exported models only. Train and test on a CPU or an Ascend 910, '
            'export the checkpoint (tools/export.py), and serve that file: load_exported(FILE, '
            "backend='mindspore_lite', device='ascend'), see `i3dbox docs deployment`."
        )
