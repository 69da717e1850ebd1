"""The runner for a device, and hooks in their order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..argument_checks import device_name
from ..counterparts import hint
from ..errors import ConfigError, DeviceError
from ..registry import HOOKS, RUNNERS
from .distributed import is_launched

if TYPE_CHECKING:
    from mindspore.train import Callback

    from .runners.base import BaseRunner

_POINT = re.compile('prepare$|before_|after_')


def build_runner(
    runners: dict[str, dict], device: str = 'auto', device_id: int | None = None
) -> BaseRunner:
    """Builds the runner of a device.

    Args:
        runners: config.runner: one config of RUNNERS for each device name.
        device: 'CPU', 'Ascend', or 'auto': the one that this MindSpore is built for.
    """
    device = device_name(device)
    if device == 'auto':
        import mindspore as ms

        device = ms.get_context('device_target')
    if device not in runners:
        raise DeviceError(f'device {device!r}: the config has runners for {", ".join(runners)}')
    cfg = runners[device]
    if device_id is not None:
        if is_launched():
            raise DeviceError(
                '--device-id is for a single device; with several ranks the launcher gives each '
                'its own'
            )
        cfg = dict(cfg, device_id=device_id)
    return RUNNERS.build(cfg)


def build_hooks(configs: Iterable[dict]) -> list[Callback]:
    """Builds hooks in the order of their priority."""
    hooks = [HOOKS.build(cfg) for cfg in configs]
    if hooks:
        from .hooks.hook import Callback, Hook  # which imports MindSpore
    for hook in hooks:
        if not isinstance(hook, Callback):
            raise ConfigError(
                f'{type(hook).__name__} is no hook: it derives from i3dbox.engine.hooks.hook.Hook '
                "or MindSpore's Callback"
            )
        for name in {*dir(hook)} - {*dir(Hook)}:
            _check_method(hook, name, [point for point in dir(Hook) if _POINT.match(point)])
    return in_order(hooks)


def _check_method(hook, name, points):
    """Raises ConfigError for the name of a point of a run at which nobody calls a hook."""
    meant = hint('method', name, points if _POINT.match(name) else (), cutoff=0.8)
    if meant:
        raise ConfigError(
            f'{type(hook).__name__}.{name} is called by nobody.{meant} A hook is told at: '
            f'{", ".join(points)}'
        )


def in_order(hooks: Iterable[Callback]) -> list[Callback]:
    """Sorts hooks by their priority; MindSpore's own callbacks stand in the middle."""
    return sorted(hooks, key=lambda hook: getattr(hook, 'priority', 50))


def call_hooks(hooks: Iterable[Callback], point: str, value: Any) -> None:
    """Calls `hook.<point>(value)` of those that have it; MindSpore's own callbacks do not."""
    for hook in hooks:
        getattr(hook, point, lambda _: None)(value)
