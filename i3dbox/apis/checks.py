"""Checks of a config and its parts, made before anything expensive."""

from ..datasets.stream import sample_rng
from ..errors import ConfigError

KEYS = {
    'model': 'the recognizer', 'loss': 'the loss', 'freeze': 'which parameters train',
    'data': 'data sets, batch size and workers', 'optimizer': 'the optimizer and its base rate',
    'schedule': 'the learning rate over time', 'total_epochs': 'how long to train',
    'clip_grad_norm': 'the largest norm of the gradient', 'accumulate': 'steps an update',
    'runner': 'one runner a device', 'hooks': 'what watches the run', 'evaluation': 'interval and metrics',
    'seed': 'of all randomness', 'work_dir': 'where outputs go', 'load_from': 'weights to start from',
    'custom_imports': 'modules of your own',
}
REQUIRED = ('model', 'data', 'runner')
REQUIRED_TO_TRAIN = (*REQUIRED, 'loss', 'optimizer', 'schedule', 'total_epochs')


def check_config(cfg, required=REQUIRED):
    """Raises ConfigError for a key that is missing or misspelt."""
    cfg.check_keys(KEYS)
    for key in required:
        if key not in cfg:
            raise ConfigError(f'{cfg.filename}: the config has no {key!r} ({KEYS[key]})')


def check_fit(recognizer, dataset, probe=False):
    """Raises an I3DBoxError unless `recognizer` can take what `dataset` gives.

    Args:
        probe (bool): also load one sample and check its shape.
    """
    if tuple(recognizer.inputs) != tuple(dataset.inputs):
        raise ConfigError(f'{type(recognizer).__name__} takes {", ".join(recognizer.inputs)}; '
                          f'{type(dataset).__name__} gives {", ".join(dataset.inputs)}')
    if dataset.classes and len(dataset.classes) != recognizer.num_classes:
        raise ConfigError(f'the data set has {len(dataset.classes)} classes, the model {recognizer.num_classes}: '
                          'set num_classes of model.head')
    highest = max(sample['label'] for sample in dataset.samples)
    if highest >= recognizer.num_classes:
        raise ConfigError(f'the data set has the label {highest}, the model {recognizer.num_classes} classes: '
                          'set num_classes of model.head')
    if probe:
        for index in range(len(dataset)):
            results, _ = dataset.get(index, sample_rng(0, 0, index))
            if results is not None:
                missing = [name for name in dataset.inputs if not hasattr(results.get(name), 'shape')]
                if missing:
                    raise ConfigError(f'the pipeline leaves no array {missing[0]!r}: it must end in PackClips')
                recognizer.check_input(*(results[name][None] for name in dataset.inputs))
                return
