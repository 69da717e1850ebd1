"""Configs, what command lines override in them, and the arguments of every registered part."""

import gc
import inspect
import json

import numpy as np
import tiny
from smallest import SMALLEST
from videos import moving_frames, write_video

from i3dbox import registry
from i3dbox.apis import train as training
from i3dbox.config import Config
from i3dbox.engine.optimizers.build import build_optimizer
from i3dbox.errors import RegistryError
from i3dbox.registry import Registry, parameters_of

from ..mutators import ODD_TEXTS, any_lines, value
from . import Format, run

STEPS = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=8, frame_interval=1, num_clips=1),
    dict(type='DecodeClip'),
    dict(type='Resize', short_side=40),
    dict(type='RandomCrop', size=32),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='ColorJitter', brightness=0.1),
    dict(type='PackClips'),
]
CONFIG = dict(
    model=dict(
        type='Recognizer3D',
        backbone=dict(type='TinyBackbone', norm=dict(momentum=0.9)),
        head=dict(type='I3DHead', num_classes=3, dropout=0.5),
        average_clips='prob',
    ),
    loss=dict(type='CrossEntropyLoss', label_smoothing=0.1),
    data=dict(
        batch_size=1,
        num_workers=0,
        worker='thread',
        train=dict(
            type='VideoDataset', ann_file='ann.txt', data_prefix='.', pipeline=STEPS, missing='skip'
        ),
        val=dict(type='TinyDataset', size=3),
    ),
    optimizer=dict(type='AdamW', lr=0.05, betas=[0.9, 0.99], weight_decay=0.01),
    schedule=dict(type='MultiStepLR', milestones=[1], warmup_epochs=1),
    total_epochs=2,
    accumulate=2,
    clip_grad_norm=5.0,
    freeze=dict(freeze_prefixes=['backbone.first']),
    evaluation=dict(interval=1, metrics=['top_k_accuracy', dict(type='bootstrap')]),
    runner=dict(CPU=dict(type='CPURunner')),
    hooks=[
        dict(type='LoggerHook', interval=1),
        dict(type='CheckpointHook', interval=1, max_keep_ckpts=2),
        dict(type='EvalHook', interval=1),
        dict(type='EarlyStopHook', monitor='top1', patience=2),
    ],
    seed=0,
)
OVERRIDES = [
    'optimizer.lr=0.1',
    'model.head.num_classes=3',
    'data.batch_size=4',
    'hooks.0.interval=5',
    'hooks=[]',
    'total_epochs=1',
    'model.backbone.norm.momentum=0.5',
    "data={'batch_size':2}",
    'runner.CPU.type=CPURunner',
]


def make_text(folder):
    (folder / 'config.txt').write_text(tiny.config_text(_base_=[]))


def damage_text(rng, folder):
    path = folder / 'config.txt'
    path.write_bytes(any_lines(rng, path.read_bytes()))


def read_text(folder):
    """Reads a config's text: what runs in it is what Python's parser finds in plain values."""
    path = folder / 'config.txt'
    path.rename(folder / 'config.py')
    run('print_config', str(folder / 'config.py'))


def make_overrides(folder):
    (folder / 'words.txt').write_text('\n'.join(OVERRIDES))


def damage_overrides(rng, folder):
    """Takes a few words, and changes some."""
    words = rng.sample(OVERRIDES, rng.randrange(1, 4))
    for place, word in enumerate(words):
        key, _, text = word.partition('=')
        kind = rng.randrange(5)
        if kind == 0:
            key += rng.choice(('.', '.0', '.a', '..', '.-1', '.99999999999999999999', ' '))
        elif kind == 1:
            text = rng.choice(ODD_TEXTS + ['[' * 500, '9' * 400, '99999999999999999999', '1e999'])
        elif kind == 2:
            text = rng.choice(('[a,', '{1:2}', '{', 'None', '(1,)', "'", '-1', '0', 'dict', '{}'))
        elif kind == 3:
            key = rng.choice(ODD_TEXTS)
        words[place] = f'{key}={text}'
    (folder / 'words.txt').write_text('\n'.join(words), encoding='utf-8', errors='surrogatepass')


def read_overrides(folder):
    words = (folder / 'words.txt').read_text(encoding='utf-8', errors='surrogatepass').split('\n')
    config = tiny.write_config(folder)
    run('print_config', config, '--cfg-options', *words)
    _train(Config.fromfile(config, _parsed(words)), folder)


