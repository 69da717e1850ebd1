"""The top-level keys of a config; other names are variables of its own."""

from __future__ import annotations

from ..errors import ConfigError

KEYS = {
    'model': 'the recognizer',
    'loss': 'the loss',
    'blending': 'how the samples of a batch are blended',
    'freeze': 'which parameters train',
    'frozen_views': 'clips of each sample for which the frozen layers are computed once',
    'data': 'data sets, batch size and workers',
    'optimizer': 'the optimizer and its base rate',
    'schedule': 'the learning rate over time',
    'total_epochs': 'how long to train',
    'clip_grad_norm': 'the largest norm of the gradient',
    'accumulate': 'steps an update',
    'ema_momentum': 'the share of the newest weights in their moving average',
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
# What to write where a key that is needed is not there.
EXAMPLES = {
    'runner': "runner=dict(CPU=dict(type='CPURunner'), Ascend=dict(type='Ascend910Runner'))",
    'loss': "loss=dict(type='CrossEntropyLoss')",
    'optimizer': "optimizer=dict(type='SGD', lr=0.01, momentum=0.9)",
    'schedule': "schedule=dict(type='MultiStepLR', milestones=[20, 30])",
    'total_epochs': 'total_epochs=40',
}

# Variables that configs carry by habit, whether they use them or not.
USUAL = (
    'ann_file_test',
    'ann_file_train',
    'ann_file_val',
    'data_root_test',
    'data_root_train',
    'data_root_val',
    'dataset_type',
    'file_client_args',
    'img_norm_cfg',
    'test_pipeline',
    'train_pipeline',
    'val_pipeline',
)


def check_override(values: dict, key: str, used: set[str], filename: str) -> None:
    """Raises ConfigError for an override that would change nothing: of a variable, such as
    `train_pipeline`, whose value was taken to where it is needed when the file was read.

    Args:
        values: the config's, of the file `filename`.
        key: the dotted key to override.
        used: the names of variables that the files of the config take elsewhere.
    """
    name, *rest = key.split('.')
    if name in KEYS or name not in used or name not in values:
        return
    copies = _places_of(values[name], {other: values[other] for other in values if other in KEYS})
    instead = ' and '.join('.'.join((copy, *rest)) for copy in copies)
    raise ConfigError(
        f'override {key!r}: {name} is a variable of {filename}, whose value was taken from it '
        f'when the file was read; override {instead or "the keys that it went into"}'
    )


def _places_of(value, node):
    """Returns the dotted keys at which `value`, a dict or list, stands in `node`, whole."""
    if not value or not isinstance(value, (dict, list)):
        return []
    keys = []
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node):
        if type(inner) is type(value) and repr(inner) == repr(value):
            keys.append(str(key))
        elif isinstance(inner, (dict, list, tuple)):
            keys += [f'{key}.{rest}' for rest in _places_of(value, inner)]
    return keys
