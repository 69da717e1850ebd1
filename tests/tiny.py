"""Tiny parts that tests train with; configs name them through custom_imports."""

import os
import pathlib
import signal
from collections import OrderedDict

import numpy as np
from mindspore import nn, ops

from i3dbox.datasets.base import BaseDataset
from i3dbox.engine.hooks.hook import Hook
from i3dbox.errors import DamagedSampleError
from i3dbox.models.layers import Unit3D
from i3dbox.registry import BACKBONES, DATASETS, HOOKS


@BACKBONES.register
class TinyBackbone(nn.Cell):
    """Two units: compiles in a second or two."""

    out_channels = 6

    def __init__(self, in_channels=3, norm=None):
        super().__init__()
        self.first = Unit3D(in_channels, 4, 3, 2, norm)
        self.second = Unit3D(4, 6, 1, 1, norm)

    def construct(self, x):
        return self.second(self.first(x))


@DATASETS.register
class TinyDataset(BaseDataset):
    """Noise whose brightness tells the class; `damaged_samples` cannot be read."""

    classes = ['dark', 'middle', 'bright']

    def __init__(self, size=24, damaged_samples=(), clip=(4, 8, 8), **kwargs):
        self.size, self.damaged_samples, self.clip = size, damaged_samples, clip
        super().__init__([], **kwargs)

    def load_annotations(self):
        return [
            dict(name=f'clip{i}', label=i % 3, filename=f'clip{i}.avi') for i in range(self.size)
        ]

    def load(self, index, rng):
        if index in self.damaged_samples:
            raise DamagedSampleError(f'clip{index}', f'clip{index}.avi', 'it is made of noise')
        label = index % 3
        channels = 3 if self.modality == 'RGB' else 2
        noise = rng if not self.test_mode else np.random.default_rng(index)
        imgs = noise.integers(60 * label, 60 * label + 80, (1, *self.clip, channels), np.uint8)
        return dict(imgs=imgs, label=label, name=f'clip{index}', index=index)


@DATASETS.register
class SeveralDataset(TinyDataset):
    """Noise over a dark or bright left half, and a dark or bright right one: of the classes
    'left' and 'right', which are there where it is bright, a clip has none, one or both.
    """

    classes = ['left', 'right']
    multi_class = True

    def load_annotations(self):
        return [
            dict(name=f'clip{i}', label=[k for k in (0, 1) if i >> k & 1], filename=f'clip{i}.avi')
            for i in range(self.size)
        ]

    def load(self, index, rng):
        results = super().load(0, rng if not self.test_mode else np.random.default_rng(index))
        label = self.samples[index]['label']
        for half in label:
            results['imgs'][..., 4 * half : 4 * half + 4, :] += 140
        return dict(results, label=label, name=f'clip{index}', index=index)


def config_text(**changes):
    """A config that trains in seconds, as Python text."""
    values = dict(
        model=dict(
            type='Recognizer3D',
            backbone=dict(type='TinyBackbone', norm=dict(momentum=0.9)),
            head=dict(type='I3DHead', num_classes=3, dropout=0.5),
        ),
        loss=dict(type='CrossEntropyLoss'),
        data=dict(
            batch_size=4,
            num_workers=1,
            train=dict(type='TinyDataset'),
            val=dict(type='TinyDataset', size=7),
            test=dict(type='TinyDataset', size=7),
        ),
        optimizer=dict(type='SGD', lr=0.05, momentum=0.9),
        schedule=dict(type='CosineLR'),
        total_epochs=2,
        runner=dict(CPU=dict(type='CPURunner')),
        hooks=[dict(type='LoggerHook', interval=1), dict(type='CheckpointHook')],
        seed=0,
    )
    values.update(changes)
    return '\n'.join(f'{key} = {value!r}' for key, value in values.items()) + '\n'


@HOOKS.register
class KillHook(Hook):
    """Kills its own process at a step, as the kernel or a power cut would, after the other
    hooks.
    """

    priority = 99

    def __init__(self, at_step, rank=0):
        super().__init__()
        self.at_step, self.rank = at_step, rank

    def after_step(self, run):
        if run.step == self.at_step and run.rank == self.rank:
            os.kill(os.getpid(), signal.SIGKILL)


class PowerCut(Exception):
    pass


@HOOKS.register
class PowerCutHook(Hook):
    """Ends the run in the evaluation at a step, once; counts how often hooks are told of it."""

    calls = []

    def __init__(self, at_step):
        super().__init__()
        self.at_step = at_step

    def before_run(self, run):
        self.calls.append('before_run')
        evaluate = run.evaluator

        def evaluator():
            if run.step == self.at_step and self.calls == ['before_run']:
                raise PowerCut
            return evaluate()

        run.evaluator = evaluator

    def after_run(self, run):
        self.calls.append('after_run')


@HOOKS.register
class OwnEvaluationHook(Hook):
    """Evaluates every so many steps, wherever an epoch ends, and counts the ends of epochs."""

    priority = 41
    evaluates = True

    def __init__(self, every):
        super().__init__()
        self.every = every

    def after_step(self, run):
        if run.step % self.every == 0:
            figures = run.evaluate()
            run.log('own', mode='val', **figures)

    def after_epoch(self, run):
        run.memory['epochs'] = [*run.memory.get('epochs', []), run.step]


@HOOKS.register
class StopHook(Hook):
    """Ends the run after a step, before it is evaluated."""

    priority = 20

    def __init__(self, at_step):
        super().__init__()
        self.at_step = at_step

    def after_step(self, run):
        if run.step == self.at_step:
            run.stop('it is enough')


@HOOKS.register
class DiaryHook(Hook):
    """Remembers what it was told until the run began."""

    def __init__(self):
        super().__init__()
        self.told = []

    def prepare(self, cfg):
        self.told.append('prepare')

    def before_run(self, run):
        run.memory['told'] = [*self.told, 'before_run']


@HOOKS.register
class DumpHook(Hook):
    """Writes each rank's parameters at the end of the run."""

    def after_run(self, run):
        values = {p.name: p.asnumpy() for p in run.recognizer.get_parameters()}
        np.savez(os.path.join(run.work_dir, f'rank{run.rank}.npz'), **values)


def write_config(folder, **changes):
    """Writes a config that trains in seconds; returns its path."""
    path = pathlib.Path(folder, 'tiny_config.py')
    here = str(pathlib.Path(__file__).parent)
    path.write_text(
        config_text(custom_imports=dict(imports=['tiny'], dirs=[here]), **changes), encoding='utf-8'
    )
    return str(path)


class Signs(nn.Cell):
    """N x C x ... -> N x 2 C x ...: what is above 0.05, and what is below -0.05."""

    def construct(self, x):
        return ops.cat((ops.relu(x - 0.05), ops.relu(-x - 0.05)), 1)


class Halves(nn.Cell):
    """The means of 1 x 2 x 2 neighbours."""

    def construct(self, x):
        return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4


@BACKBONES.register
class SignsBackbone(nn.SequentialCell):
    """Layers without parameters, of which one knows what they do: `signs`, then `halves`."""

    def __init__(self, in_channels=3):
        super().__init__(OrderedDict(signs=Signs(), halves=Halves()))
        self.out_channels = 2 * in_channels


@DATASETS.register
class ActionsThatAreNamed(TinyDataset):
    classes = ['right', 'falling', '左', 'rising']
