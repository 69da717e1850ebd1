"""What is set for Ascend, up to the edge: the order of calls, what a chip takes, sinks, ranks. No
hardware is needed; what stands in for it records.
"""

import logging
import math
import os
import pathlib
import subprocess
import sys
import types

import mindspore as ms
import numpy as np
import pytest
import tiny
from mindspore import nn, ops
from test_distributed import environment
from test_training import lines

from i3dbox.apis.train import train
from i3dbox.ascend import diagnosis, settings
from i3dbox.ascend.chips import CHIPS, chip_called, chip_of
from i3dbox.commands import main
from i3dbox.config import Config
from i3dbox.datasets.loader import ClipLoader, as_mindspore_dataset
from i3dbox.datasets.sampler import EpochSampler
from i3dbox.engine import distributed, train_step
from i3dbox.engine.runners import base
from i3dbox.engine.runners.ascend910 import Ascend910Runner
from i3dbox.engine.runners.cpu import CPURunner
from i3dbox.engine.train_step import SinkMeans, TrainStep
from i3dbox.errors import ConfigError, DeviceError
from i3dbox.inference import clip_scorer
from i3dbox.inference.engines.stream_network import StreamNetwork
from i3dbox.inference.long_clips import cut_whole
from i3dbox.registry import RUNNERS

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def card(monkeypatch):
    """A machine with a card, on which calls of MindSpore's functions are written down; `soc` names
    the chip.
    """
    card = types.SimpleNamespace(soc='ascend910b', calls=[])

    def record(name, once=False):
        def call(*args, **kwargs):
            if once and name in [known for known, _ in card.calls]:
                raise RuntimeError(f"The '{name}' can not be set repeatedly.")
            card.calls.append((name, args or kwargs))

        return call

    precision = types.SimpleNamespace(precision_mode=record('precision_mode'))
    monkeypatch.setattr(settings, '_made', {})
    monkeypatch.setattr(settings, 'soc_version', lambda: card.soc)
    monkeypatch.setattr(ms.device_context, 'ascend', types.SimpleNamespace(op_precision=precision))
    monkeypatch.setattr(ms, 'set_device', record('set_device'))
    monkeypatch.setattr(ms, 'set_deterministic', record('set_deterministic', once=True))
    monkeypatch.setattr(ms, 'set_context', record('set_context'))
    monkeypatch.setattr(ms, 'set_seed', record('set_seed'))
    monkeypatch.setattr(distributed, 'init_distributed', record('init'))
    for name in ('RANK_TABLE_FILE', 'RANK_SIZE', 'DEVICE_ID', 'MS_ROLE'):
        monkeypatch.delenv(name, raising=False)
    return card


@pytest.mark.parametrize(
    'soc, level, precision',
    [
        ('ascend910', 'O2', 'allow_fp32_to_fp16'),
        ('ascend910b', 'O0', 'must_keep_origin_dtype'),
        ('ascend910_93', 'O0', 'must_keep_origin_dtype'),
        ('ascend1000', 'O0', 'must_keep_origin_dtype'),  # not known yet
    ],
)
def test_what_a_chip_takes_is_set_before_ranks_join_and_once_a_process(card, soc, level, precision):
    card.soc = soc
    Ascend910Runner().setup(0)
    assert [name for name, _ in card.calls] == [
        *('set_context', 'set_device', 'set_deterministic', 'set_context', 'precision_mode'),
        *('init', 'set_seed'),
    ]
    assert card.calls[3][1] == dict(jit_config=dict(jit_level=level))
    assert card.calls[4][1] == (precision,)
    before = len(card.calls)
    Ascend910Runner().setup(1)  # as a test after a training does
    assert [name for name, _ in card.calls[before:]] == [
        *('set_context', 'set_device', 'init', 'set_seed')
    ]
    with pytest.raises(ConfigError, match="jit_level is set once a process: it is 'O"):
        Ascend910Runner(jit_level='O1').setup(0)


