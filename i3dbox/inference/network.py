"""A config's network on its device, without weights and with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..engine.build import build_runner
from ..models import build_recognizer
from ..weights.loading import load_weights

if TYPE_CHECKING:
    from mindspore import nn

    from ..config import Config
    from ..engine.runners.base import BaseRunner
    from ..weights.fitting import LoadReport
    from .model_spec import ModelSpec


def build_network(
    cfg: Config,
    device: str = 'auto',
    device_id: int | None = None,
    check: Callable | None = None,
    initialize: bool = True,
) -> tuple[nn.Cell, BaseRunner]:
    """Builds the network of a config that check_config has passed, the device first.

    Between this and weights.loading.load_weights the caller looks whether all fits; after it
    stands the runner's mixed_precision, where that is wanted.

    Args:
        device, device_id: 'CPU', 'Ascend' or 'auto', and which.
        check: takes the device's name, before anything is built.
        initialize: of build_recognizer: False where load_weights is sure to follow.

    Returns: the recognizer and its runner.
    """
    runner = build_runner(cfg.runner, device, device_id)
    if check:
        check(runner.device_target)
    runner.setup(cfg.get('seed') or 0)
    return build_recognizer(cfg.model, cfg.get('seed') or 0, initialize), runner


def load_network(
    spec: ModelSpec,
    device: str = 'auto',
    device_id: int | None = None,
    new_head: str = 'never',
    pretrained: bool = True,
) -> tuple[nn.Cell, list[LoadReport]]:
    """Loads the network that a ModelSpec names, in MindSpore.

    Args:
        new_head: of load_weights: 'if_needed' where no logits are wanted.
        device, device_id: 'CPU', 'Ascend' or 'auto', and which.
        pretrained: with the spec's weights; else with those that training starts from.

    Returns: the recognizer, and the list of LoadReport.
    """
    spec.check_open()
    network, runner = build_network(spec.cfg, device, device_id, initialize=not pretrained)
    reports = (
        load_weights(network, spec.checkpoint, new_head, streams=spec.streams) if pretrained else []
    )
    runner.mixed_precision(network)
    return network, reports
