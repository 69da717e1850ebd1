"""From a config's `optimizer` to one that trains a model."""

from __future__ import annotations

from mindspore import Parameter, nn

from ...registry import OPTIMIZERS


def build_optimizer(cfg: dict, parameters: list[Parameter], rates: list[float]) -> nn.Optimizer:
    """Builds the optimizer.

    Args:
        cfg: of OPTIMIZERS; its `lr` is the base rate, which is already in `rates`. With
            `decay_norm_and_bias=False` its weight decay leaves batch norm and biases out.
        parameters: those that train.
        rates: the learning rate of each update.
    """
    cfg = {key: value for key, value in cfg.items() if key != 'lr'}
    decay_all = cfg.pop('decay_norm_and_bias', True)
    decay = cfg.get('weight_decay', 0.0)
    if decay_all or not decay:
        return OPTIMIZERS.build(cfg, params=parameters, lr=rates)
    weights = [p for p in parameters if p.ndim > 1]
    rest = [p for p in parameters if p.ndim <= 1]
    groups = [
        dict(params=group, weight_decay=value)
        for group, value in ((weights, decay), (rest, 0.0))
        if group
    ]
    return OPTIMIZERS.build(cfg, params=[*groups, dict(order_params=parameters)], lr=rates)