def test_a_run_says_the_chip_and_what_was_set_for_it(card, caplog, monkeypatch):
    runner = Ascend910Runner()
    runner.setup(0)
    monkeypatch.setattr(base.BaseRunner, 'fit', lambda *_: None)
    caplog.set_level('INFO')
    step = types.SimpleNamespace(accumulate=1)
    runner.fit(types.SimpleNamespace(train_step=step, logger=logging.getLogger('test_log')), [])
    assert caplog.messages == [
        'Ascend 910B (ascend910b): jit_level O0, precision_mode must_keep_origin_dtype, '
        'deterministic True'
    ]


def test_a_config_can_ask_for_another_level_and_precision(card):
    Ascend910Runner(jit_level='O1', precision_mode='force_fp32', deterministic=False).setup(0)
    assert card.calls[2:5] == [
        ('set_deterministic', (False,)),
        ('set_context', dict(jit_config=dict(jit_level='O1'))),
        ('precision_mode', ('force_fp32',)),
    ]


def test_a_chip_that_runs_no_networks_in_python_is_told_what_does(card):
    card.soc = 'ascend310p'
    with pytest.raises(DeviceError, match='Ascend 310P runs exported models only.*910A, 910B'):
        Ascend910Runner().setup(0)


def test_a_plain_rank_table_means_whole_graphs_and_the_device_that_is_named(card, monkeypatch):
    monkeypatch.setenv('RANK_TABLE_FILE', 'table.json')
    monkeypatch.setenv('RANK_SIZE', '8')
    with pytest.raises(DeviceError, match='DEVICE_ID must say which device this one takes'):
        Ascend910Runner().setup(0)
    monkeypatch.setenv('DEVICE_ID', '5')
    with pytest.raises(ConfigError, match='jit_level O0 is not had with a plain rank table'):
        Ascend910Runner(jit_level='O0').setup(0)
    card.calls.clear()
    Ascend910Runner().setup(0)
    assert ('set_device', ('Ascend', 5)) in card.calls
    assert ('set_context', dict(jit_config=dict(jit_level='O2'))) in card.calls


@pytest.mark.parametrize(
    'environment, expected',
    [
        ({}, None),
        (dict(MS_ROLE='MS_WORKER', RANK_SIZE='8', DEVICE_ID='3'), None),  # msrun says it itself
        (dict(RANK_SIZE='8', DEVICE_ID='3', RANK_TABLE_FILE='x'), 3),
        (dict(RANK_SIZE='1', DEVICE_ID='3'), None),
    ],
)
def test_the_device_of_a_rank_is_its_launchers(monkeypatch, environment, expected):
    for name in ('RANK_TABLE_FILE', 'RANK_SIZE', 'DEVICE_ID', 'MS_ROLE'):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert distributed.device_of_rank() == expected


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(amp_level='O0'), 'amp_level is O1, O2 or O3'),
        (dict(jit_level='O3'), "jit_level is one of None, 'O0'"),
        (dict(precision_mode='bf16'), "precision_mode is one of None, 'force_fp16'"),
    ],
)
def test_what_ascend_cannot_do_is_refused_when_the_config_is_read(options, message):
    with pytest.raises(ConfigError, match=message):
        Ascend910Runner(**options)


@pytest.mark.parametrize(
    'shown, name',
    [
        ('910B3', '910B'),
        ('910B4-1', '910B'),
        ('910B', '910A'),  # without a number an old one
        ('910ProA', '910A'),
        ('Ascend910A', '910A'),
        ('910', '910A'),
        ('Ascend910', '910C'),
        ('Ascend910B2', '910B'),
        ('910_9391', '910C'),
        ('310P3', '310P'),
        ('310', '310'),
        ('310B4', '310B'),
        ('320', None),
    ],
)
def test_a_chip_is_known_by_what_npu_smi_shows(shown, name):
    assert getattr(chip_called(shown), 'name', None) == name


def test_mindspores_names_are_each_one_chip():
    assert [chip_of(chip.soc) for chip in CHIPS] == list(CHIPS)
    assert chip_of('ascend') is None


