"""Training is a function of its config and seed, survives what happens to runs, and says what went
wrong.
"""

import contextlib
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tiny
from logs import own_log

from i3dbox.apis import train as training
from i3dbox.apis.sweep import last_checkpoints, sweep
from i3dbox.apis.test import test as run_test
from i3dbox.apis.train import train
from i3dbox.commands import main
from i3dbox.config import Config
from i3dbox.engine.hooks.checkpoint_hook import CheckpointHook
from i3dbox.engine.run import last_checkpoint
from i3dbox.errors import (
    CheckpointError,
    ConfigError,
    DamagedSampleError,
    DataError,
    DivergedError,
    ModelError,
    RegistryError,
)
from i3dbox.fileio import held
from i3dbox.models import build_recognizer
from i3dbox.weights.checkpoint import load_checkpoint

TOOLS = pathlib.Path(__file__).parents[1] / 'tools'
STEPS = [
    dict(type='LoggerHook', interval=1),
    dict(type='CheckpointHook', interval=1, by_epoch=False),
]


def config(tmp_path, work_dir='run', **changes):
    cfg = Config.fromfile(tiny.write_config(tmp_path, **changes))
    cfg.work_dir = str(tmp_path / work_dir)
    return cfg


def command(name, *args, **kwargs):
    return subprocess.run(
        [sys.executable, str(TOOLS / f'{name}.py'), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=300,
        **kwargs,
    )


def command_here(name, *args):
    """Runs a command in this process, which spares the start of another and MindSpore's import;
    returns what `command` does.
    """
    args = [str(arg) for arg in args]
    out, err = io.StringIO(), io.StringIO()
    with own_log(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(name, args)
    return subprocess.CompletedProcess([name, *args], status, out.getvalue(), err.getvalue())


def lines(work_dir, mode='train'):
    with open(os.path.join(work_dir, 'log.json'), encoding='utf-8') as file:
        return [line for line in map(json.loads, file) if line['mode'] == mode]


def assert_same_checkpoint(one, other):
    for left, right in zip(load_checkpoint(one)[:2], load_checkpoint(other)[:2]):
        assert left.keys() == right.keys() and left
        for name in left:
            np.testing.assert_array_equal(left[name], right[name], err_msg=name)


@pytest.fixture(scope='module')
def one_epoch(tmp_path_factory):
    """The folder of a run of one epoch; `trained` is a copy of it."""
    folder = tmp_path_factory.mktemp('one_epoch')
    train(config(folder, total_epochs=1))
    return folder / 'run'


@pytest.fixture
def trained(tmp_path, one_epoch):
    """The config of a run of one epoch that is done, in tmp_path / 'run'."""
    shutil.copytree(one_epoch, tmp_path / 'run')
    return config(tmp_path, total_epochs=1)


@pytest.mark.slow
def test_a_killed_and_resumed_run_ends_bit_for_bit_as_one_that_was_never_killed(tmp_path):
    recipe = dict(
        optimizer=dict(
            type='Adam',
            lr=0.01,
            weight_decay=1e-4,
            paramwise_cfg=dict(norm_decay_mult=0, custom_keys=dict(head=dict(lr_mult=5))),
        ),
        accumulate=2,
        clip_grad_norm=1.0,
        ema_momentum=0.3,
    )
    straight = config(tmp_path, 'straight', hooks=STEPS, **recipe)
    train(straight)
    path = tiny.write_config(tmp_path, hooks=[*STEPS, dict(type='KillHook', at_step=9)], **recipe)
    killed = command('train', path, '--work-dir', tmp_path / 'killed')
    assert killed.returncode == -signal.SIGKILL
    # of 12, 6 an epoch
    assert os.path.basename(last_checkpoint(str(tmp_path / 'killed'))) == 'step_9.ckpt'
    resumed = command(
        'train',
        tiny.write_config(tmp_path, hooks=STEPS, **recipe),
        '--work-dir',
        tmp_path / 'killed',
        '--resume',
    )
    assert resumed.returncode == 0, resumed.stderr
    assert 'from step 9 to 12' in resumed.stdout
    assert_same_checkpoint(tmp_path / 'straight/step_12.ckpt', tmp_path / 'killed/step_12.ckpt')
    losses = {line['step']: line['loss'] for line in lines(tmp_path / 'killed')}
    assert losses == {line['step']: line['loss'] for line in lines(tmp_path / 'straight')}


@pytest.mark.slow
def test_checkpoints_and_validation_have_the_averaged_weights_and_training_its_own(
    tmp_path, one_epoch
):
    recipe = dict(hooks=STEPS, load_from=str(one_epoch / 'epoch_1.ckpt'))
    train(config(tmp_path, 'plain', **recipe))
    steps = [load_checkpoint(tmp_path / f'plain/step_{n}.ckpt')[0] for n in range(1, 13)]
    averaged = train(config(tmp_path, 'averaged', ema_momentum=0.6, **recipe), validate=True)
    for parameter in averaged.recognizer.get_parameters():  # training goes its own way
        np.testing.assert_array_equal(parameter.asnumpy(), steps[-1][parameter.name])
    expected = load_checkpoint(recipe['load_from'])[0]
    for number, weights in enumerate(steps):
        share = max(0.6, 9 / (10 + number))
        expected = {k: v + share * (weights[k] - v) for k, v in expected.items()}
    found, _, meta = load_checkpoint(tmp_path / 'averaged/step_12.ckpt')
    trained = [p.name for p in averaged.recognizer.trainable_params()]
    for name in trained:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6)
        assert np.abs(found[name] - steps[-1][name]).max() > 0
    for name in found.keys() - set(trained):  # the statistics of batch norm
        np.testing.assert_array_equal(found[name], steps[-1][name])
    cfg = config(tmp_path, 'averaged')
    tested = run_test(cfg, str(tmp_path / 'averaged/step_12.ckpt'), data='val')
    assert meta['metrics']['top1_acc'] == tested.evaluate(['top_k_accuracy'])['top1_acc']


def test_a_finished_run_that_is_resumed_does_nothing(trained):
    before = os.stat(last_checkpoint(trained.work_dir)).st_mtime_ns
    assert train(trained, resume='auto').step == 6
    assert os.stat(last_checkpoint(trained.work_dir)).st_mtime_ns == before


def test_an_earlier_runs_checkpoints_are_not_overwritten(trained):
    with pytest.raises(ConfigError, match='holds the checkpoints of an earlier run: --resume'):
        train(trained)


@pytest.mark.slow
def test_the_config_in_the_work_dir_runs_by_itself_and_gives_the_same_weights(trained, tmp_path):
    again = Config.fromfile(
        str(tmp_path / 'run/tiny_config.py'), dict(work_dir=str(tmp_path / 'again'))
    )
    train(again)
    assert_same_checkpoint(tmp_path / 'run/epoch_1.ckpt', tmp_path / 'again/epoch_1.ckpt')


def test_resuming_with_another_seed_batch_or_optimizer_is_refused_by_name(tmp_path, one_epoch):
    checkpoint = str(one_epoch / 'epoch_1.ckpt')
    for changes, culprit in (
        (dict(seed=1), 'its seed was 0, the config gives 1'),
        (dict(optimizer=dict(type='Adam', lr=0.1)), 'training state does not fit'),
        (dict(ema_momentum=0.1), 'ema_momentum differ'),
    ):
        with pytest.raises(CheckpointError, match=culprit):
            train(config(tmp_path, 'other', **changes), resume=checkpoint)


@pytest.mark.slow
@pytest.mark.smoke
def test_load_from_starts_a_new_run_from_the_weights(tmp_path):
    train(config(tmp_path, total_epochs=1))
    cfg = config(
        tmp_path,
        'tuned',
        total_epochs=1,
        load_from=str(tmp_path / 'run/epoch_1.ckpt'),
        freeze=dict(finetune_prefixes=['logits']),
    )
    run = train(cfg)
    before, after = (
        load_checkpoint(tmp_path / f'{name}/epoch_1.ckpt')[0] for name in ('run', 'tuned')
    )
    changed = {name for name in after if not np.array_equal(before[name], after[name])}
    assert changed == {'head.logits.weight', 'head.logits.bias'}
    assert run.start_step == 0


@pytest.mark.slow
def test_evaluation_checkpoints_and_early_stop_work_together(tmp_path):
    cfg = config(
        tmp_path,
        total_epochs=30,
        hooks=[
            dict(type='CheckpointHook', max_keep_ckpts=2, save_best='auto'),
            dict(type='EarlyStopHook', patience=3),
        ],
    )
    run = train(cfg, validate=True)
    assert 'top1_acc has not become better in 3 evaluations' in run.stop_reason and run.epoch < 30
    kept = sorted(name for name in os.listdir(cfg.work_dir) if name.endswith('.ckpt'))
    assert kept == sorted(
        ['best_top1_acc.ckpt', f'epoch_{run.epoch - 1}.ckpt', f'epoch_{run.epoch}.ckpt']
    )
    figures = [line['top1_acc'] for line in lines(cfg.work_dir, 'val')]
    best = run.memory['best']['top1_acc']
    assert best['value'] == max(figures) == figures[best['epoch'] - 1]
    results = run_test(cfg, str(tmp_path / 'run/best_top1_acc.ckpt'), data='val')
    assert results.evaluate(['top_k_accuracy'])['top1_acc'] == max(figures)


BEST = dict(type='CheckpointHook', save_best='top1_acc', max_keep_ckpts=1)
PATIENT = dict(type='EarlyStopHook', patience=9, min_delta=1.0)
CUTS = {  # the step in whose evaluation the run is cut, and hooks
    'the first epoch': (6, [BEST, PATIENT, dict(type='EvalHook')]),
    'the last epoch': (18, [BEST, PATIENT, dict(type='EvalHook')]),
    'early stop': (12, [BEST, dict(PATIENT, patience=1), dict(type='EvalHook')]),
    'a hook that stops': (
        6,
        [dict(BEST, interval=2), dict(type='EvalHook'), dict(type='StopHook', at_step=6)],
    ),
    'between epochs': (
        4,
        [dict(BEST, by_epoch=False, interval=4), dict(type='OwnEvaluationHook', every=4)],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize('at_step, hooks', CUTS.values(), ids=CUTS)
def test_a_run_that_is_killed_in_its_evaluation_goes_on_with_it(
    at_step, hooks, tmp_path, monkeypatch
):
    hooks = [STEPS[0], *hooks, dict(type='PowerCutHook', at_step=at_step)]
    monkeypatch.setattr(tiny.PowerCutHook, 'calls', ['before_run'] * 2)
    straight = train(config(tmp_path, 'straight', total_epochs=3, hooks=hooks))

    monkeypatch.setattr(tiny.PowerCutHook, 'calls', [])
    killed = config(tmp_path, 'killed', total_epochs=3, hooks=hooks)
    with pytest.raises(tiny.PowerCut):
        train(killed)
    saved = load_checkpoint(last_checkpoint(killed.work_dir))[2]
    assert saved['step'] == at_step and saved['metrics'] == {}
    assert len(read_figures(killed.work_dir, 'val')) == at_step // 6 - (at_step % 6 == 0)
    run = train(killed, 'auto')
    assert tiny.PowerCutHook.calls == ['before_run', 'before_run', 'after_run']

    assert run.memory == straight.memory and run.stop_reason == straight.stop_reason
    names = sorted(path.name for path in (tmp_path / 'killed').glob('*.ckpt'))
    assert names == sorted(path.name for path in (tmp_path / 'straight').glob('*.ckpt'))
    for name in names:
        assert_same_checkpoint(tmp_path / f'straight/{name}', tmp_path / f'killed/{name}')
    for mode in ('train', 'val', 'best'):
        figures = [read_figures(folder.work_dir, mode) for folder in (straight, run)]
        assert figures[0] == figures[1]
    assert train(killed, 'auto').step == run.step
    assert read_figures(killed.work_dir, 'val') == read_figures(straight.work_dir, 'val')


def read_figures(work_dir, mode):
    return [
        (line['step'], line.get('top1_acc', line.get('value'))) for line in lines(work_dir, mode)
    ]


@pytest.mark.slow
def test_what_hooks_do_at_the_end_is_done_without_the_evaluation_too(tmp_path, monkeypatch):
    monkeypatch.setattr(tiny.PowerCutHook, 'calls', [])
    cut = dict(type='PowerCutHook', at_step=6)
    cfg = config(tmp_path, total_epochs=1, hooks=[dict(type='CheckpointHook'), cut])
    with pytest.raises(tiny.PowerCut):
        train(cfg, validate=True)
    cfg = config(tmp_path, total_epochs=1, hooks=[dict(type='CheckpointHook'), cut])
    run = train(cfg, 'auto')
    assert run.step == 6 and run.evaluated_at is None
    assert tiny.PowerCutHook.calls == ['before_run', 'before_run', 'after_run']


@pytest.mark.slow
def test_a_run_keeps_its_best_calibrated_epoch_beside_its_most_accurate_and_a_sweep_finds_the_same(
    tmp_path,
):
    cfg = config(
        tmp_path,
        total_epochs=4,
        evaluation=dict(metrics=['calibration_error', 'top_k_accuracy']),
        hooks=[
            dict(type='CheckpointHook', save_best='ece'),
            dict(type='CheckpointHook', interval=9, save_best='top1_acc'),
        ],
    )
    train(cfg, validate=True)
    errors, accuracies = (
        [line[name] for line in lines(cfg.work_dir, 'val')] for name in ('ece', 'top1_acc')
    )
    kept = {
        name: load_checkpoint(tmp_path / f'run/best_{name}.ckpt')[2]['epoch']
        for name in ('ece', 'top1_acc')
    }
    assert kept == dict(ece=1 + int(np.argmin(errors)), top1_acc=1 + int(np.argmax(accuracies)))
    text = sweep(
        cfg, last_checkpoints(cfg.work_dir, 4), cfg.work_dir, ['calibration_error'], data='val'
    )
    assert f'best: epoch_{kept["ece"]}, ece {min(errors):.4f}, chosen among 4' in text


@pytest.mark.slow
def test_a_diverged_run_stops_by_name_and_keeps_its_checkpoints(tmp_path):
    cfg = config(tmp_path, optimizer=dict(type='SGD', lr=1e30), hooks=STEPS)
    with pytest.raises(
        DivergedError,
        match='training has diverged: backbone.first.conv3d.weight is not finite at step 2',
    ):
        train(cfg)
    with open(tmp_path / 'run/log.json') as file:
        assert 'NaN' not in file.read()
    load_checkpoint(last_checkpoint(cfg.work_dir))  # which is sound


@pytest.mark.slow
def test_an_early_stopped_run_that_is_resumed_stays_stopped(tmp_path):
    cfg = config(
        tmp_path,
        total_epochs=30,
        hooks=[dict(type='CheckpointHook'), dict(type='EarlyStopHook', patience=1, min_delta=1.0)],
    )
    assert train(cfg, validate=True).epoch == 2
    assert train(cfg, resume='auto', validate=True).step == 12


def test_a_second_training_in_a_work_dir_hears_who_is_there(tmp_path):
    cfg = config(tmp_path, total_epochs=1)
    with held(os.path.join(cfg.work_dir, '.lock'), ''):
        with pytest.raises(ConfigError, match=f'in this folder: process {os.getpid()} on '):
            train(cfg)
    assert not os.path.exists(cfg.work_dir)


def test_ranks_hold_a_work_dir_when_they_have_their_numbers(tmp_path, monkeypatch):
    """Before that each takes itself for the first, and they would keep each other out."""

    class Reached(Exception):
        pass

    def build(*args, **kwargs):
        raise Reached

    monkeypatch.setattr(training, 'build_network', build)
    monkeypatch.setattr(training.distributed, 'is_launched', lambda: True)
    cfg = config(tmp_path, total_epochs=1)
    with held(os.path.join(cfg.work_dir, '.lock'), ''):
        with pytest.raises(Reached):
            train(cfg)


@pytest.mark.slow
@pytest.mark.parametrize('metric, told', [('top1_acc', True), ('auto', False)])
def test_a_run_without_an_evaluation_says_that_it_keeps_no_best_checkpoint_as_asked(
    metric, told, tmp_path
):
    hooks = [dict(type='CheckpointHook', save_best=metric)]
    cfg = config(tmp_path, total_epochs=1, hooks=hooks)
    train(cfg)
    (log,) = pathlib.Path(cfg.work_dir).glob('*.log')
    assert (f'no best checkpoint (save_best={metric!r}) will be kept' in log.read_text()) == told
    assert '.lock' not in os.listdir(cfg.work_dir)


@pytest.mark.slow
def test_checkpoints_that_a_killed_run_did_not_come_to_remove_go_at_the_next_start(tmp_path):
    hooks = [dict(type='CheckpointHook', by_epoch=False, max_keep_ckpts=1)]
    cfg = config(tmp_path, total_epochs=1, hooks=hooks)
    train(cfg)
    left = sorted(path.name for path in pathlib.Path(cfg.work_dir).glob('*.ckpt'))
    removed = load_checkpoint(last_checkpoint(cfg.work_dir))[2]['memory']['forgotten']
    for name in (*removed, 'step_999'):
        pathlib.Path(cfg.work_dir, f'{name}.ckpt').write_bytes(b'')
    cfg.total_epochs = 2
    train(cfg, 'auto')
    now = sorted(path.name for path in pathlib.Path(cfg.work_dir).glob('*.ckpt'))
    assert removed and len(left) == 1 and len(now) == 2 and 'step_999.ckpt' in now


@pytest.mark.slow
def test_a_work_dir_that_is_removed_while_it_is_trained_in_ends_the_run(tmp_path, monkeypatch):
    cfg = config(tmp_path, total_epochs=1, hooks=STEPS[1:])
    save = CheckpointHook._save

    def save_in_nothing(hook, run):
        shutil.rmtree(run.work_dir)
        save(hook, run)

    monkeypatch.setattr(CheckpointHook, '_save', save_in_nothing)
    with pytest.raises(DataError, match='run was removed while a training works in it'):
        train(cfg)


def test_a_work_dir_that_names_a_checkpoint_elsewhere_is_not_followed(tmp_path):
    (tmp_path / 'other.ckpt').write_bytes(b'')
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run/last_checkpoint').write_text('../other.ckpt')
    with pytest.raises(
        CheckpointError, match=r"names the checkpoint '../other.ckpt', which is not"
    ):
        last_checkpoint(str(tmp_path / 'run'))


def test_a_work_dir_whose_checkpoint_is_gone_says_so(trained, tmp_path):
    os.remove(tmp_path / 'run/epoch_1.ckpt')
    with pytest.raises(
        CheckpointError, match="last_checkpoint names the checkpoint 'epoch_1.ckpt', which is not"
    ):
        train(trained, resume='auto')


def test_a_checkpoint_whose_classes_are_in_another_order_is_not_tested(trained, tmp_path):
    tiny.TinyDataset.classes = ['bright', 'middle', 'dark']
    try:
        with pytest.raises(
            ConfigError, match="class 0 is 'dark' in the one and 'bright' in the other"
        ):
            run_test(trained, str(tmp_path / 'run/epoch_1.ckpt'))
    finally:
        tiny.TinyDataset.classes = ['dark', 'middle', 'bright']


def test_the_seed_chooses_the_dropout_masks(tmp_path):
    seeds = [
        build_recognizer(config(tmp_path).model, seed).head.dropout.seed.asnumpy()
        for seed in (0, 1, 0)
    ]
    assert seeds[0] == seeds[2] != seeds[1]


@pytest.mark.slow
def test_ctrl_c_ends_training_with_one_line(tmp_path):
    path = tiny.write_config(tmp_path, total_epochs=100000, hooks=STEPS[:1])
    job = subprocess.Popen(
        [sys.executable, str(TOOLS / 'train.py'), path, '--work-dir', str(tmp_path / 'run')],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.time() + 100
    while not (tmp_path / 'run/log.json').exists() and time.time() < deadline:
        time.sleep(0.2)
    job.send_signal(signal.SIGINT)
    _, stderr = job.communicate(timeout=60)
    assert job.returncode == 130 and stderr == (
        'i3dbox train: interrupted; --resume goes on from the last checkpoint, and without one '
        'from the beginning\n'
    )


@pytest.mark.slow
def test_mindspores_own_callbacks_are_hooks_and_validation_is_added_beside_them(tmp_path):
    cfg = config(tmp_path, total_epochs=1, hooks=[dict(type='mindspore.train.TimeMonitor')])
    assert 'top1_acc' in train(cfg, validate=True).metrics


@pytest.mark.slow
@pytest.mark.parametrize('validate', [False, True])
def test_the_hook_that_is_prepared_is_the_one_that_sees_the_run(tmp_path, validate):
    run = train(config(tmp_path, total_epochs=1, hooks=[dict(type='DiaryHook')]), validate=validate)
    assert (
        run.memory['told'] == ['prepare', 'before_run'] and ('top1_acc' in run.metrics) == validate
    )


def test_the_log_says_loss_accuracy_rate_and_times(one_epoch):
    line = lines(one_epoch)[-1]
    assert line['step'] == line['iter'] == 6 and line['epoch'] == 1
    assert {'loss', 'top1_acc', 'lr', 'time', 'data_time'} <= set(line)
    (text,) = one_epoch.glob('*.log')
    assert 'eta' in text.read_text()


@pytest.mark.slow
@pytest.mark.parametrize('level', ['O1', 'O2', 'O3'])
def test_mixed_precision_trains_and_its_checkpoints_are_those_of_float32(tmp_path, level):
    half = config(
        tmp_path,
        total_epochs=1,
        runner=dict(CPU=dict(type='CPURunner', amp_level=level, loss_scale='dynamic')),
    )
    run = train(half)
    assert np.isfinite(run.outputs[0].asnumpy()) and run.outputs[2].asnumpy()
    results = [
        run_test(cfg, str(tmp_path / 'run/epoch_1.ckpt')).scores for cfg in (half, config(tmp_path))
    ]
    assert 0 < np.abs(results[0] - results[1]).max() < 0.02  # float16 was at work, and only just


class TestDamagedSamples:
    @pytest.mark.slow
    def test_they_are_replaced_counted_and_listed_at_the_end(self, tmp_path):
        data = dict(batch_size=4, train=dict(type='TinyDataset', damaged_samples=[3, 4]))
        path = tiny.write_config(tmp_path, total_epochs=1, data=data)
        done = command('train', path, '--work-dir', tmp_path / 'run')
        assert done.returncode == 0
        assert "'clip5' stands in for 'clip3'" in done.stdout
        assert (
            '2 damaged samples were met:' in done.stdout
            and 'clip4.avi: it is made of noise' in done.stdout
        )

    def test_or_they_stop_the_run_by_name(self, tmp_path):
        data = dict(
            batch_size=4, train=dict(type='TinyDataset', damaged_samples=[3], damaged='raise')
        )
        with pytest.raises(DamagedSampleError, match='clip3.avi: it is made of noise'):
            train(config(tmp_path, data=data))

    def test_a_data_set_of_nothing_else_is_refused(self, tmp_path):
        data = dict(train=dict(type='TinyDataset', size=4, damaged_samples=list(range(4))))
        with pytest.raises(DataError, match='none of the 4 samples'):
            train(config(tmp_path, data=data))

    def test_in_testing_they_stop_or_are_left_out_and_listed(self, tmp_path, one_epoch):
        checkpoint = str(one_epoch / 'epoch_1.ckpt')
        test_set = dict(type='TinyDataset', size=7, damaged_samples=[2])
        with pytest.raises(DamagedSampleError, match='clip2.avi'):
            run_test(config(tmp_path, data=dict(batch_size=3, test=test_set)), checkpoint)
        results = run_test(
            config(tmp_path, data=dict(batch_size=3, test=dict(test_set, damaged='skip'))),
            checkpoint,
        )
        assert results.names == [f'clip{i}' for i in (0, 1, 3, 4, 5, 6)] and results.meta[
            'skipped'
        ] == ['clip2']


@pytest.mark.parametrize(
    'changes, error, message',
    [
        (
            dict(total_epoch=3),
            ConfigError,
            "unknown key 'total_epoch'. Did you mean 'total_epochs'",
        ),
        (dict(total_epochs=0), ConfigError, 'total_epochs is a number above 0; got 0'),
        (
            dict(optimizer=dict(type='SGD', lr='1e-3x')),
            ConfigError,
            "optimizer.lr is a number from 0; got '1e-3x'",
        ),
        (dict(accumulate=0), ConfigError, 'accumulate is a whole number from 1; got 0'),
        (
            dict(evaluation=dict(intervall=2)),
            ConfigError,
            "evaluation has no key 'intervall'. Did you mean 'interval'",
        ),
        (
            dict(freeze=dict(finetune_prefix=['a'])),
            ConfigError,
            "freeze has no key 'finetune_prefix'",
        ),
        (
            dict(hooks=[dict(type='CheckpointHook', max_keep_ckpts=0)]),
            ConfigError,
            'max_keep_ckpts is a whole number from',
        ),
        (
            dict(hooks=[dict(type='CheckpointHook', save_best='top1'), dict(type='EvalHook')]),
            ConfigError,
            "save_best is 'top1'; the evaluation gives top1_acc, top5_acc, mean_class_acc",
        ),
        (
            dict(hooks=[dict(type='EarlyStopHook')]),
            ConfigError,
            'the evaluation gives nothing: use --validate',
        ),
        (
            dict(hooks=[dict(type='EvalHook')], evaluation=dict(metrics=['top_acc'])),
            RegistryError,
            "no metric is called 'top_acc'",
        ),
        (
            dict(schedule=dict(type='StepLR', every=0)),
            RegistryError,
            'schedule StepLR cannot be built',
        ),
        (
            dict(
                model=dict(
                    type='Recognizer3D',
                    backbone=dict(type='TinyBackbone'),
                    head=dict(type='I3DHead', num_classes=3, dropout=1.5),
                )
            ),
            RegistryError,
            'got 1.5',
        ),
        (
            dict(model=dict(type='Recognizer4D')),
            RegistryError,
            "no recognizer is called 'Recognizer4D'. Did you mean",
        ),
        (
            dict(optimizer=dict(type='SGD', lr=0.1, momentun=0.9)),
            RegistryError,
            "'momentun'. Did you mean 'momentum'",
        ),
        (
            dict(data=dict(train=dict(type='TinyDataset', modality='Flow'))),
            ModelError,
            'RGB clips of 3 channels',
        ),
        (dict(load_from='nowhere.ckpt'), CheckpointError, 'nowhere.ckpt does not exist'),
        (dict(freeze=dict(finetune_prefixes=['Mixed_9'])), ConfigError, "'Mixed_9'"),
        (
            dict(runner=dict(CPU=dict(type='CPURunner', amp_level='O9'))),
            ConfigError,
            "'O0', 'O1', 'O2', 'O3'; got",
        ),
    ],
)
def test_what_is_wrong_with_a_config_is_named_before_training(tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        train(config(tmp_path, **changes))
    assert not list(tmp_path.glob('run/*.ckpt'))


@pytest.mark.slow
def test_a_command_prints_an_error_of_the_users_as_one_line(tmp_path):
    failed = command(
        'train',
        tiny.write_config(tmp_path, load_from='nowhere.ckpt'),
        '--work-dir',
        tmp_path / 'run',
    )
    assert failed.returncode == 1
    assert failed.stderr.strip() == 'i3dbox train: error: checkpoint nowhere.ckpt does not exist'


def test_ascend_without_ascend_is_explained(tmp_path):
    runner = dict(Ascend=dict(type='Ascend910Runner'))
    with pytest.raises(Exception, match='does not reach an Ascend device') as caught:
        train(config(tmp_path, runner=runner), device='Ascend')
    assert type(caught.value).__name__ == 'DeviceError'


@pytest.mark.slow
def test_a_seed_of_none_is_the_first_and_one_that_numpy_lacks_is_told(tmp_path):
    run = train(config(tmp_path, seed=None, total_epochs=1))
    assert run.meta['seed'] == 0
    with pytest.raises(ConfigError, match='seed is at most'):
        train(config(tmp_path, 'other', seed=1 << 40))
    with pytest.raises(ConfigError, match="no 'optimizer.lr'"):
        train(config(tmp_path, 'other', optimizer=dict(type='SGD')))
