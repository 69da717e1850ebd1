"""Whether a checkpoint fits a network, by its shapes, with a report. Needs no MindSpore."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import CheckpointError
from ..streams import BOTH, CHANNELS
from .checkpoint import load_checkpoint
from .checkpoint_file import COUNTER
from .inflation import inflate, to_flow

if TYPE_CHECKING:
    import numpy as np

HEAD = 'head.logits.'
NON_LOCAL = '.non_local.'


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
    inflated: int = 0
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
        if self.inflated:
            text += f'; {self.inflated} filters are of images, and repeated over time'
        if self.cross_modality:
            text += (
                '; they are of RGB: the filters of the flow stream are their mean over the channels'
            )
        return text


def fit_weights(
    source: str | dict[str, str],
    shapes: dict[str, tuple[int, ...]],
    modality: str,
    new_head: str = 'if_needed',
    strict: bool = True,
) -> tuple[dict[str, np.ndarray], LoadReport]:
    """Reads a checkpoint for a network.

    Args:
        source: a checkpoint, or dict(type='cross_modality', checkpoint=...).
        shapes: of the network's parameters by name.
        modality: of the network. new_head, strict: see loading.load_weights.

    Returns: the arrays that the network takes, by name; and the report.
    Raises: CheckpointError that names the file and the first parameters that do not fit.
    """
    path, crosses = checkpoint_in(source)
    loaded, _, meta = load_checkpoint(path)
    inflated = _inflate(loaded, shapes)
    own = meta.get('modality', 'RGB' if crosses else modality)
    if crosses:
        _cross(loaded, own, shapes, modality, path)
    elif own != modality:
        hint = (
            ". load_from=dict(type='cross_modality', checkpoint=...) starts flow from RGB"
            if (own, modality) == ('RGB', 'Flow')
            else ''
        )
        raise CheckpointError(f'{path} was trained on {own}; the model takes {modality}{hint}')
    report = LoadReport(
        str(path),
        [],
        [n for n in shapes if n not in loaded and not n.endswith(COUNTER)],
        [n for n in loaded if n not in shapes and not n.endswith(COUNTER)],
        [],
        cross_modality=crosses,
        inflated=inflated,
        meta=meta,
    )
    heads = [name for name in shapes if HEAD in name]
    if inflated and new_head != 'never':  # new blocks stand between those of images
        report.missing = [name for name in report.missing if NON_LOCAL not in name]
    # as in inflated weights
    if heads and set(heads) <= set(report.missing) and not any(HEAD in name for name in loaded):
        if new_head == 'never':
            raise CheckpointError(f'{path} has no head; it is for fine-tuning')
        report.new_head = True
        report.missing = [name for name in report.missing if name not in heads]
    _compare_shapes(report, shapes, loaded, new_head)
    if strict and (report.missing or report.unexpected or report.misshapen):
        names = meta.get('names')
        hint = f'. Its names are those of {names}' if names else ''
        raise CheckpointError(f'does not fit the model: {report}{hint}')
    # weight and bias of a head start anew together
    taken = [name for name in report.matched if not (report.new_head and HEAD in name)]
    return {name: loaded[name] for name in taken}, report


def checkpoints_by_stream(
    source: str | dict, inputs: Sequence[str], new_head: str, streams: Sequence[str]
) -> dict[str, str | dict]:
    """Returns the checkpoints of single streams that `source` names, by 'rgb' and 'flow'; where it
    is of the whole network, that by ''.

    Args:
        inputs: of the network. new_head, streams: see loading.load_weights.

    Raises: CheckpointError for those of a network of one stream, and where one is missing.
    """
    if not isinstance(source, dict) or 'type' in source:
        return {'': source}
    if tuple(inputs) != BOTH or not set(source) <= set(BOTH):
        raise CheckpointError(
            'checkpoints by stream, dict(rgb=..., flow=...), are for a TwoStreamRecognizer; '
            f'got {dict(source)} for a model of {", ".join(inputs)}'
        )
    missing = [stream for stream in streams if stream not in source]
    if missing and (new_head == 'never' or not source):
        raise CheckpointError(
            f'no checkpoint of {" and ".join(missing)} is named, which the model uses; there '
            f'is {" and ".join(source) or "none"}'
        )
    return source


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


def _inflate(loaded, shapes):
    """Repeats filters of images over time in `loaded`, and returns how many."""
    flat = [
        name
        for name, shape in shapes.items()
        if len(shape) == 5 and name in loaded and loaded[name].shape[2:] == shape[3:]
    ]
    for name in flat:
        loaded[name] = inflate(loaded[name], shapes[name][2])
    return len(flat)


def _cross(loaded, own, shapes, modality, path):
    """Makes the filters of colour in `loaded` such as flow takes."""
    if (own, modality) != ('RGB', 'Flow'):
        raise CheckpointError(
            f"{path}: 'cross_modality' starts a flow stream from weights of RGB; these are of "
            f'{own}, the stream of {modality}'
        )
    for name, shape in shapes.items():
        if name in loaded and len(shape) > 1 and shape[1] == CHANNELS['Flow']:
            if loaded[name].shape == (shape[0], CHANNELS['RGB'], *shape[2:]):
                loaded[name] = to_flow(loaded[name])


def _compare_shapes(report, shapes, loaded, new_head):
    """Notes in the report which parameters match; a head of another number of classes starts anew.

    Raises: CheckpointError for such a head where new_head is 'never'.
    """
    for name, expected in shapes.items():
        if name not in loaded or name.endswith(COUNTER):
            continue
        found = loaded[name].shape
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
