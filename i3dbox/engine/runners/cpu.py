"""Any machine without an accelerator."""

from __future__ import annotations

import logging

import mindspore as ms

from ...errors import DeviceError
from ...registry import RUNNERS
from ...versions import cpu_warning
from .base import BaseRunner

logger = logging.getLogger(__name__)


@RUNNERS.register
class CPURunner(BaseRunner):
    """Runs on the CPU. float32 is fastest there; data sink does not exist."""

    device_target = 'CPU'

    def __post_init__(self):
        if self.device_id:
            raise DeviceError(f'device_id is for Ascend; a CPU is device 0, got {self.device_id}')
        self.sink_size = 0
        self.device_id = None
        super().__post_init__()

    def setup(self, seed: int) -> None:
        super().setup(seed)
        warning = cpu_warning(ms.__version__)
        if warning:
            logger.warning(warning)
