"""The top-level keys of a config; other names are variables of its own."""

from __future__ import annotations

from ..errors import ConfigError

KEYS = {
    'model': 'the recognizer',
    'loss': 'the loss',
    'freeze': 'which parameters train',
    'data': 'data sets, batch size and workers',
    'optimizer': 'the optimizer and its base rate',
    'schedule': 'the learning rate over time',
    'total_epochs': 'how long to train',
    'clip_grad_norm': 'the largest norm of the gradient',
    'accumulate': 'steps an update',
    'runner': 'one runner a device',
    'hooks': 'what watches the run',
    'evaluation': 'interval and metrics',
    'protocols': 'ways to test, by name',
    'data_root': 'of all data sets',
    'seed': 'of all randomness',
    'work_dir': 'where outputs go',
    'load_from': 'weights to start from',
    'custom_imports': 'modules of your own',
}


def check_override(values: dict, key: str, filename: str | None) -> None:
    """Raises ConfigError for an override that would change nothing: of a variable whose value is
    copied to where it is used, as `train_pipeline` to data.train.pipeline.

    Args:
        values: the config's.
        key: the dotted key to override.
    """
    name, *rest = key.split('.')
    variable = values.get(name)
    if name in KEYS or not isinstance(variable, (dict, list)):
        return
    copies = _keys_of(variable, {other: values[other] for other in values if other in KEYS})
    if copies:
        meant = ' and '.join('.'.join((copy, *rest)) for copy in copies)
        raise ConfigError(
            f'override {key!r}: {name} is a variable of {filename} and is not read after its value '
            f'was copied; override {meant}'
        )


def _keys_of(value, node):
    """The dotted keys at which `value` stands in `node`, whole."""
    keys = []
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node):
        if inner == value:
            keys.append(str(key))
        elif isinstance(inner, (dict, list)):
            keys += [f'{key}.{rest}' for rest in _keys_of(value, inner)]
    return keys
