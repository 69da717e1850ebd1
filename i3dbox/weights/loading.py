"""From a checkpoint into a recognizer, with a report."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import mindspore as ms

from ..errors import CheckpointError
from ..streams import BOTH, CHANNELS
from .checkpoint import load_checkpoint
from .checkpoint_file import COUNTER
from .inflation import to_flow

if TYPE_CHECKING:
    import numpy as np
    from mindspore import Parameter, nn

HEAD = 'head.logits.'


@dataclasses.dataclass
class LoadReport:
    """What loading did. `misshapen` holds (name, shape in the file, shape in the model)."""

    path: str
    matched: list[str]
    missing: list[str]
    unexpected: list[str]
    misshapen: list[tuple[str, tuple, tuple]]
    new_head: bool = False
    cross_modality: bool = False
    meta: dict = dataclasses.field(default_factory=dict)

    def __str__(self):
        text = f'{self.path}: {len(self.matched)} parameters loaded'
        for kind in ('missing', 'unexpected'):
            names = getattr(self, kind)
            if names:
                shown = ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
                text += f'; {len(names)} {kind} ({shown})'
        if self.misshapen:
            name, found, expected = self.misshapen[0]
            text += (
                f'; {len(self.misshapen)} of another shape '
                f'({name}: {found} in the file, {expected} in the model)'
            )
        if self.new_head:
            text += '; the head starts anew'
        if self.cross_modality:
            text += (
                '; they are of RGB: the filters of the flow stream are their mean over the channels'
            )
        return text


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
    if isinstance(source, dict) and 'type' not in source:
        if tuple(recognizer.inputs) != BOTH or not set(source) <= set(BOTH):
            raise CheckpointError(
                'checkpoints by stream, dict(rgb=..., flow=...), are for a TwoStreamRecognizer; '
                f'got {dict(source)} for a {type(recognizer).__name__}'
            )
        missing = [stream for stream in streams if stream not in source]
        if missing and (new_head == 'never' or not source):
            raise CheckpointError(
                f'no checkpoint of {" and ".join(missing)} is named, which the model uses; there '
                f'is {" and ".join(source) or "none"}'
            )
        return [
            _load(getattr(recognizer, stream), path, f'{stream}.', new_head, strict)
            for stream, path in source.items()
        ]
    return [_load(recognizer, source, '', new_head, strict)]


def _load(recognizer, path, prefix, new_head, strict):
    path, crosses = checkpoint_in(path)
    loaded, _, meta = load_checkpoint(path)
    modality = meta.get('modality', 'RGB' if crosses else recognizer.modality)
    if crosses:
        _cross(loaded, modality, recognizer, prefix, path)
    elif modality != recognizer.modality:
        hint = (
            ". load_from=dict(type='cross_modality', checkpoint=...) starts flow from RGB"
            if (modality, recognizer.modality) == ('RGB', 'Flow')
            else ''
        )
        raise CheckpointError(
            f'{path} was trained on {modality}; the model takes {recognizer.modality}{hint}'
        )
    model = {p.name[len(prefix) :]: p for p in recognizer.get_parameters()}
    report = LoadReport(
        str(path),
        [],
        [n for n in model if n not in loaded and not n.endswith(COUNTER)],
        [n for n in loaded if n not in model and not n.endswith(COUNTER)],
        [],
        cross_modality=crosses,
        meta=meta,
    )
    heads = [name for name in model if HEAD in name]
    # as in inflated weights
    if heads and set(heads) <= set(report.missing) and not any(HEAD in name for name in loaded):
        if new_head == 'never':
            raise CheckpointError(f'{path} has no head; it is for fine-tuning')
        report.new_head = True
        report.missing = [name for name in report.missing if name not in heads]
    _compare_shapes(report, model, loaded, new_head)
    if strict and (report.missing or report.unexpected or report.misshapen):
        raise CheckpointError(f'does not fit the model: {report}')
    for name in report.matched:
        if report.new_head and HEAD in name:
            continue  # weight and bias start anew together
        parameter = model[name]
        parameter.set_data(ms.Tensor(loaded[name], parameter.dtype))
    return report


def checkpoint_in(source: str | dict) -> tuple[str, bool]:
    """Returns the checkpoint that a config's load_from names for a stream, and whether it is of the
    other modality. Raises CheckpointError for a dict that says neither.
    """
    if not isinstance(source, dict):
        return source, False
    if set(source) != {'type', 'checkpoint'} or source['type'] != 'cross_modality':
        raise CheckpointError(
            "weights of the other modality are dict(type='cross_modality', checkpoint=...); got "
            f'{dict(source)}'
        )
    return source['checkpoint'], True


def _cross(loaded, modality, recognizer, prefix, path):
    """Makes the filters of colour in `loaded` such as flow takes."""
    if (modality, recognizer.modality) != ('RGB', 'Flow'):
        raise CheckpointError(
            f"{path}: 'cross_modality' starts a flow stream from weights of RGB; these are of "
            f'{modality}, the stream of {recognizer.modality}'
        )
    for parameter in recognizer.get_parameters():
        name = parameter.name[len(prefix) :]
        shape = tuple(parameter.shape)
        if name in loaded and len(shape) > 1 and shape[1] == CHANNELS['Flow']:
            if loaded[name].shape == (shape[0], CHANNELS['RGB'], *shape[2:]):
                loaded[name] = to_flow(loaded[name])


def _compare_shapes(report, model, loaded, new_head):
    """Notes in the report which parameters match; a head of another number of classes starts anew.

    Raises: CheckpointError for such a head where new_head is 'never'.
    """
    for name, parameter in model.items():
        if name not in loaded or name.endswith(COUNTER):
            continue
        found = loaded[name].shape
        expected = tuple(parameter.shape)
        if found == expected:
            report.matched.append(name)
        elif HEAD in name and found[1:] == expected[1:]:
            if new_head == 'never':
                raise CheckpointError(
                    f'{report.path} has {found[0]} classes; the model has {expected[0]}. '
                    'Set model.head.num_classes to match.'
                )
            report.new_head = True
        else:
            report.misshapen.append((name, found, expected))


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
            f'(optimizer, model, loss scale or accumulation differ), first at {wrong[0]!r}. '
            'To start a new run from its weights, use --load-from.'
        )
    for name, parameter in parameters.items():
        parameter.set_data(ms.Tensor(loaded[name], parameter.dtype))