def test_in_slurm_machines_and_the_first_ones_address_are_its_own(tmp_path):
    """A stand-in for msrun writes what it was called with, and one for scontrol knows two hosts."""
    scripts = dict(msrun='echo "$HCCL_CONNECT_TIMEOUT $*"', scontrol='echo a1; echo a2')
    for name, text in scripts.items():
        (tmp_path / name).write_text(f'#!/bin/sh\n{text}\n')
        (tmp_path / name).chmod(0o755)
    # MindSpore sets one of its own where it is imported
    rest = {k: v for k, v in os.environ.items() if k != 'HCCL_CONNECT_TIMEOUT'}
    slurm = dict(SLURM_NNODES='2', SLURM_NODEID='1', SLURM_JOB_NODELIST='a[1-2]')
    path = f'{tmp_path}{os.pathsep}{os.environ["PATH"]}'
    own = dict(slurm, PATH=path, VIRTUAL_ENV=sys.prefix, LOG_DIR=str(tmp_path / 'logs'))
    done = subprocess.run(
        ['bash', str(ROOT / 'tools/dist_train.sh'), 'config.py', '8'],
        capture_output=True,
        text=True,
        env={**rest, **own},
    )
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    assert words[0] == '1200'
    for word in (
        '--worker_num=16',
        '--local_worker_num=8',
        '--node_rank=1',
        '--master_addr=a1',
    ):
        assert word in words


# data sinks


@pytest.mark.parametrize(
    'sink_size, steps_per_epoch, steps, expected',
    [
        (50, 100, 100, 50),
        (50, 119, 119, 17),
        (50, 60, 45, 15),  # resumed in the middle of an epoch
        (50, 1193, 1193, 1),  # a prime
        (-1, 119, 238, 119),
        (0, 100, 100, 0),
    ],
)
def test_a_sink_takes_as_many_steps_as_divide_an_epoch(sink_size, steps_per_epoch, steps, expected):
    run = types.SimpleNamespace(steps_per_epoch=steps_per_epoch)
    runner = base.BaseRunner(sink_size=sink_size)
    assert runner.steps_of_a_sink(run, steps) == expected


def test_a_batch_that_is_too_large_for_a_sink_goes_without_one(caplog):
    log = logging.getLogger('test_sink')

    def run(*shape):
        loader = types.SimpleNamespace(specs=lambda columns: [(shape, np.dtype('uint8'))])
        recognizer = types.SimpleNamespace(inputs=['imgs'])
        return types.SimpleNamespace(
            loader=loader, recognizer=recognizer, steps_per_epoch=10, logger=log
        )

    clip = 64, 224, 224, 3
    assert Ascend910Runner().steps_of_a_sink(run(26, 1, *clip), 10) == 10
    assert Ascend910Runner().steps_of_a_sink(run(32, 1, *clip), 10) == 0
    assert 'a batch has 294 MB, and a data sink takes no more than 256' in caplog.text


def test_a_sink_tells_the_means_of_its_finite_steps():
    means = SinkMeans(3)
    steps = [(1.0, 0.5, 1), (2.0, 1.0, 1), (math.nan, 0.0, 0), (5.0, 0.25, 1)]
    told = [
        [float(value.asnumpy()) for value in means(*(ms.Tensor(v, ms.float32) for v in step))]
        for step in steps
    ]
    np.testing.assert_allclose(told[:3], [[1, 0.5, 1], [1.5, 0.75, 1], [1.5, 0.75, 2 / 3]], 1e-6)
    assert told[3] == [5, 0.25, 1]  # the next sink


