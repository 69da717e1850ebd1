"""Ascend chips: what each supports, and what is set for it. Runners, exporters, testing and the
documents look here; nothing else asks which chip it is.

The sources of the values stand in docs/ascend.md. None of them was run on hardware.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Chip(NamedTuple):
    """A series of chips.

    Attributes:
        name: as people call it.
        products: what its cards and servers are sold as.
        soc: what MindSpore calls it (MSContext.get_ascend_soc_version).
        called: a pattern of what npu-smi shows, which most often is without "Ascend"; with it, it
            is ATC's --soc_version.
        trains: whether networks in Python run on it.
        jit_level: how MindSpore compiles for it where nothing else is said: 'O2' is GE, whole
            graphs; 'O0' runs kernel by kernel.
        precision_mode: under which convolutions take float16, and what is float32 stays so.
        saturates: whether a float16 overflow becomes the largest number and is told by a register
            of the chip, instead of being infinite.
    """

    name: str
    products: str
    soc: str
    called: str
    trains: bool = True
    jit_level: str = 'O0'
    precision_mode: str = 'must_keep_origin_dtype'
    saturates: bool = False


CHIPS = (
    Chip(
        '910A',
        'Atlas training series',
        'ascend910',
        # 910B without a number is an old 910, too
        r'910|(Ascend)?910(A|B|ProA|ProB|PremiumA)',
        jit_level='O2',
        # MindSpore takes it there, too; must_keep_origin_dtype leaves float32 without kernels
        precision_mode='allow_fp32_to_fp16',
        saturates=True,
    ),
    Chip('910B', 'Atlas A2 training series', 'ascend910b', r'(Ascend)?910B\d.*'),
    # npu-smi shows a bare Ascend910 there
    Chip('910C', 'Atlas A3 training series', 'ascend910_93', r'(Ascend)?910_93.*|Ascend910'),
    Chip('310P', 'Atlas inference series', 'ascend310p', r'(Ascend)?310P\d*', trains=False),
    Chip('310B', 'Atlas 200I and 500 A2', 'ascend310b', r'(Ascend)?310B\d*', trains=False),
    Chip('310', 'Atlas 200, 300 and 500', 'ascend310', r'(Ascend)?310', trains=False),
)
JIT_LEVELS = ('O0', 'O1', 'O2')
WHOLE_GRAPHS = 'O2'  # leaves no length open, and takes no branch within a branch


def chip_of(soc: str) -> Chip | None:
    """Returns the chip that MindSpore calls `soc`; None for one that is not known here."""
    return next((chip for chip in CHIPS if chip.soc == soc.lower()), None)


def chip_called(version: str) -> Chip | None:
    """Returns the chip of a name as npu-smi shows it, such as 910B3, 310P3 or Ascend910A."""
    return next((chip for chip in CHIPS if re.fullmatch(chip.called, version.strip())), None)


def soc_version() -> str:
    """Returns what MindSpore calls the chip that it computes on."""
    from mindspore._c_expression import MSContext

    return MSContext.get_instance().get_ascend_soc_version()
