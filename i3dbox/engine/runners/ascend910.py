"""Ascend 910 in all its series. Written against MindSpore's documentation; not yet run on
hardware.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from ...argument_checks import one_of
from ...ascend.chips import JIT_LEVELS
from ...ascend.settings import (
    PRECISION_MODES,
    apply_settings,
    compiles_whole_graphs,
    describe,
)
from ...errors import ConfigError, DeviceError, first_line
from ...registry import RUNNERS
from .base import BaseRunner

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mindspore.train import Callback

    from ..run import Run

SINK_BYTES = 256 << 20  # of a batch (mindspore.train.Model.train)


@RUNNERS.register
@dataclasses.dataclass(eq=False)
class Ascend910Runner(BaseRunner):
    """Trains and tests on Ascend 910: float16 with dynamic loss scale and data sink by default.

    Args:
        jit_level (str): how MindSpore compiles, 'O0', 'O1' or 'O2'; default: the chip's own, see
            docs/ascend.md.
        precision_mode (str): which operators may compute in fewer bits than the network asks for;
            default: the chip's own.
        deterministic (bool): whether two runs are to be equal, at a cost in speed.
    """

    device_target = 'Ascend'

    amp_level: str = 'O3'
    loss_scale: float | str | None = 'dynamic'
    sink_size: int = 50
    jit_level: str | None = None
    precision_mode: str | None = None
    deterministic: bool = True

    def __post_init__(self):
        super().__post_init__()
        name = type(self).__name__
        one_of(name, (None, *JIT_LEVELS), jit_level=self.jit_level)
        one_of(name, (None, *PRECISION_MODES), precision_mode=self.precision_mode)
        if not isinstance(self.deterministic, bool):
            raise ConfigError(f'{name}: deterministic is True or False; got {self.deterministic!r}')
        if self.amp_level == 'O0':
            raise ConfigError(
                f'{name}: amp_level is O1, O2 or O3: MindSpore\'s nn.Conv3d supports "only float16 '
                'in Ascend"'
            )

    def set_device(self) -> None:
        try:
            super().set_device()
        except (RuntimeError, ValueError) as error:
            raise DeviceError(
                'this MindSpore does not reach an Ascend device; it needs the Ascend build and '
                f'CANN (i3dbox env --ascend tells what is missing): {first_line(error)}'
            ) from error
        apply_settings(self.jit_level, self.precision_mode, self.deterministic)

    def fit(self, run: Run, hooks: Iterable[Callback]) -> None:
        if run.train_step.accumulate > 1 and compiles_whole_graphs():
            raise ConfigError(
                'accumulate is a branch within a branch, which GE (jit_level O2) may not take: use '
                "larger batches, or on a chip that has it jit_level='O0'"
            )
        run.logger.info('%s', describe())
        super().fit(run, hooks)

    def steps_of_a_sink(self, run: Run, steps: int) -> int:
        size = sum(
            math.prod(shape) * dtype.itemsize
            for shape, dtype in run.loader.specs(run.recognizer.inputs)
        )
        if size > SINK_BYTES and self.sink_size:
            run.logger.warning(
                'a batch has %d MB, and a data sink takes no more than %d: training without one',
                size >> 20,
                SINK_BYTES >> 20,
            )
            return 0
        return super().steps_of_a_sink(run, steps)
