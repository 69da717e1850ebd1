"""Learning rates as plain lists, one number per step.

A schedule is a function of (base_lr, steps_per_epoch, total_steps, **its own arguments) that
returns `total_steps` floats. Epochs in its arguments may be fractions.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence

from ...argument_checks import in_range
from ...errors import ConfigError
from ...registry import SCHEDULES

MAX_STEPS = 10**7  # of a run, which has its rates in memory


def schedule(function: Callable) -> Callable[..., list[float]]:
    """Registers a function rate(progress in epochs, base_lr, epochs, ...) as a schedule, with
    warm-up.

    Every schedule so takes two arguments more: `warmup_epochs` (0), over which the rate rises in a
    straight line from `warmup_ratio` (0.1) of what the schedule says to all of it.
    """

    @functools.wraps(function)
    def rates(base_lr, steps_per_epoch, total_steps, warmup_epochs=0, warmup_ratio=0.1, **kwargs):
        if not base_lr > 0:
            raise ConfigError(f'the learning rate must be above 0; got {base_lr}')
        in_range('a schedule', 0, MAX_STEPS, total_steps=total_steps)
        rate = function(base_lr, total_steps / steps_per_epoch, **kwargs)
        warmup_steps = warmup_epochs * steps_per_epoch
        result = []
        for step in range(total_steps):
            lr = rate(step / steps_per_epoch)
            if step < warmup_steps:
                lr *= warmup_ratio + (1 - warmup_ratio) * step / warmup_steps
            result.append(float(lr))
        return result

    # What it really takes, for the registry's check of arguments: first what all take.
    common = inspect.signature(rates, follow_wrapped=False).parameters
    parameters = {**common, **inspect.signature(function).parameters, **common}
    del parameters['kwargs'], parameters['epochs']
    rates.__signature__ = inspect.Signature(
        [p.replace(kind=p.KEYWORD_ONLY) for p in parameters.values()]
    )
    return SCHEDULES.register(rates)


@schedule
def ConstantLR(base_lr: float, epochs: float) -> Callable[[float], float]:
    """The same rate throughout."""
    return lambda epoch: base_lr


@schedule
def StepLR(
    base_lr: float, epochs: float, every: float, gamma: float = 0.1
) -> Callable[[float], float]:
    """Times `gamma` every `every` epochs."""
    return lambda epoch: base_lr * gamma ** (epoch // every)


@schedule
def MultiStepLR(
    base_lr: float, epochs: float, milestones: Sequence[float], gamma: float = 0.1
) -> Callable[[float], float]:
    """Times `gamma` at each of the epochs in `milestones`."""
    return lambda epoch: base_lr * gamma ** sum(epoch >= m for m in milestones)


@schedule
def CosineLR(base_lr: float, epochs: float, min_lr: float = 0.0) -> Callable[[float], float]:
    """Half a cosine from the base rate down to `min_lr` (Loshchilov and Hutter 2017, no
    restart).
    """
    return lambda epoch: min_lr + (base_lr - min_lr) * (1 + math.cos(math.pi * epoch / epochs)) / 2


@schedule
def HalvingLR(
    base_lr: float, epochs: float, every: float = 4, restart_at: float | None = None
) -> Callable[[float], float]:
    """Halved every `every` epochs.

    With `restart_at`, the rate goes back up to the base rate, once, when it would fall to
    `restart_at` or below, and is halved on from there: the recipe of the MindSpore 1.5
    implementation for its flow streams (base 0.001, restart_at 5e-5).
    """
    first = math.inf
    if restart_at is not None:
        first = next(k for k in range(64) if base_lr / 2**k <= restart_at)

    def rate(epoch):
        halvings = epoch // every
        return base_lr / 2 ** (halvings - first if halvings >= first else halvings)

    return rate
