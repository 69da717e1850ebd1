"""Checks of a config and its parts, made before anything expensive."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import Config
from ..config.keys import EXAMPLES, KEYS
from ..config.shipped import shipped_name
from ..counterparts import counterpart, hint
from ..datasets.base import BaseDataset
from ..datasets.pipelines import Compose
from ..errors import CheckpointError, ConfigError, I3DBoxError, first_difference
from ..evaluation.metrics import default_metrics, evaluate
from ..plain_json import Form, check_form
from ..registry import (
    BACKBONES,
    BLENDINGS,
    DATASETS,
    HEADS,
    HOOKS,
    LOSSES,
    RECOGNIZERS,
    SCHEDULES,
    check_cfg,
)
from ..weights.checkpoint import check_there
from ..weights.fitting import checkpoint_in
from ..weights.zoo import classes_of_entry
from .protocols import has_several_labels, single

if TYPE_CHECKING:
    from mindspore import nn

    from ..weights.fitting import LoadReport

LOADER = ('batch_size', 'num_workers', 'worker')
# Keys of the tables that are no registered parts, whose arguments the registry checks.
TABLES = {
    'data': (*LOADER, 'train', 'val', 'test', 'val_loader', 'test_loader'),
    'data.val_loader': LOADER,
    'data.test_loader': LOADER,
    'evaluation': ('interval', 'metrics', 'max_frames'),
    'freeze': ('finetune_prefixes', 'freeze_prefixes', 'freeze_norm'),
}
NUMBERS = {  # key: (least, whether it is included, most, whole)
    'seed': (0, True, (1 << 32) - 1, True),  # as NumPy's
    'total_epochs': (0, False, 100000, False),
    'accumulate': (1, True, 100000, True),
    'clip_grad_norm': (0, False, 1e300, False),
    'ema_momentum': (0, False, 1, False),
    'optimizer.lr': (0, True, 1e300, False),
    'data.batch_size': (1, True, 100000, True),
    'data.num_workers': (0, True, 1000, True),
    'evaluation.interval': (1, True, 1 << 30, True),
    'evaluation.max_frames': (1, True, 1 << 30, True),
    'frozen_views': (0, True, 1000, True),
}
FORMS = {  # key: see plain_json
    'hooks': [{}],
    'optimizer': {},
    'runner': {str: {}},
    'freeze.finetune_prefixes': [str],
    'freeze.freeze_prefixes': [str],
    'freeze.freeze_norm': bool,
    'work_dir': Form('a folder', lambda value: isinstance(value, (str, os.PathLike))),
}
REQUIRED = ('model', 'data', 'runner')
REQUIRED_TO_TRAIN = (*REQUIRED, 'loss', 'optimizer', 'schedule', 'total_epochs')


def check_data(cfg: Config) -> None:
    """Raises an I3DBoxError where keys are wrong or a data set of the config cannot be built, by
    its steps or files.
    """
    check_config(cfg, ('model',))
    for subset in ('train', 'val', 'test'):
        if look_up(cfg, f'data.{subset}') is not None:
            build_dataset(cfg, subset)


def build_dataset(cfg: Config, subset: str) -> BaseDataset:
    """Builds the data set 'train', 'val' or 'test' of a config, for what it is there for."""
    check_dataset(cfg.data[subset])
    return DATASETS.build(cfg.data[subset], test_mode=subset != 'train')


def check_dataset(cfg: dict) -> None:
    """Raises ConfigError for the config of a data set, or of its steps, that nothing is built of;
    looks at no file.
    """
    if isinstance(cfg, (list, tuple)):
        raise ConfigError(
            "a data set is a dict; several are joined by dict(type='ConcatDataset', datasets=[...])"
        )
    for part in single(cfg) if isinstance(cfg, dict) else ():
        kind = DATASETS.get(part['type']) if 'type' in part else None
        if isinstance(kind, type) and not issubclass(kind, BaseDataset):
            raise ConfigError(
                f'{kind.__name__} is no data set: it derives from i3dbox.datasets.base.BaseDataset'
            )
        check_cfg(part, DATASETS, test_mode=True)
        if part.get('pipeline'):
            Compose(part['pipeline'])


def check_config(cfg: Config, required: Sequence[str] = REQUIRED, data: Sequence[str] = ()) -> None:
    """Raises ConfigError for a key that is missing, misspelt or out of range.

    Args:
        required: keys that must be there.
        data: data sets that must be there, such as 'train'.
    """
    if not isinstance(cfg, Config):
        raise ConfigError(f'cfg is a Config, as Config.fromfile reads one; got {cfg!r}')
    for check in _checks_of_keys(cfg, (*required, *(f'data.{name}' for name in data))):
        check()


def _checks_of_keys(cfg, required):
    """Returns what looks at the keys of a config, in order: functions without arguments."""
    return [
        functools.partial(cfg.check_keys, {*KEYS, *_keys_of_hooks(cfg)}),
        functools.partial(_check_required, cfg, required),
        functools.partial(_check_tables, cfg),
        functools.partial(_check_numbers, cfg),
        functools.partial(_check_forms, cfg),
    ]


def check_training(cfg: Config) -> None:
    """Raises what is wrong with a config for training: its keys, and the names and arguments of all
    its parts. Several faults are one ConfigError, a line each. Nothing is built, and no file read.
    """
    if not isinstance(cfg, Config):
        check_config(cfg)
    checks = [
        *_checks_of_keys(cfg, (*REQUIRED_TO_TRAIN, 'data.train')),
        *(
            functools.partial(check_dataset, cfg.data[subset])
            for subset in ('train', 'val', 'test')  # what would end a test later
            if look_up(cfg, f'data.{subset}') is not None
        ),
        *(functools.partial(check_cfg, *part) for part in _parts_of_training(cfg)),
    ]
    faults = {}
    for check in checks:
        try:
            check()
        except I3DBoxError as error:
            faults.setdefault(str(error), error)
    if len(faults) == 1:
        raise next(iter(faults.values()))
    if faults:
        raise ConfigError(f'{cfg.filename}: {len(faults)} faults:\n' + '\n'.join(faults))


def check_load_from(cfg: Config) -> None:
    """Raises CheckpointError for a checkpoint of load_from that is not there; none is read. For a
    run that starts, before its data is looked at or made.
    """
    source = cfg.get('load_from')
    by_stream = isinstance(source, dict) and 'type' not in source
    for one in source.values() if by_stream else [source]:
        if one is not None:
            check_there(checkpoint_in(one)[0])


def _parts_of_training(cfg):
    """Yields (config, registry) of the parts that are built for training but data sets; arguments
    that they are given are filled in.
    """
    model = cfg.get('model')
    if isinstance(model, dict):
        yield model, RECOGNIZERS
        if model.get('type') == 'Recognizer3D':
            for key, kind in (('backbone', BACKBONES), ('head', HEADS)):
                if key in model:
                    yield _given(model[key], in_channels=0), kind
    for key, kind, given in (
        ('loss', LOSSES, {}),
        ('blending', BLENDINGS, {}),
        ('schedule', SCHEDULES, dict(base_lr=0, steps_per_epoch=0, total_steps=0)),
    ):
        if cfg.get(key):
            yield _given(cfg[key], **given), kind
    hooks = cfg.get('hooks')
    yield from ((hook, HOOKS) for hook in (hooks if isinstance(hooks, (list, tuple)) else ()))


def _given(part, **arguments):
    return {**arguments, **part} if isinstance(part, dict) else part


def _keys_of_hooks(cfg):
    """Returns the keys that hooks of the user's read, by their `config_keys`."""
    hooks = look_up(cfg, 'hooks')
    if not isinstance(hooks, (list, tuple)) or set(cfg) <= set(KEYS):
        return []
    types = [hook.get('type') for hook in hooks if isinstance(hook, dict)]
    parts = [HOOKS.get(name) for name in types if callable(name) or name in HOOKS]
    return [key for part in parts for key in getattr(part, 'config_keys', ())]