class SinkModel:
    """What mindspore.train.Model does with a data sink: it takes the steps, and calls back once."""

    def __init__(self, network):
        self.network = network

    def train(self, epoch, dataset, callbacks, dataset_sink_mode, sink_size):
        assert dataset_sink_mode
        arguments = types.SimpleNamespace(net_outputs=None)
        context = types.SimpleNamespace(original_args=lambda: arguments, request_stop=lambda: None)
        rows = iter(dataset.create_tuple_iterator(num_epochs=1))
        for callback in callbacks:
            callback.on_train_begin(context)
        for _ in range(epoch):
            for callback in callbacks:
                callback.on_train_step_begin(context)
            for _ in range(sink_size):
                arguments.net_outputs = self.network(*next(rows))
            for callback in callbacks:
                callback.on_train_step_end(context)
        for callback in callbacks:
            callback.on_train_end(context)


@RUNNERS.register
class SinkingRunner(CPURunner):
    """A CPU that takes `sink_size` for what it says."""

    def __post_init__(self):
        sink_size = self.sink_size
        super().__post_init__()
        self.sink_size = sink_size


@pytest.mark.slow
def test_a_run_in_sinks_logs_the_means_of_all_its_steps(tmp_path, monkeypatch):
    def logged(sink):
        folder = tmp_path / f'sink{sink}'
        folder.mkdir()
        changes = dict(
            runner=dict(CPU=dict(type='SinkingRunner', sink_size=sink)),
            hooks=[dict(type='LoggerHook', interval=3)],
            work_dir=str(folder / 'run'),
        )
        train(Config.fromfile(tiny.write_config(folder, **changes)))
        return [(line['step'], line['loss'], line['top1_acc']) for line in lines(folder / 'run')]

    expected = logged(0)
    assert [step for step, _, _ in expected] == [3, 6, 9, 12]
    monkeypatch.setattr(base, 'Model', SinkModel)
    np.testing.assert_allclose(logged(3), expected, rtol=1e-5)


def test_a_data_sink_learns_what_a_batch_is_without_starting_the_loader(monkeypatch):
    loader = ClipLoader(tiny.TinyDataset(size=24), EpochSampler(24, 4, 1, 0))
    monkeypatch.setattr(ClipLoader, '_batches', None)
    dataset = as_mindspore_dataset(loader, ('imgs', 'label'))
    assert dataset.output_shapes() == [[4, 1, 4, 8, 8, 3], [4]]
    assert dataset.output_types() == [np.uint8, np.int32]


# several ranks, and the register of 910A


class Line(nn.Cell):
    inputs = ('x',)

    def __init__(self):
        super().__init__()
        self.weight = ms.Parameter(ops.ones(3, ms.float32), name='weight')

    def construct(self, x):
        return x * self.weight


class Sum(nn.Cell):
    def construct(self, logits, label):
        return logits.sum() + 0 * label.sum()


def step_of_two_ranks(finite_ranks):
    """A step of a rank whose own gradients are finite; of the two, `finite_ranks` are."""
    line = Line()
    optimizer = nn.SGD([line.weight], 0.5)
    step = TrainStep(line, Sum(), optimizer, ms.amp.DynamicLossScaler(8, 2, 1000))
    step.world = 2
    step.sum_over_ranks = lambda value: value * finite_ranks
    return line, step


@pytest.mark.parametrize('finite_ranks, moves', [(2, True), (1, False)])
def test_a_step_is_taken_by_all_ranks_or_by_none(finite_ranks, moves):
    line, step = step_of_two_ranks(finite_ranks)
    _, _, finite = step(ops.ones((2, 3), ms.float32), ms.Tensor([0, 1], ms.int32))
    assert bool(finite.asnumpy()) == moves
    assert (line.weight.asnumpy() == 1).all() != moves


@pytest.mark.parametrize('soc, clears', [('ascend910', True), ('ascend910b', False)])
def test_the_register_of_overflows_is_cleared_before_a_step_where_there_is_one(card, soc, clears):
    card.soc = soc
    line = Line()
    scaler = ms.amp.DynamicLossScaler(8, 2, 1000)
    assert not TrainStep(line, Sum(), nn.SGD([line.weight], 0.5), scaler).clears_status
    Ascend910Runner().setup(0)
    assert TrainStep(line, Sum(), nn.SGD([line.weight], 0.5), scaler).clears_status == clears
    assert not TrainStep(line, Sum(), nn.SGD([line.weight], 0.5)).clears_status
    assert train_step.saturates() == clears