def _parsed(words):
    from i3dbox.commands.cfg_options import parse_value

    return {key: parse_value(text) for key, _, text in (word.partition('=') for word in words)}


def make_config(folder):
    (folder / 'config.json').write_text(json.dumps(CONFIG))
    for name in 'ab':
        write_video(folder / f'{name}.avi', moving_frames(10))
    (folder / 'ann.txt').write_text('a.avi 0\nb.avi 2\n')


def damage_config(rng, folder):
    path = folder / 'config.json'
    tree = json.loads(path.read_text())
    for _ in range(rng.choice((1, 1, 2))):
        tree = value(rng, tree)
    path.write_text(json.dumps(tree))


def read_config(folder):
    """Builds what a training is made of, and loads a sample."""
    tree = json.loads((folder / 'config.json').read_text())
    train = tree.get('data', {}).get('train') if isinstance(tree.get('data'), dict) else None
    if isinstance(train, dict) and train.get('data_prefix') == '.':
        train['data_prefix'] = str(folder)
        if train.get('ann_file') == 'ann.txt':
            train['ann_file'] = str(folder / 'ann.txt')
    _train(Config(tree), folder)


def _train(cfg, folder):
    """Trains, but for the steps: it loads a batch in their place."""
    whole, training._fit = training._fit, lambda cfg, run, *_: next(iter(run.loader), None)
    cfg['work_dir'] = str(folder / 'work')
    try:
        training.train(cfg)
    finally:
        training._fit = whole


REGISTRIES = {name: part for name, part in vars(registry).items() if isinstance(part, Registry)}
GIVEN = {  # arguments that a part must have
    'num_classes': 3,
    'size': 8,
    'short_side': 8,
    'clip_len': 4,
    'base_channels': 4,
    'in_channels': 3,
    'lr': 0.1,
    'total_steps': 9,
    'steps_per_epoch': 3,
    'epochs': 3,
    'base_lr': 0.1,
    'every': 1,
    'milestones': [1],
    'input_size': 8,
    'monitor': 'top1',
    'brightness': 0.1,
    'augments': [dict(type='MixupBlending')],
}


def make_parts(folder):
    """Writes a config of every registered part, with the arguments that its signature names."""
    parts = []
    for name, known in REGISTRIES.items():
        for type_ in known.names():
            parameters, _ = parameters_of(known.get(type_))
            arguments = {
                key: GIVEN.get(key, parameter.default)
                for key, parameter in parameters.items()
                if key in GIVEN or parameter.default is not inspect.Parameter.empty
            }
            arguments.update(SMALLEST.get(type_, {}))
            arguments = json.loads(json.dumps(arguments, default=str))
            parts.append(dict(registry=name, cfg=dict(type=type_, **arguments)))
    (folder / 'parts.json').write_text(json.dumps(parts))


def damage_parts(rng, folder):
    path = folder / 'parts.json'
    part = rng.choice(json.loads(path.read_text()))
    part['cfg'] = value(rng, part['cfg'])
    path.write_text(json.dumps([part]))


def read_parts(folder):
    for part in json.loads((folder / 'parts.json').read_text()):
        try:
            _build(part['registry'], part['cfg'])
        except RegistryError as error:
            if 'needs the argument' not in str(error):
                raise
        if part['registry'] == 'BACKBONES':  # networks have cycles; it takes a quarter of a second
            gc.collect()


def _build(name, cfg):
    if name == 'OPTIMIZERS':
        import mindspore as ms

        build_optimizer(cfg, [ms.Parameter(np.ones(3, np.float32), 'a')], [0.1, 0.1])
        return
    built = REGISTRIES[name].build(cfg)
    if name == 'FLOW_METHODS':
        built(*np.zeros((2, 16, 16), np.uint8))
    if name == 'PIPELINES':
        results = dict(
            imgs=moving_frames(4, 40, 40),
            total_frames=9,
            modality='RGB',
            test_mode=False,
            rng=np.random.default_rng(0),
        )
        if set(getattr(built, 'needs', ['more'])) <= set(results):
            built(results)


FORMATS = {
    'config': Format(make_text, read_text, damage_text),
    'overrides': Format(make_overrides, read_overrides, damage_overrides),
    'training': Format(make_config, read_config, damage_config),
    'parts': Format(make_parts, read_parts, damage_parts),
}