def _check_required(cfg, keys):
    missing = [key for key in keys if look_up(cfg, key) is None]
    optimizer = cfg.get('optimizer')
    if 'optimizer' in keys and isinstance(optimizer, dict) and optimizer.get('lr') is None:
        missing.append('optimizer.lr')
    if missing:
        known = {**KEYS, 'optimizer.lr': 'the base rate'}
        told = [f'{key!r} ({known.get(key, "a data set")})' for key in missing]
        examples = [EXAMPLES[key] for key in missing if key in EXAMPLES]
        hint = f'; for instance {", ".join(examples)}' if examples else ''
        raise ConfigError(f'{cfg.filename}: the config has no {", no ".join(told)}{hint}')


def _check_tables(cfg):
    faults = []
    for table, known in TABLES.items():
        values = look_up(cfg, table)
        if values is None:
            continue
        if not isinstance(values, dict):
            raise ConfigError(f'{table} is a dict with the keys {", ".join(known)}; got {values!r}')
        for key in values:
            if key not in known:
                meant = hint('argument', key, known)
                faults.append(f'{table} has no key {key!r}.{meant} It has: {", ".join(known)}.')
    if faults:
        raise ConfigError(' '.join(faults))


def _check_numbers(cfg):
    for key, (least, included, most, whole) in NUMBERS.items():
        value = look_up(cfg, key)
        if value is None:
            continue
        right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not right or not value >= least or value == least and not included:
            raise ConfigError(
                f'{key} is a {"whole number" if whole else "number"} '
                f'{"from" if included else "above"} {least}; got {value!r}'
            )
        if value > most:
            raise ConfigError(f'{key} is at most {most:g}; got {str(value)[:40]}')


def _check_forms(cfg):
    runner = look_up(cfg, 'runner')
    if isinstance(runner, dict) and 'type' in runner:
        raise ConfigError(
            f'{cfg.filename}: runner is one runner for each device.'
            f'{counterpart("part", runner["type"])}'
        )
    for key, form in FORMS.items():
        value = look_up(cfg, key)
        try:
            if value is not None:
                check_form(value, form, key)
        except ValueError as error:
            raise ConfigError(str(error)) from error


