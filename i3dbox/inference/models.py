"""The networks of the model zoo by their names, as Cells."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from ..argument_checks import at_least_one
from ..errors import ConfigError
from ..streams import MODALITIES
from .model_spec import ModelSpec, zoo_models

if TYPE_CHECKING:
    from mindspore import nn


def list_models(pattern: str = '*') -> list[str]:
    """Returns the names of the model zoo's networks; 'i3d_kinetics400' is a pair, RGB and flow.

    Args:
        pattern: as of file names, such as '*flow*' or 'i3d_rgb_*'.
    """
    if not isinstance(pattern, str):
        raise ConfigError(f"a pattern is a text such as '*flow*'; got {pattern!r}")
    return fnmatch.filter(zoo_models(), pattern)


def create_model(
    name: str,
    num_classes: int | None = None,
    pretrained: bool = True,
    device: str = 'auto',
    device_id: int | None = None,
) -> nn.Cell:
    """Builds a network of the model zoo.

        network = create_model('i3d_rgb_kinetics400', num_classes=10)
        logits = network(clips)     # uint8 B x N x T x H x W x C -> float32 B x 10

    Args:
        name: of the zoo, see list_models; 'i3d_kinetics400' is both streams in one graph.
        num_classes: another number than the weights have: the head then starts anew.
        pretrained: with the weights, which are downloaded where they are not there yet.
        device, device_id: 'CPU', 'Ascend' or 'auto', and which.

    Returns: a Recognizer3D, or a TwoStreamRecognizer.
    Raises: an I3DBoxError for a name that there is not, or weights that cannot be had.
    """
    if num_classes is not None:
        at_least_one('create_model', num_classes=num_classes)
    from .network import load_network  # which imports MindSpore

    spec = ModelSpec.resolve(name)
    spec.check_open()
    parts = [spec.cfg.model[kind] for kind in MODALITIES if kind in spec.cfg.model]
    for part in parts or [spec.cfg.model]:
        part.head.num_classes = num_classes or part.head.num_classes
    network, _ = load_network(
        spec, device, device_id, 'if_needed' if num_classes else 'never', pretrained
    )
    return network
