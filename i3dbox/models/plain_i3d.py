"""Plain I3D, as the authors have it, by its config. Needs no MindSpore."""

from __future__ import annotations

from typing import NamedTuple

from ..averages import HOW
from ..streams import BOTH, CHANNELS, MODALITIES
from .i3d_table import parameter_shapes

EPSILON = 1e-3  # of the batch norms in the authors' code
_PARTS = {  # what the config of each part may say, so that the network is still this one
    'Recognizer3D': ('backbone', 'head', 'modality', 'average_clips'),
    'InceptionI3D': ('norm',),
    'I3DHead': ('num_classes', 'dropout'),
    'TwoStreamRecognizer': (*BOTH, 'weights'),
}


class PlainI3D(NamedTuple):
    """One stream: all that its table and parameters do not say."""

    modality: str
    num_classes: int
    average_clips: str = 'score'
    epsilon: float = EPSILON

    @property
    def channels(self) -> int:
        return CHANNELS[self.modality]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of its parameters by name."""
        return parameter_shapes(self.channels, self.num_classes)


def plain_streams(model: dict) -> dict[str, PlainI3D] | None:
    """Returns the streams of a config's `model`, by the input that each takes ('imgs', or 'rgb' and
    'flow'); None where it is anything else than plain I3D.
    """
    if _is_plain(model, 'TwoStreamRecognizer') and all(name in model for name in BOTH):
        streams = {name: _stream(model[name], MODALITIES[name]) for name in BOTH}
        plain = all(streams.values()) and _are_numbers(model.get('weights', (1, 1)))
        same = plain and streams['rgb'].num_classes == streams['flow'].num_classes
        return streams if same else None
    stream = _stream(model, model.get('modality', 'RGB'))
    return stream and dict(imgs=stream)


def _stream(model, modality):
    if not _is_plain(model, 'Recognizer3D') or model.get('modality', modality) != modality:
        return None
    backbone = model.get('backbone')
    head = model.get('head')
    if not _is_plain(backbone, 'InceptionI3D') or not _is_plain(head, 'I3DHead'):
        return None
    norm = backbone.get('norm') or {}
    classes = head.get('num_classes')
    average = model.get('average_clips', 'score')
    plain = (
        type(classes) is int
        and classes > 0
        and isinstance(modality, str)
        and modality in CHANNELS
        and average in HOW
        and isinstance(norm, dict)
        and set(norm) <= {'eps', 'momentum'}
        and isinstance(norm.get('eps', EPSILON), float)
        and 0 < norm.get('eps', EPSILON) <= 1
    )
    return PlainI3D(modality, classes, average, norm.get('eps', EPSILON)) if plain else None


def _is_plain(part, kind):
    return (
        isinstance(part, dict) and part.get('type') == kind and {*part} <= {'type', *_PARTS[kind]}
    )


def _are_numbers(weights):
    pair = isinstance(weights, (list, tuple)) and len(weights) == 2
    return pair and all(type(weight) in (int, float) for weight in weights)
