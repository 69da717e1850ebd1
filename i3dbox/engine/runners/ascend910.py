"""Ascend 910. Written against MindSpore's documentation; not yet run on hardware."""

from __future__ import annotations

import dataclasses

import mindspore as ms

from ...errors import DeviceError, first_line
from ...registry import RUNNERS
from .base import BaseRunner


@RUNNERS.register
@dataclasses.dataclass(eq=False)
class Ascend910Runner(BaseRunner):
    """Trains and tests on Ascend 910: float16 with dynamic loss scale and data sink by default."""

    device_target = 'Ascend'

    amp_level: str = 'O3'
    loss_scale: float | str | None = 'dynamic'
    sink_size: int = -1

    def set_device(self) -> None:
        try:
            super().set_device()
        except (RuntimeError, ValueError) as error:
            raise DeviceError(
                'this MindSpore does not reach an Ascend device; it needs the Ascend build and '
                f'CANN (python tools/collect_env.py tells): {first_line(error)}'
            ) from error
        ms.set_deterministic(True)