def look_up(cfg: Config, key: str) -> Any:
    """Returns the value at a dotted key, or None where it or a part of the way is not there."""
    for part in key.split('.'):
        if not hasattr(cfg, 'get') or cfg.get(part) is None:
            return None
        cfg = cfg[part]
    return cfg


def check_metrics(metrics: list, num_classes: int, several: bool = False) -> list[str]:
    """Tries metrics (names, or dicts with arguments) on two made-up samples, of one label each or
    of several; returns the names of the figures that are single numbers.

    Raises: an I3DBoxError for a metric that cannot be computed.
    """
    labels = np.ones((2, num_classes), np.uint8) if several else np.zeros(2, np.int32)
    figures = evaluate(metrics, np.zeros((2, num_classes), np.float32), labels)
    return [name for name, value in figures.items() if np.ndim(value) == 0]


def metrics_of(cfg: Config, data: str) -> list:
    """Returns the metrics that the config asks for, or the default ones for `cfg.data.<data>`."""
    metrics = look_up(cfg, 'evaluation.metrics')
    metrics = metrics or default_metrics(has_several_labels(cfg.data[data]))
    return [metrics] if isinstance(metrics, (str, dict)) else metrics


def loader_options(cfg: Config, data: str) -> dict:
    """Returns batch size and workers for testing: `cfg.data` with what
    `cfg.data.<data>_loader` says otherwise.
    """
    options = {key: cfg.data[key] for key in LOADER if key in cfg.data}
    return {**options, **(cfg.data.get(f'{data}_loader') or {})}


def check_classes(dataset: BaseDataset, report: LoadReport) -> None:
    """Raises ConfigError where a checkpoint's classes are named in another order than the data
    set's.
    """
    difference = first_difference(report.meta.get('classes'), dataset.classes)
    if difference:
        raise ConfigError(
            f'{report.path} was trained on other classes than the data set has, or in another '
            f'order: {difference}'
        )


def classes_of(
    reports: list[LoadReport],
    count: int,
    cfg: Config,
    error: type[I3DBoxError] = CheckpointError,
) -> list[str] | None:
    """Returns the class names that loaded checkpoints state, or where they state none those of the
    zoo's entry whose shipped config `cfg` is; None where neither is known.

    Args:
        reports: of weights.fitting. count: classes of the model.

    Raises: `error` where they do not fit the model or each other.
    """
    named = [report for report in reports if report.meta.get('classes')]
    for report in named:
        classes = report.meta['classes']
        if len(classes) != count:
            raise error(f'{report.path} names {len(classes)} classes; the model has {count}')
        if classes != named[0].meta['classes']:
            raise error(
                f'{named[0].path} and {report.path} were trained on other classes, or in another '
                f'order'
            )
    if named:
        return list(named[0].meta['classes'])
    of_entry = classes_of_entry(shipped_name(cfg.filename) or '')
    return of_entry if of_entry and len(of_entry) == count else None


def check_fit(recognizer: nn.Cell, dataset: BaseDataset) -> list[tuple[int, ...]]:
    """Raises an I3DBoxError unless `recognizer` can take what `dataset` gives; loads one sample.

    Returns: the shape of each input of that sample, N x T x H x W x C.
    """
    if tuple(recognizer.inputs) != tuple(dataset.inputs):
        hint = (
            '. A two-stream config is for tools/test.py: train each stream by its own'
            if len(recognizer.inputs) > len(dataset.inputs)
            else ''
        )
        raise ConfigError(
            f'{type(recognizer).__name__} takes {", ".join(recognizer.inputs)}; '
            f'{type(dataset).__name__} gives {", ".join(dataset.inputs)}{hint}'
        )
    if dataset.classes and len(dataset.classes) != recognizer.num_classes:
        raise ConfigError(
            f'the data set has {len(dataset.classes)} classes, the model {recognizer.num_classes}: '
            'set num_classes of model.head'
        )
    labels = dataset.label_counts or {0: 0}
    if max(labels) >= recognizer.num_classes:
        from_1 = min(labels) == 1 and max(labels) == recognizer.num_classes
        raise ConfigError(
            f'the data set has the label {max(labels)}, the model {recognizer.num_classes} '
            'classes, counted from 0: '
            + ('take 1 off each label of the list' if from_1 else 'set num_classes of model.head')
        )
    averages = {getattr(part, 'average_clips', 'score') for part in recognizer.streams.values()}
    if dataset.multi_class and averages != {'sigmoid'}:
        raise ConfigError(
            'the data set has several labels a video (multi_class), and the model says one: set '
            "average_clips='sigmoid' of model, and loss=dict(type='BCEWithLogitsLoss')"
        )
    results = dataset.first_readable()
    missing = [name for name in dataset.inputs if not hasattr(results.get(name), 'shape')]
    if missing:
        raise ConfigError(f'the pipeline leaves no array {missing[0]!r}: it must end in PackClips')
    recognizer.check_input(*(results[name][None] for name in dataset.inputs))
    return [results[name].shape for name in dataset.inputs]
