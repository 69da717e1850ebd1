"""Parts outside of the package train through custom_imports alone, as docs/customize.md says."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
import tiny
from i3d_weights import write_i3d_checkpoint
from test_training import command, lines
from videos import moving_frames, write_video

from i3dbox.apis.train import train
from i3dbox.commands import main
from i3dbox.config import Config
from i3dbox.registry import DATASETS

DOCS = pathlib.Path(__file__).parents[1] / 'docs'


@pytest.mark.slow
def test_the_small_c3d_trains_and_tests_by_the_commands(tmp_path):
    config = DOCS / 'examples/c3d/c3d_rgb_synthetic.py'
    generation = dict(train_groups=2, test_groups=1, clips_per_group=1, num_frames=10)
    options = ['--cfg-options', 'total_epochs=1', 'data.batch_size=4', 'model.backbone.width=4']
    for data in ('train', 'val', 'test'):
        options += [
            f'data.{data}.generation={generation}',
            f'data.{data}.data_root={tmp_path / "synthetic"}',
            f'data.{data}.split=1',
        ]
    done = command('train', config, '--work-dir', tmp_path / 'run', *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert np.isfinite(lines(tmp_path / 'run')[-1]['loss'])
    # the copy in the work dir finds the module, too
    done = command(
        'test', tmp_path / 'run/c3d_rgb_synthetic.py', tmp_path / 'run/epoch_1.ckpt', cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert 'top1_acc' in done.stdout


def examples():
    """The Python of the guide: parts, and configs that use them."""
    text = (DOCS / 'customize.md').read_text(encoding='utf-8')
    found = re.findall(r'```python\n(.*?)```', text, re.S)
    configs = [block for block in found if block.startswith(('custom_imports', '_base_'))]
    return [block for block in found if block not in configs], configs


@pytest.fixture
def guide():
    """The parts of the guide, as one module's text."""
    return '\n'.join(examples()[0])


def test_the_guides_config_takes_a_data_set_of_ones_own(guide, tmp_path):
    (tmp_path / 'my_parts.py').write_text(guide, encoding='utf-8')
    (tmp_path / 'config.py').write_text('\n'.join(examples()[1]), encoding='utf-8')
    cfg = Config.fromfile(str(tmp_path / 'config.py'))
    cfg.data.train.folder = str(tmp_path)
    for name in 'ab':
        (tmp_path / f'{name}.mp4').write_bytes(b'')
    assert DATASETS.build(cfg.data.train).classes == ['wave', 'clap']
    sys.modules.pop('my_parts')


@pytest.mark.slow
def test_the_guides_examples_work_together(guide, tmp_path):
    (tmp_path / 'my_parts.py').write_text(guide, encoding='utf-8')
    from videos import moving_frames, write_video

    for name in 'ab':
        write_video(tmp_path / f'{name}.mp4', moving_frames(10), 'mp4v')
    pipeline = [
        dict(type='OpenClip'),
        dict(type='SampleFrames', clip_len=8),
        dict(type='DecodeClip'),
        dict(type='Grey'),
        dict(type='CenterCrop', size=32),
        dict(type='PackClips'),
    ]
    text = tiny.config_text(
        custom_imports=dict(
            imports=['tiny', 'my_parts'], dirs=['.', str(pathlib.Path(__file__).parent)]
        ),
        data=dict(
            batch_size=2, train=dict(type='MyDataset', folder=str(tmp_path), pipeline=pipeline)
        ),
        model=dict(
            type='Recognizer3D',
            backbone=dict(type='TinyBackbone'),
            head=dict(type='I3DHead', num_classes=2),
        ),
        hooks=[dict(type='CheckpointHook'), dict(type='StopAtLoss', loss=100.0)],
    )
    (tmp_path / 'config.py').write_text(text, encoding='utf-8')
    cfg = Config.fromfile(str(tmp_path / 'config.py'), dict(work_dir=str(tmp_path / 'run')))
    run = train(cfg)
    assert run.step == 1 and run.stop_reason == 'the loss is below 100.0'
    from i3dbox.apis.export import export

    exported = export(cfg, str(tmp_path / 'run/epoch_1.ckpt'), 'Weights', clip_len=8, size=32)
    assert exported.path == str(tmp_path / 'run/epoch_1.npz')
    assert 'head.logits.weight' in np.load(exported.path)


def test_importing_the_package_and_its_commands_imports_nothing_heavy():
    code = (
        'import sys, i3dbox, i3dbox.registry, i3dbox.config, i3dbox.commands.demo, '
        'i3dbox.commands.finetune; '
        'print([m for m in ("mindspore", "cv2", "matplotlib", "PIL", "numpy") if m in sys.modules])'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=DOCS.parent
    )
    assert done.stdout.strip() == '[]', done.stderr


@pytest.mark.slow
def test_features_are_taken_by_a_process_that_knows_the_parts_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_i3d_checkpoint(tmp_path / 'a.ckpt', 'RGB', 8)
    write_video(tmp_path / 'a.mp4', moving_frames(20, 64, 48), 'mp4v')
    (tmp_path / 'own_step.py').write_text(
        'from i3dbox.registry import PIPELINES\n'
        '@PIPELINES.register\n'
        'class OwnStep:\n'
        '    def __call__(self, results):\n'
        '        return results\n'
    )
    steps = ['OpenClip', 'SampleFrames', 'DecodeClip', 'OwnStep', 'ThreeCrop', 'PackClips']
    arguments = dict(SampleFrames=dict(clip_len=8), ThreeCrop=dict(size=48))
    pipeline = [dict(type=step, **arguments.get(step, {})) for step in steps]
    (tmp_path / 'own.py').write_text(
        "_base_ = 'i3dbox::i3d_rgb_synthetic.py'\n"
        "custom_imports = dict(imports=['own_step'])\n"
        f'data = dict(test=dict(pipeline={pipeline!r}))\n'
    )
    for window, rows in ((8, 3), (0, 2)):
        words = ['a.mp4', f'out{window}', '--config', 'own.py', '--checkpoint', 'a.ckpt']
        assert main('extract_features', [*words, '--window', str(window)]) == 0
        assert np.load(f'out{window}/a.npy').shape == (rows, 1024)
