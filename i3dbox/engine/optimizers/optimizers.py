"""MindSpore's optimizers under the names and with the arguments that users know.

An optimizer is a function of (params, lr, **its own arguments): `params` from `build_optimizer`,
`lr` a list with one rate per update.
"""

from __future__ import annotations

from collections.abc import Sequence

from mindspore import nn

from ...argument_checks import in_range
from ...errors import ConfigError
from ...registry import OPTIMIZERS


@OPTIMIZERS.register
def SGD(
    params: list,
    lr: list[float],
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> nn.Optimizer:
    """Stochastic gradient descent with momentum."""
    return nn.SGD(params, lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)


@OPTIMIZERS.register
def Adam(
    params: list,
    lr: list[float],
    betas: Sequence[float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> nn.Optimizer:
    """Adam (Kingma and Ba 2015); weight decay is added to the gradient."""
    beta1, beta2 = _checked('Adam', betas)
    return nn.Adam(params, lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)


@OPTIMIZERS.register
def AdamW(
    params: list,
    lr: list[float],
    betas: Sequence[float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> nn.Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""
    beta1, beta2 = _checked('AdamW', betas)
    return nn.AdamWeightDecay(
        params, lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay
    )


@OPTIMIZERS.register
def RMSProp(
    params: list,
    lr: list[float],
    decay: float = 0.9,
    momentum: float = 0.0,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
) -> nn.Optimizer:
    """RMSProp (Tieleman and Hinton 2012)."""
    return nn.RMSProp(
        params, lr, decay=decay, momentum=momentum, epsilon=eps, weight_decay=weight_decay
    )


def _checked(owner, betas):
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ConfigError(f'{owner}: betas are two numbers, such as (0.9, 0.999); got {betas!r}')
    for beta in betas:
        in_range(owner, 0, 1, betas=beta)
    return betas
