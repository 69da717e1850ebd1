"""From a config's `optimizer` to one that trains a model."""

from __future__ import annotations

import collections

from mindspore import Parameter, nn

from ...argument_checks import in_range
from ...errors import ConfigError, spelling_hint
from ...models.freezing import has_prefix, layer_name
from ...registry import OPTIMIZERS

MULTIPLIERS = ('lr_mult', 'decay_mult')
PARAMWISE = ('custom_keys', 'norm_decay_mult', 'bias_decay_mult', 'bias_lr_mult', 'layer_decay')


def build_optimizer(cfg: dict, parameters: list[Parameter], rates: list[float]) -> nn.Optimizer:
    """Builds the optimizer.

    Args:
        cfg: of OPTIMIZERS; its `lr` is the base rate, which is already in `rates`. With
            `decay_norm_and_bias=False` its weight decay leaves batch norm and biases out;
            `paramwise_cfg` is as of `multipliers`.
        parameters: those that train.
        rates: the learning rate of each update.

    Raises:
        ConfigError: a paramwise_cfg that is none.
    """
    cfg = {key: value for key, value in cfg.items() if key != 'lr'}
    paramwise = dict(cfg.pop('paramwise_cfg', None) or {})
    if not cfg.pop('decay_norm_and_bias', True):
        paramwise = {'norm_decay_mult': 0, 'bias_decay_mult': 0, **paramwise}
    decay = cfg.get('weight_decay', 0.0)
    groups = collections.defaultdict(list)
    for parameter, (lr, weight) in zip(parameters, multipliers(parameters, **_checked(paramwise))):
        groups[lr, weight if decay else 1].append(parameter)
    if set(groups) == {(1, 1)}:
        return OPTIMIZERS.build(cfg, params=parameters, lr=rates)
    grouped = [
        dict(params=group, lr=[rate * lr for rate in rates], weight_decay=decay * weight)
        for (lr, weight), group in groups.items()
    ]
    return OPTIMIZERS.build(cfg, params=[*grouped, dict(order_params=parameters)], lr=rates)


def multipliers(
    parameters: list[Parameter],
    custom_keys: dict[str, dict] | None = None,
    norm_decay_mult: float = 1,
    bias_decay_mult: float = 1,
    bias_lr_mult: float = 1,
    layer_decay: float = 1,
) -> list[tuple[float, float]]:
    """Returns the factors of rate and weight decay of each parameter.

    Args:
        custom_keys: prefix of names, as in `freeze` -> dict of lr_mult and decay_mult; of several
            the longest counts, and what stands below does not.
        norm_decay_mult: of the decay of batch norm. bias_decay_mult, bias_lr_mult: of biases.
        layer_decay: of the rate of each layer of the backbone against the next one's; the head's
            is 1.

    Raises: ConfigError for a prefix that no parameter has.
    """
    custom_keys = custom_keys or {}
    for prefix in custom_keys:
        if not any(has_prefix(parameter, prefix) for parameter in parameters):
            raise ConfigError(
                f'paramwise_cfg names the prefix {prefix!r}, which no parameter that trains has '
                f'(names are like {parameters[0].name!r})'
            )
    depths = _depths(parameters)
    factors = []
    for parameter in parameters:
        fitting = [prefix for prefix in custom_keys if has_prefix(parameter, prefix)]
        of_bias = parameter.name.endswith('.bias')
        of_norm = parameter.ndim <= 1 and not of_bias
        if fitting:
            chosen = custom_keys[max(fitting, key=len)]
            lr, decay = (chosen.get(name, 1) for name in MULTIPLIERS)
        else:
            lr = bias_lr_mult if of_bias else 1
            decay = norm_decay_mult if of_norm else bias_decay_mult if of_bias else 1
        factors.append((lr * layer_decay ** depths[_layer(parameter)], decay))
    return factors


def _layer(parameter):
    """Returns the first part of a parameter's name below its backbone; '' of the head."""
    in_head = 'head' in parameter.name.split('.')[:2]
    return '' if in_head else layer_name(parameter.name).split('.')[0]


def _depths(parameters):
    """Returns how many layers stand behind each, the head's counting as one."""
    layers = list(dict.fromkeys(map(_layer, parameters)))
    behind = [layer for layer in layers if layer]
    return {'': 0, **{layer: len(behind) - place for place, layer in enumerate(behind)}}


def _checked(paramwise):
    """Returns a paramwise_cfg; raises ConfigError for what is none."""
    for key, value in paramwise.items():
        if key not in PARAMWISE:
            raise ConfigError(
                f'optimizer.paramwise_cfg has no key {key!r}.{spelling_hint(key, PARAMWISE)} '
                f'It has: {", ".join(PARAMWISE)}.'
            )
        if key != 'custom_keys':
            in_range('optimizer.paramwise_cfg', 0, 1000, **{key: value})
    for prefix, factors in (paramwise.get('custom_keys') or {}).items():
        if not isinstance(factors, dict) or not set(factors) <= set(MULTIPLIERS):
            raise ConfigError(
                f'optimizer.paramwise_cfg: {prefix!r} has lr_mult, decay_mult or both; got '
                f'{factors!r}'
            )
        in_range(f'optimizer.paramwise_cfg: {prefix!r}', 0, 1000, **factors)
    return paramwise
