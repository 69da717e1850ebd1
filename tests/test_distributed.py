"""Several ranks train as one would, and end together."""

import os
import pathlib
import random
import socket
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import tiny
from test_training import command, lines

pytestmark = pytest.mark.slow

TOOLS = pathlib.Path(__file__).parents[1] / 'tools'
FROZEN = dict(
    freeze=dict(freeze_norm=True),
    loss=dict(type='CrossEntropyLoss', class_weight=[0.2, 1.0, 3.0]),  # each rank has other classes
    total_epochs=1,
    hooks=[dict(type='LoggerHook', interval=1), dict(type='CheckpointHook'), dict(type='DumpHook')],
)


def free_port():
    """Return a port below those that the system hands to outgoing connections."""
    while True:
        port = random.SystemRandom().randrange(10_000, 30_000)  # as training seeds the others
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
            except OSError:
                continue
            return port


def environment(folder):
    path = f'{os.path.dirname(sys.executable)}:{os.environ["PATH"]}'
    return dict(
        os.environ,
        PORT=str(free_port()),
        LOG_DIR=str(folder / 'logs'),
        VIRTUAL_ENV=sys.prefix,
        PATH=path,
    )


def launch(script, *args, folder):
    return subprocess.run(
        ['bash', str(TOOLS / script), *map(str, args)],
        capture_output=True,
        text=True,
        env=environment(folder),
        timeout=400,
        cwd=folder,
    )


@pytest.mark.parametrize(
    'address, port, reason',
    [
        ('127.0.0.1', None, 'is in use: name another one with PORT=N'),
        ('192.0.2.1', '8118', 'cannot be used: Cannot assign requested address'),
        ('127.0.0.1', '80000', "PORT is a number from 1 to 65535; got '80000'"),
    ],
)
def test_a_port_that_cannot_be_had_is_named_before_a_rank_starts(tmp_path, address, port, reason):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        own = dict(MASTER_ADDR=address, PORT=port or str(taken.getsockname()[1]))
        done = subprocess.run(
            ['bash', str(TOOLS / 'dist_train.sh'), 'config.py', '2'],
            capture_output=True,
            text=True,
            env={**environment(tmp_path), **own},
            timeout=60,
            cwd=tmp_path,
        )
    assert done.returncode == 1 and done.stdout == ''
    assert reason in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    'ranks, own, reason',
    [
        ('two', {}, "the number of ranks on this machine is a whole number from 1; got 'two'"),
        ('9' * 20, {}, 'the number of ranks on this machine is a whole number from 1'),
        ('2', dict(NNODES='1.5'), 'NNODES, the number of machines, is a whole number from 1'),
        ('2', dict(NNODES='2', NODE_RANK='x', MASTER_ADDR='127.0.0.1'), 'NODE_RANK is a whole'),
        ('2', dict(NODE_RANK='5'), 'NODE_RANK counts the machines from 0, and NNODES=1; got 5'),
        ('2', dict(CLUSTER_TIMEOUT='soon'), "CLUSTER_TIMEOUT is a whole number from 1; got 'soon'"),
        ('2', dict(HCCL_CONNECT_TIMEOUT='-5'), 'HCCL_CONNECT_TIMEOUT is a whole number from 1'),
        ('2', dict(RANK_TABLE_FILE='/nowhere'), 'RANK_TABLE_FILE: there is no file /nowhere'),
        ('2', dict(SLURM_NNODES='2', SLURM_JOB_NODELIST='n[1-2]'), 'MASTER_ADDR must be set'),
    ],
)
def test_what_the_ranks_are_told_is_looked_at_before_one_starts(
    tmp_path, tmp_path_factory, ranks, own, reason
):
    scontrol = tmp_path_factory.mktemp('slurm') / 'scontrol'  # that knows no job, if there is Slurm
    scontrol.write_text('#!/bin/sh\nexit 1\n')
    scontrol.chmod(0o755)
    own = dict(own, PATH=f'{scontrol.parent}{os.pathsep}{environment(tmp_path)["PATH"]}')
    done = subprocess.run(
        ['bash', str(TOOLS / 'dist_train.sh'), 'config.py', ranks],
        capture_output=True,
        text=True,
        env={**environment(tmp_path), **own},
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == 2 and reason in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not list(tmp_path.iterdir())


def processes_of(folder):
    """Command lines of living processes that mention `folder`."""
    return [
        p.info['cmdline']
        for p in psutil.process_iter(['cmdline', 'status'])
        if p.info['status'] != psutil.STATUS_ZOMBIE
        and str(folder) in ' '.join(p.info['cmdline'] or [])
    ]


@pytest.fixture(scope='module')
def two_ranks(tmp_path_factory):
    """A run of two ranks of batch 2 that ended well."""
    folder = tmp_path_factory.mktemp('two_ranks')
    data = dict(batch_size=2, train=dict(type='TinyDataset'), test=dict(type='TinyDataset', size=7))
    done = launch(
        'dist_train.sh',
        tiny.write_config(folder, data=data, **FROZEN),
        2,
        '--work-dir',
        folder / 'run',
        folder=folder,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_both_ranks_end_with_equal_weights(two_ranks):
    left, right = (np.load(two_ranks / f'run/rank{rank}.npz') for rank in range(2))
    assert left.files
    for name in left.files:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)


def test_moving_statistics_end_equal_although_each_rank_sees_its_own_batches(tmp_path):
    hooks = [dict(type='CheckpointHook'), dict(type='DumpHook')]
    data = dict(batch_size=2, train=dict(type='TinyDataset'), val=dict(type='TinyDataset', size=5))
    done = launch(
        'dist_train.sh',
        tiny.write_config(tmp_path, data=data, hooks=hooks),
        2,
        '--validate',
        '--work-dir',
        tmp_path / 'run',
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    left, right = (np.load(tmp_path / f'run/rank{rank}.npz') for rank in range(2))
    for name in left.files:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)


def test_the_loss_curve_is_that_of_one_process_with_the_doubled_batch(two_ranks, tmp_path):
    data = dict(batch_size=4, train=dict(type='TinyDataset'))
    done = command(
        'train', tiny.write_config(tmp_path, data=data, **FROZEN), '--work-dir', tmp_path / 'run'
    )
    assert done.returncode == 0, done.stderr
    one, two = np.load(tmp_path / 'run/rank0.npz'), np.load(two_ranks / 'run/rank0.npz')
    for name in one.files:  # dropout is on: its masks agree, too
        np.testing.assert_allclose(two[name], one[name], rtol=1e-4, atol=1e-6, err_msg=name)
    curves = [[line['loss'] for line in lines(folder / 'run')] for folder in (tmp_path, two_ranks)]
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-5)