def test_accumulation_is_refused_where_graphs_are_handed_over_whole(card):
    card.soc = 'ascend910'
    runner = Ascend910Runner()
    runner.setup(0)
    run = types.SimpleNamespace(train_step=types.SimpleNamespace(accumulate=2))
    with pytest.raises(ConfigError, match='accumulate is a branch within a branch'):
        runner.fit(run, [])


# whole videos without open lengths


def test_windows_of_one_length_cover_every_clip_and_each_step_once():
    for length in range(256, 1200, 32):
        frames, _, cuts = cut_whole(length, 256, 8, 6, shortest=False)
        assert frames == 256
        steps = [
            begin // 8 + step
            for begin, first, last in cuts
            for step in range(first, 32 if last is None else last)
        ]
        assert steps == list(range(length // 8))
        assert all(0 <= begin <= length - 256 for begin, _, _ in cuts)


def test_clips_of_any_length_make_few_graphs_there():
    seen = set()

    class Stream(StreamNetwork):
        average_clips = 'score'
        geometry = 8, 6
        steps_have_logits = few_lengths = True

        def upto(self, endpoint, pool='avg', any_length=False):
            assert not any_length
            return lambda clip: (
                seen.add(clip.shape[1]) or np.zeros((1, 3, clip.shape[1] // 8), np.float32)
            )

    scorer = clip_scorer.ClipScorer(Stream(), any_length=True)
    for length in range(64, 700, 7):
        scorer(np.zeros((1, 1, length, 1, 1, 3), np.uint8))
    assert seen == set(range(64, 257, 32))


# what a machine has


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with a driver, a toolkit and a card, made of files."""
    home = tmp_path / 'cann'
    (home / 'compiler').mkdir(parents=True)
    (home / 'compiler/version.info').write_text('Version=8.3.0.1.200\n')
    (tmp_path / 'driver').write_text('Version=25.3.rc1\n')
    (tmp_path / 'hccn.conf').write_text('address_0=10.0.0.1\n')
    monkeypatch.setattr(diagnosis, 'DRIVER', str(tmp_path / 'driver'))
    monkeypatch.setattr(diagnosis, 'NETWORK', str(tmp_path / 'hccn.conf'))
    monkeypatch.setattr(diagnosis, 'TOOLKITS', ())
    monkeypatch.setenv('ASCEND_HOME_PATH', str(home))
    monkeypatch.setenv('ASCEND_OPP_PATH', str(home / 'opp'))
    monkeypatch.setattr(diagnosis, 'said_by', lambda *_: NPU_SMI)
    return home


NPU_SMI = """\
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
+===========================+===============+====================================================+
| 0     910B3               | OK            | 93.5        41                0    / 0             |
| 1     910B3               | Warning       | 93.5        41                0    / 0             |
"""


# The second row of a chip, and processes, have numbers where the others have a name.
BUSY = """\
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip  Phy-ID              | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     910B3               | OK            | 93.5        41                0    / 0             |
| 0     0                   | 0000:C1:00.0  | 0           0    / 0          3161 / 65536         |
+===========================+===============+====================================================+
| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
| 0       0                 | 812345        | python3.11               | 2910                    |
"""


def test_what_works_on_a_card_is_no_chip(machine, monkeypatch):
    monkeypatch.setattr(diagnosis, 'said_by', lambda *_: BUSY)
    assert findings()['chips'] == ('chips', '1: 910B3 (910B)', '')


def test_what_a_program_says_in_other_letters_is_read():
    assert diagnosis.said_by('printf', r'910B3 \377') == '910B3 \ufffd'


@pytest.mark.parametrize(
    'settings, message',
    [
        (dict(sink_size='50'), 'sink_size is a whole number from -1'),
        (dict(sink_size=2.5), 'sink_size is a whole number from -1'),
        (dict(sink_size=True), 'sink_size is a whole number from -1'),
        (dict(device_id="'0'"), 'device_id is a whole number from 0'),
        (dict(device_id=-1), 'device_id is a whole number from 0'),
        (dict(loss_scale=True), 'loss_scale is a number from 1'),
        (dict(loss_scale=float('inf')), 'loss_scale is a number from 1'),
        (dict(deterministic='False'), "deterministic is True or False; got 'False'"),
    ],
)
def test_settings_of_another_type_are_told_by_their_name(settings, message):
    with pytest.raises(ConfigError, match=message):
        Ascend910Runner(**settings)


def test_a_number_of_ranks_that_is_none_is_told(monkeypatch):
    monkeypatch.setenv('RANK_SIZE', 'eight')
    with pytest.raises(DeviceError, match="RANK_SIZE is the number of ranks; got 'eight'"):
        distributed.is_launched()


def findings():
    return {finding.what: finding for finding in diagnosis.diagnose()}


def test_what_is_there_is_told_with_its_version(machine):
    found = findings()
    assert found['driver'] == ('driver', '25.3.rc1', '')
    assert found['CANN'] == ('CANN', f'8.3.0.1.200 in {machine}', '')
    assert found['chips'].found == '910B3 (910B)'
    assert 'npu-smi says that 910B3 is not well' in found['chips'].advice
    assert found['network of the cards'].advice == ''


def test_a_toolkit_that_leads_in_circles_is_looked_at_once(tmp_path):
    (tmp_path / 'a').mkdir()
    for name in ('b', 'c'):
        (tmp_path / 'a' / name).symlink_to('..')
    assert diagnosis.cann_version(str(tmp_path)) is None
    (tmp_path / 'a/version.cfg').write_text('Version=7.7.0.1\nversion_dir=8.3.RC1\n')
    assert diagnosis.cann_version(str(tmp_path)) == '8.3.RC1'


def test_one_machine_needs_no_network(machine, monkeypatch):
    monkeypatch.setattr(diagnosis, 'NETWORK', '/nowhere')
    assert findings()['network of the cards'].advice == ''


def test_a_cann_that_does_not_go_with_mindspore_is_told(machine, monkeypatch):
    monkeypatch.setitem(diagnosis.CANN, ms.__version__, ('7.0', '7.1'))
    assert findings()['MindSpore'].advice == 'it goes with CANN 7.0 or 7.1, not 8.3.0.1.200'
    monkeypatch.setitem(diagnosis.CANN, ms.__version__, ('8.3',))
    assert findings()['MindSpore'].advice == ''


def test_an_environment_that_was_not_set_names_the_script(machine, monkeypatch):
    monkeypatch.delenv('ASCEND_OPP_PATH')
    (machine / 'set_env.sh').write_text('')
    assert findings()['CANN'].advice == f'source {machine}/set_env.sh'


def test_a_machine_without_a_card_is_told_all_that_it_lacks(monkeypatch, capsys):
    for name in ('ASCEND_HOME_PATH', 'ASCEND_TOOLKIT_HOME'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(diagnosis, 'TOOLKITS', ())
    monkeypatch.setattr(diagnosis, 'DRIVER', '/nowhere')
    monkeypatch.setattr(diagnosis, 'said_by', lambda *_: None)
    assert main('collect_env', ['--ascend']) == 1
    text = capsys.readouterr().out
    for line in (
        'to do   driver: none',
        'to do   chips: npu-smi does not answer',
        'to do   CANN: none',
    ):
        assert line in text


@pytest.mark.slow
def test_the_smoke_test_of_a_new_machine_works_on_a_cpu(tmp_path):
    report = tmp_path / 'report.txt'
    config = tiny.write_config(tmp_path, total_epochs=1)
    done = subprocess.run(
        ['bash', str(ROOT / 'tools/ascend_smoke.sh'), str(report), 'CPU', config],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
    )
    assert done.returncode == 0, done.stdout
    text = report.read_text()
    assert text.count('-- ok:') == 7 and 'FAILED' not in text
    assert '0 of the steps failed' in text
