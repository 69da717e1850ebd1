"""Every shipped recipe is sound as far as can be known without its data."""

import pathlib
import sys
import types

import pytest
import tiny
from mindspore.train.summary_pb2 import Event

from i3dbox.apis.train import train
from i3dbox.config import Config
from i3dbox.config.keys import KEYS
from i3dbox.config_checks.checks import check_training, metrics_of
from i3dbox.datasets.pipelines import Compose
from i3dbox.engine.build import build_runner
from i3dbox.errors import DeviceError
from i3dbox.models import build_recognizer
from i3dbox.models.freezing import freeze, layer_name
from i3dbox.registry import HOOKS, LOSSES, METRICS, RUNNERS, SCHEDULES

ROOT = pathlib.Path(__file__).parents[1]
RECIPES = sorted(ROOT.glob('configs/*.py'))
# as mmaction2 and torchvision count them
PARAMETERS = dict(
    slowonly_r50_8x8_kinetics400=32_454_096,
    slowfast_r50_4x16_kinetics400=34_479_288,
    slowfast_r50_8x8_kinetics400=34_565_560,
    i3d_r50_32x2_kinetics400=28_043_472,
    i3d_nl_r50_32x2_kinetics400=35_397_840,
    r2plus1d_r34_8x8_kinetics400=63_759_281,
    ircsn_r50_32x2_kinetics400=13_131_152,
    ircsn_r152_32x2_kinetics400=29_703_568,
    r3d_18_kinetics400=33_371_472,
    mc3_18_kinetics400=11_695_440,
    r2plus1d_18_kinetics400=31_505_325,
    s3d_kinetics400=8_320_048,
    c3d_16x1_ucf101=78_409_573,
)


@pytest.mark.slow
@pytest.mark.parametrize('path', RECIPES, ids=lambda path: path.stem)
def test_every_part_of_a_recipe_builds_and_its_copy_is_equal(path, tmp_path):
    cfg = Config.fromfile(str(path))
    check_training(cfg)
    recognizer = build_recognizer(cfg.model)
    assert (
        recognizer.num_classes
        == {'kinetics400': 400, 'ucf101': 101, 'hmdb51': 51, 'synthetic': 8}[
            path.stem.replace('_paper', '').replace('_openi', '').rsplit('_')[-1]
        ]
    )
    if path.stem in PARAMETERS:
        assert sum(p.size for p in recognizer.trainable_params()) == PARAMETERS[path.stem]
    freeze(recognizer, **cfg.get('freeze', {}))
    for part in (cfg.data.train, cfg.data.val, cfg.data.test):
        for stream in (part.rgb, part.flow) if part.type == 'TwoStreamDataset' else (part,):
            Compose(stream.pipeline)
    LOSSES.build(cfg.loss)
    for registry, parts in ((HOOKS, cfg.hooks), (RUNNERS, cfg.runner.values())):
        for part in parts:
            registry.build(part)
    for metric in metrics_of(cfg, 'test'):
        METRICS.get(metric)
    rates = SCHEDULES.build(
        cfg.schedule,
        base_lr=cfg.optimizer.lr,
        steps_per_epoch=10,
        total_steps=10 * cfg.total_epochs,
    )
    assert len(rates) == 10 * cfg.total_epochs and min(rates) >= 0
    cfg.dump(str(tmp_path / 'copy.py'))
    assert dict(Config.fromfile(str(tmp_path / 'copy.py'))) == dict(cfg)


@pytest.mark.parametrize('stream, channels', [('rgb', 3), ('flow', 2)])
def test_the_originals_recipe_trains_the_head_and_the_last_blocks(stream, channels):
    cfg = Config.fromfile(str(ROOT / f'configs/i3d_{stream}_hmdb51.py'))
    assert cfg.model.modality == cfg.data.train.get('modality', 'RGB')
    recognizer = build_recognizer(cfg.model)
    assert recognizer.backbone.in_channels == channels
    trained = {layer_name(name).split('.')[0] for name in freeze(recognizer, **cfg.freeze)}
    assert trained == {'logits', 'Mixed_5b', 'Mixed_5c'}


def test_the_config_reference_names_every_key():
    text = (ROOT / 'docs/config.md').read_text(encoding='utf-8')
    assert [key for key in KEYS if f'`{key}' not in text] == []


def test_both_readmes_give_the_same_commands():
    english, chinese = (
        (ROOT / name).read_text(encoding='utf-8') for name in ('README.md', 'README_CN.md')
    )

    def commands(text):
        code = ''.join(text.split('```')[1::2])
        return [
            line.split('#')[0].strip()
            for line in code.splitlines()
            if line.startswith(('python', 'bash', 'pip', 'i3dbox'))
        ]

    assert commands(english) == commands(chinese) and len(commands(english)) > 8


@pytest.mark.slow
def test_curves_go_to_tensorboard_and_mindinsight(tmp_path, monkeypatch):
    written = []

    class SummaryWriter:
        def __init__(self, folder):
            assert folder == str(tmp_path / 'run/summary')

        def add_scalar(self, name, value, step):
            written.append((name, step, value))

        def close(self):
            written.append('closed')

    monkeypatch.setitem(
        sys.modules, 'tensorboardX', types.SimpleNamespace(SummaryWriter=SummaryWriter)
    )
    monkeypatch.setattr('os.fork', None)  # a fork beside MindSpore's threads may hang
    hooks = [dict(type='SummaryHook', interval=3, writer=w) for w in ('tensorboard', 'mindinsight')]
    cfg = Config.fromfile(tiny.write_config(tmp_path, total_epochs=1, hooks=hooks))
    cfg.work_dir = str(tmp_path / 'run')
    train(cfg, validate=True)
    assert written.pop() == 'closed'
    steps = [step for name, step, _ in written if name == 'train/loss']
    assert steps == [3, 6] and ('val/top1_acc', 6) in {(name, step) for name, step, _ in written}
    (path,) = (tmp_path / 'run/summary').iterdir()
    first, *events = map(Event.FromString, framed(path.read_bytes()))
    assert first.version == 'MindSpore.Event:1'
    values = [(event.step, event.summary.value[0]) for event in events]
    assert [(v.tag, step, pytest.approx(v.scalar_value)) for step, v in values] == written


def framed(data):
    """Yields the records of an event file: each has its length and a checksum before it and a
    checksum behind it.
    """
    while data:
        size = int.from_bytes(data[:8], 'little')
        yield data[12 : 12 + size]
        data = data[16 + size :]


def test_a_cpu_has_no_other_device():
    with pytest.raises(DeviceError, match='device_id is for Ascend; a CPU is device 0, got 3'):
        build_runner(dict(CPU=dict(type='CPURunner')), 'CPU', 3)
