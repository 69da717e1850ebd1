"""Which parameters train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..streams import BOTH
from .layers import BatchNorm3d, Dropout

if TYPE_CHECKING:
    from mindspore import Parameter, nn

# What stands before a layer's own name in a recognizer's parameters.
PARTS = (*BOTH, 'backbone', 'head')


def layer_name(parameter_name: str) -> str:
    """Shortens 'rgb.backbone.Mixed_5b.b0.bn.gamma' to 'Mixed_5b.b0.bn.gamma'."""
    first, _, rest = parameter_name.partition('.')
    return layer_name(rest) if first in PARTS else parameter_name


def has_prefix(parameter: Parameter, names: str | tuple[str, ...]) -> bool:
    """Whether a parameter's whole name, or that inside its backbone or head, begins with one of
    `names`.
    """
    return parameter.name.startswith(names) or layer_name(parameter.name).startswith(names)


def _check_prefixes(prefixes, parameters):
    for prefix in prefixes:
        if not any(has_prefix(parameter, prefix) for parameter in parameters):
            raise ConfigError(
                f'freeze names the prefix {prefix!r}, which no parameter of the model has '
                f'(names are like {parameters[0].name!r})'
            )


def freeze(
    recognizer: nn.Cell,
    finetune_prefixes: list[str] | None = None,
    freeze_prefixes: list[str] | None = None,
    freeze_norm: bool = False,
) -> list[str]:
    """Freezes parameters of `recognizer` in place and returns the names of those that still train.

    A prefix is compared with the whole name and with the name inside its backbone or head, so that
    'Mixed_5' and 'backbone.Mixed_5' mean the same. The batch norm of a frozen layer also keeps its
    moving statistics.

    Args:
        finetune_prefixes: only these train.
        freeze_prefixes: these do not.
        freeze_norm: every batch norm keeps its statistics, scale and shift.

    Raises:
        ConfigError: a prefix that no parameter has, or nothing left to train.
    """
    if finetune_prefixes is not None and freeze_prefixes is not None:
        raise ConfigError('freeze takes finetune_prefixes or freeze_prefixes, not both')
    prefixes = tuple(finetune_prefixes or freeze_prefixes or ())
    parameters = [p for p in recognizer.get_parameters() if p.requires_grad]
    _check_prefixes(prefixes, parameters)
    for parameter in parameters:
        named = has_prefix(parameter, prefixes)
        parameter.requires_grad = named == (finetune_prefixes is not None)
    for _, cell in recognizer.cells_and_names():
        if isinstance(cell, BatchNorm3d) and (freeze_norm or not cell.gamma.requires_grad):
            cell.freeze_statistics()
            cell.gamma.requires_grad = cell.beta.requires_grad = False
    names = [p.name for p in recognizer.get_parameters() if p.requires_grad]
    if not names:
        raise ConfigError('freeze leaves no parameter to train')
    return names


def frozen_endpoint(backbone: nn.Cell) -> str | None:
    """Returns the last layer of a backbone up to which nothing trains, and nothing is dropped; None
    where the first one does. `freeze` has come before.
    """
    endpoint = None
    for name, layer in backbone.name_cells().items():
        trains = any(parameter.requires_grad for parameter in layer.get_parameters())
        if trains or any(isinstance(cell, Dropout) for _, cell in layer.cells_and_names()):
            break
        endpoint = name
    return endpoint