def test_two_ranks_test_every_video_once_and_give_the_figures_of_one(two_ranks, tmp_path):
    config, checkpoint = two_ranks / 'tiny_config.py', two_ranks / 'run/epoch_1.ckpt'
    done = launch(
        'dist_test.sh', config, checkpoint, 2, '--out', tmp_path / 'two.json', folder=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert command('test', config, checkpoint, '--out', tmp_path / 'one.json').returncode == 0
    from json import loads

    one, two = (
        loads((tmp_path / f'{name}.json').read_text())['samples'] for name in ('one', 'two')
    )
    assert [s['name'] for s in two] == [f'clip{i}' for i in range(7)] and two == one


def test_if_one_rank_dies_the_command_ends_with_its_log_and_leaves_no_process(tmp_path):
    hooks = [dict(type='CheckpointHook'), dict(type='KillHook', at_step=2, rank=1)]
    path = tiny.write_config(tmp_path, hooks=hooks, total_epochs=50)
    failed = launch('dist_train.sh', path, 2, '--work-dir', tmp_path / 'run', folder=tmp_path)
    assert failed.returncode != 0
    assert 'a rank failed' in failed.stderr and 'worker_1.log' in failed.stderr
    assert not processes_of(tmp_path)


def test_an_error_of_a_rank_is_shown(tmp_path):
    failed = launch(
        'dist_train.sh',
        tiny.write_config(tmp_path, load_from='nowhere.ckpt'),
        2,
        '--work-dir',
        tmp_path / 'run',
        folder=tmp_path,
    )
    assert failed.returncode != 0
    assert 'error: checkpoint nowhere.ckpt does not exist' in failed.stderr


def test_killing_the_launcher_ends_every_rank(tmp_path):
    path = tiny.write_config(
        tmp_path, total_epochs=5000, hooks=[dict(type='LoggerHook', interval=1)]
    )
    said, log = tmp_path / 'said.txt', tmp_path / 'run/log.json'
    with open(said, 'wb') as output:
        job = subprocess.Popen(
            ['bash', str(TOOLS / 'dist_train.sh'), path, '2', '--work-dir', str(tmp_path / 'run')],
            env=environment(tmp_path),
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    deadline = time.time() + 300
    while not log.exists() and job.poll() is None and time.time() < deadline:
        time.sleep(0.5)
    assert log.exists(), said.read_text()
    job.terminate()
    job.wait(30)
    deadline = time.time() + 30
    while processes_of(tmp_path) and time.time() < deadline:
        time.sleep(0.5)
    assert not processes_of(tmp_path)
