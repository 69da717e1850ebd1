"""From a checkpoint into a recognizer, with a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import mindspore as ms

from ..errors import CheckpointError
from ..streams import BOTH
from .fitting import LoadReport, checkpoints_by_stream, fit_weights

if TYPE_CHECKING:
    import numpy as np
    from mindspore import Parameter, nn


def load_weights(
    recognizer: nn.Cell,
    source: str | dict[str, str],
    new_head: str = 'if_needed',
    strict: bool = True,
    streams: Sequence[str] = BOTH,
) -> list[LoadReport]:
    """Loads a checkpoint into `recognizer`.

    Args:
        recognizer: of RECOGNIZERS.
        source: a checkpoint; for a two-stream recognizer a whole one, or
            dict(rgb=..., flow=...) with one of each stream. For a flow stream a checkpoint may be
            dict(type='cross_modality', checkpoint=...), one of RGB: filters of three channels
            become their mean over these (Wang et al., "Temporal Segment Networks", 2016).
        new_head: 'if_needed' keeps the model's fresh head where the file's has another number
            of classes (fine-tuning), 'never' refuses such a file (testing, resuming).
        streams: which of a two-stream recognizer are used, and so need weights.
        strict: raise if anything else is missing, unexpected or misshapen.

    Returns: one LoadReport per file.
    Raises: CheckpointError that names the file and the first parameters that do not fit.
    """
    found = checkpoints_by_stream(source, recognizer.inputs, new_head, streams)
    return [
        _load(getattr(recognizer, stream) if stream else recognizer, stream, path, new_head, strict)
        for stream, path in found.items()
    ]


def _load(recognizer, stream, path, new_head, strict):
    prefix = f'{stream}.' if stream else ''
    model = {p.name[len(prefix) :]: p for p in recognizer.get_parameters()}
    shapes = {name: tuple(parameter.shape) for name, parameter in model.items()}
    arrays, report = fit_weights(path, shapes, recognizer.modality, new_head, strict)
    for name, array in arrays.items():
        model[name].set_data(ms.Tensor(array, model[name].dtype))
    for parameter in model.values():  # those that the file does not have, if they have no value yet
        parameter.init_data()
    return report


def load_state(parameters: Iterable[Parameter], loaded: dict[str, np.ndarray], path: str) -> None:
    """Copies a saved training state into `parameters`, all of it or none.

    Raises: CheckpointError where the state is of another optimizer or model.
    """
    parameters = {p.name: p for p in parameters}
    wrong = [
        name
        for name in parameters
        if name not in loaded or loaded[name].shape != tuple(parameters[name].shape)
    ]
    wrong += [name for name in loaded if name not in parameters]
    if wrong:
        raise CheckpointError(
            f'cannot resume from {path}: its training state does not fit this config '
            '(optimizer, model, loss scale, accumulation or ema_momentum differ), first at '
            f'{wrong[0]!r}. To start a new run from its weights, use --load-from.'
        )
    for name, parameter in parameters.items():
        parameter.set_data(ms.Tensor(loaded[name], parameter.dtype))
