"""Mixed precision by cells."""

from __future__ import annotations

from mindspore import dtype as mstype
from mindspore import nn

LEVELS = ('O0', 'O1', 'O2', 'O3')
MATRIX = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Dense)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def mixed_precision(network: nn.Cell, level: str) -> None:
    """Lets `network` compute in float16, in place; its parameters stay float32.

    The levels are those of mindspore.amp, whose own functions wrap cells and so rename the
    parameters in checkpoints; this does not.

    Args:
        network: a backbone or a head.
        level: 'O0' nothing; 'O1' convolutions and dense layers; 'O2' all but batch norm; 'O3' all.
    """
    if level in ('O2', 'O3'):
        network.to_float(mstype.float16)
    for _, cell in network.cells_and_names():
        if level == 'O1' and isinstance(cell, MATRIX):
            cell.to_float(mstype.float16)
        if level in ('O1', 'O2') and isinstance(cell, NORMS):
            cell.to_float(mstype.float32)
