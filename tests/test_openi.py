"""On OpenI data comes from object storage and outputs go there; a stand-in copies between folders."""

import os
import shutil
import sys
import types

import pytest

import tiny
from i3dbox.apis.test import test as run_test
from i3dbox.apis.train import train
from i3dbox.commands import main
from i3dbox.config import Config
from i3dbox.engine.hooks.openi_hook import OpenIHook
from i3dbox.errors import ConfigError, DataError
from i3dbox.evaluation.results import load_results
from test_configs import ROOT


@pytest.fixture
def moxing(monkeypatch, tmp_path):
    """A stand-in: obs://x is the folder `storage/x`. Its `copied` lists what was copied."""
    storage, copied = tmp_path / 'storage', []

    def local(path):
        return str(storage / path[6:]) if path.startswith('obs://') else path

    def copy_parallel(source, target):
        copied.append((source, target))
        shutil.copytree(local(source), local(target), dirs_exist_ok=True)

    def copy(source, target):
        copied.append((source, target))
        os.makedirs(os.path.dirname(os.path.abspath(local(target))), exist_ok=True)
        shutil.copy(local(source), local(target))

    module = types.SimpleNamespace(file=types.SimpleNamespace(copy_parallel=copy_parallel, copy=copy), copied=copied,
                                   storage=storage)
    monkeypatch.setitem(sys.modules, 'moxing', module)
    monkeypatch.chdir(tmp_path)
    return module


def test_the_data_of_all_streams_comes_once_and_the_configs_point_at_it(moxing):
    (moxing.storage / 'bucket/ucf101/videos').mkdir(parents=True)
    for stream in ('rgb', 'flow'):
        (moxing.storage / f'bucket/{stream}.ckpt').write_text('weights')
    cfg = Config.fromfile(str(ROOT / 'configs/two_stream_ucf101.py'))
    hook = OpenIHook(data_url='obs://bucket/ucf101', ckpt_url='obs://bucket/rgb.ckpt', data_dir='cache/ucf101')
    hook.prepare(cfg)
    hook.prepare(cfg)  # another rank of the same machine
    OpenIHook(ckpt_url='obs://bucket/rgb.ckpt,obs://bucket/flow.ckpt').prepare({})
    assert moxing.copied.pop() == ('obs://bucket/flow.ckpt', 'checkpoints/flow.ckpt')
    assert moxing.copied == [('obs://bucket/ucf101', 'cache/ucf101'), ('obs://bucket/rgb.ckpt', 'checkpoints/rgb.ckpt')]
    roots = {cfg.data.train.data_root, cfg.data.val.data_root, cfg.data.test.rgb.data_root, cfg.data.test.flow.data_root}
    assert roots == {'cache/ucf101'} and os.path.isdir('cache/ucf101/videos')
    assert cfg.load_from == 'checkpoints/rgb.ckpt' and open(cfg.load_from).read() == 'weights'


def test_another_address_is_copied_anew(moxing):
    for bucket, name in (('a', 'one'), ('b', 'two')):
        (moxing.storage / bucket / 'set').mkdir(parents=True)
        (moxing.storage / bucket / 'set' / name).touch()
        (moxing.storage / bucket / 'best.ckpt').write_text(name)
        OpenIHook(data_url=f'obs://{bucket}/set', ckpt_url=f'obs://{bucket}/best.ckpt').prepare(
            Config.fromfile(str(ROOT / 'configs/i3d_rgb_ucf101.py')))
    assert os.listdir('data') == ['two'] and open('checkpoints/best.ckpt').read() == 'two'


@pytest.mark.parametrize('copy', ['mycopy', 'os.nofunc'])
def test_a_copy_that_is_no_function_is_named(copy):
    with pytest.raises(ConfigError, match=f"copy='{copy}' is no function"):
        OpenIHook(train_url='obs://out', copy=copy).prepare({})


def test_data_sets_without_a_root_are_told(moxing):
    (moxing.storage / 'x').mkdir(parents=True)
    with pytest.raises(ConfigError, match="none of the config's has one"):
        OpenIHook(data_url='obs://x').prepare(Config(dict(data=dict(train=dict(type='VideoDataset')))))


def test_a_run_and_a_test_leave_their_outputs_in_storage(moxing, tmp_path):
    path = tiny.write_config(tmp_path, total_epochs=1)
    options = ['--work-dir', 'run', '--openI', '--train_url', 'obs://out/run']
    assert main('train', [path, *options]) == 0
    assert (moxing.storage / 'out/run/epoch_1.ckpt').exists() and (moxing.storage / 'out/run/log.json').exists()
    assert main('test', [path, 'run/epoch_1.ckpt', '--result_url', 'obs://out/scores']) == 0
    assert len(load_results(moxing.storage / 'out/scores/results.pkl').names) == 7


def test_a_checkpoint_in_storage_can_be_tested(moxing, tmp_path):
    cfg = Config.fromfile(tiny.write_config(tmp_path, total_epochs=1))
    cfg.work_dir = 'run'
    train(cfg)
    (moxing.storage / 'in').mkdir(parents=True)
    shutil.move('run/epoch_1.ckpt', moxing.storage / 'in/best.ckpt')
    cfg.hooks = [dict(type='OpenIHook', ckpt_url='obs://in/best.ckpt')]
    assert len(run_test(cfg, 'checkpoints/best.ckpt').names) == 7


def test_elsewhere_the_hook_does_nothing_until_it_gets_an_address():
    cfg = Config.fromfile(str(ROOT / 'configs/i3d_rgb_ucf101_openi.py'))
    before = cfg.pretty_text
    OpenIHook().prepare(cfg)
    assert cfg.pretty_text == before and cfg.hooks[-1].type == 'OpenIHook' and len(cfg.hooks) == 3


def test_without_moxing_the_error_says_what_to_do():
    with pytest.raises(ConfigError, match="moxing, which OpenI's images have, is not installed here"):
        OpenIHook(train_url='obs://out').prepare({})


def test_what_cannot_be_copied_is_named(moxing):
    with pytest.raises(DataError, match='obs://nowhere cannot be copied to data: '):
        OpenIHook(data_url='obs://nowhere').prepare({})
