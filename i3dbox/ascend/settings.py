"""What is set in MindSpore for an Ascend chip, once a process: MindSpore refuses a second time."""

from __future__ import annotations

import os

import mindspore as ms

from ..errors import ConfigError, DeviceError
from .chips import CHIPS, WHOLE_GRAPHS, Chip, chip_of, soc_version

PRECISION_MODES = (
    'force_fp16',
    'allow_fp32_to_fp16',
    'allow_mix_precision',
    'must_keep_origin_dtype',
    'force_fp32',
)
_made = {}


def apply_settings(
    jit_level: str | None = None,
    precision_mode: str | None = None,
    deterministic: bool = True,
) -> None:
    """Sets how MindSpore compiles for the chip that is there, in how many bits, and whether two
    runs are to be equal. To be called after set_device, and before ranks join and anything is
    compiled.

    Args:
        jit_level: of JIT_LEVELS; default: the chip's.
        precision_mode: of PRECISION_MODES; default: the chip's.
        deterministic: whether operators and collective communication repeat their results.

    Raises:
        DeviceError: a chip on which no network in Python runs.
        ConfigError: other settings than those of before; O0 or O1 with a plain rank table, for
            which MindSpore takes O2.
    """
    chip = _this_chip()
    if not chip.trains:
        names = ', '.join(chip.name for chip in CHIPS if chip.trains)
        raise DeviceError(
            f'Ascend {chip.name} runs exported models only (`i3dbox docs ascend`); networks in '
            f'Python run on {names}'
        )
    table = os.environ.get('RANK_TABLE_FILE') and 'MS_ROLE' not in os.environ
    if table and jit_level in ('O0', 'O1'):
        raise ConfigError(
            f'jit_level {jit_level} is not had with a plain rank table, for which MindSpore takes '
            f'{WHOLE_GRAPHS}: start the ranks by tools/dist_train.sh'
        )
    wanted = dict(
        jit_level=jit_level or (WHOLE_GRAPHS if table else chip.jit_level),
        precision_mode=precision_mode or chip.precision_mode,
        deterministic=deterministic,
    )
    if _made:
        for key, value in wanted.items():
            if value != _made[key]:
                raise ConfigError(
                    f'{key} is set once a process: it is {_made[key]!r}; this asks for {value!r}'
                )
        return
    ms.set_deterministic(deterministic)
    ms.set_context(jit_config=dict(jit_level=wanted['jit_level']))
    ms.device_context.ascend.op_precision.precision_mode(wanted['precision_mode'])
    _made.update(wanted)


def describe() -> str:
    """Returns the chip and what was set for it, in one line."""
    chip = _this_chip()
    made = ', '.join(f'{key} {value}' for key, value in _made.items())
    return f'Ascend {chip.name} ({chip.soc}): {made}'


def compiles_whole_graphs() -> bool:
    """Whether what was set has MindSpore hand whole graphs to GE. False on a CPU."""
    return _made.get('jit_level') == WHOLE_GRAPHS


def saturates() -> bool:
    """Whether an overflow on this device is told by a register of its own. False on a CPU."""
    return bool(_made) and _this_chip().saturates


def _this_chip():
    """Returns the chip that MindSpore computes on; one that is not known is taken for a new one."""
    soc = soc_version()
    return chip_of(soc) or Chip('of an unknown kind', '', soc, '')
