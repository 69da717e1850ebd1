"""On OpenI data comes from object storage and outputs go there; a stand-in copies between
folders.
"""

import io
import json
import os
import pathlib
import shutil
import sys
import tarfile
import types
import zipfile

import pytest
import tiny
from test_configs import ROOT

from i3dbox.apis.test import test as run_test
from i3dbox.apis.train import train
from i3dbox.archives import unpack
from i3dbox.commands import main
from i3dbox.config import Config
from i3dbox.engine.hooks.openi_hook import OpenIHook
from i3dbox.errors import ConfigError, DataError
from i3dbox.evaluation.results import load_results


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

    module = types.SimpleNamespace(
        file=types.SimpleNamespace(copy_parallel=copy_parallel, copy=copy),
        copied=copied,
        storage=storage,
    )
    monkeypatch.setitem(sys.modules, 'moxing', module)
    monkeypatch.chdir(tmp_path)
    return module


def test_the_data_of_all_streams_comes_once_and_the_configs_point_at_it(moxing):
    (moxing.storage / 'bucket/ucf101/videos').mkdir(parents=True)
    for stream in ('rgb', 'flow'):
        (moxing.storage / f'bucket/{stream}.ckpt').write_text('weights')
    cfg = Config.fromfile(str(ROOT / 'configs/two_stream_ucf101.py'))
    hook = OpenIHook(
        data_url='obs://bucket/ucf101', ckpt_url='obs://bucket/rgb.ckpt', data_dir='cache/ucf101'
    )
    hook.prepare(cfg)
    hook.prepare(cfg)  # another rank of the same machine
    OpenIHook(ckpt_url='obs://bucket/rgb.ckpt,obs://bucket/flow.ckpt').prepare({})
    assert [source for source, _ in moxing.copied] == [
        'obs://bucket/ucf101',
        'obs://bucket/rgb.ckpt',
        'obs://bucket/flow.ckpt',
    ]
    assert sorted(os.listdir('checkpoints')) == [
        'flow.ckpt',
        'flow.ckpt.copied',
        'flow.ckpt.lock',
        'rgb.ckpt',
        'rgb.ckpt.copied',
        'rgb.ckpt.lock',
    ]
    roots = {
        cfg.data.train.data_root,
        cfg.data.val.data_root,
        cfg.data.test.rgb.data_root,
        cfg.data.test.flow.data_root,
    }
    assert roots == {'cache/ucf101'} and os.path.isdir('cache/ucf101/videos')
    assert cfg.load_from == 'checkpoints/rgb.ckpt' and open(cfg.load_from).read() == 'weights'


def test_another_address_is_copied_anew(moxing):
    for bucket, name in (('a', 'one'), ('b', 'two')):
        (moxing.storage / bucket / 'set').mkdir(parents=True)
        (moxing.storage / bucket / 'set' / name).touch()
        (moxing.storage / bucket / 'best.ckpt').write_text(name)
        OpenIHook(data_url=f'obs://{bucket}/set', ckpt_url=f'obs://{bucket}/best.ckpt').prepare(
            Config.fromfile(str(ROOT / 'configs/i3d_rgb_ucf101.py'))
        )
    assert os.listdir('data') == ['two'] and open('checkpoints/best.ckpt').read() == 'two'


def test_data_and_checkpoints_of_the_users_are_never_replaced(moxing, tmp_path):
    for path in (
        'data/video.avi',
        'checkpoints/best.ckpt',
        'storage/set/other.avi',
        'storage/best.ckpt',
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / path).write_text(path)
    with pytest.raises(
        DataError, match='data is there and was not copied by this hook.*name another data_dir'
    ):
        OpenIHook(data_url='obs://set').prepare({})
    with pytest.raises(
        DataError, match='checkpoints/best.ckpt is there and was not copied by this hook'
    ):
        OpenIHook(ckpt_url='obs://best.ckpt').prepare({})
    assert moxing.copied == [] and os.listdir('data') == ['video.avi']
    assert open('checkpoints/best.ckpt').read() == 'checkpoints/best.ckpt'


def test_an_empty_folder_is_filled_and_the_copy_stays_until_the_next_one_is_whole(moxing):
    (moxing.storage / 'set').mkdir(parents=True)
    (moxing.storage / 'set/video.avi').touch()
    os.mkdir('data')
    cfg = Config.fromfile(str(ROOT / 'configs/i3d_rgb_ucf101.py'))
    OpenIHook(data_url='obs://set', data_dir='data/').prepare(cfg)

    def interrupted(source, target):
        os.makedirs(os.path.join(target, 'half'))
        raise KeyboardInterrupt

    with pytest.raises(DataError):
        OpenIHook(data_url='obs://nowhere').prepare(cfg)
    moxing.file.copy_parallel = interrupted
    with pytest.raises(KeyboardInterrupt):
        OpenIHook(data_url='obs://other').prepare(cfg)
    assert os.listdir('data') == ['video.avi'] and open('data.copied').read() == 'obs://set'
    assert sorted(os.listdir()) == ['data', 'data.copied', 'data.lock', 'storage']


def test_a_mount_point_is_refused_before_anything_is_copied(moxing, monkeypatch):
    monkeypatch.setattr(os.path, 'ismount', lambda path: path == 'cache')
    with pytest.raises(
        DataError, match='cache is a mount point and cannot be replaced: name a folder in it'
    ):
        OpenIHook(data_url='obs://set', data_dir='cache').prepare({})
    assert moxing.copied == []


@pytest.mark.parametrize('copy', ['mycopy', 'os.nofunc'])
def test_a_copy_that_is_no_function_is_named(copy):
    with pytest.raises(ConfigError, match=f"copy='{copy}' is no function"):
        OpenIHook(train_url='obs://out', copy=copy).prepare({})


def test_data_sets_without_a_root_are_told(moxing):
    (moxing.storage / 'x').mkdir(parents=True)
    with pytest.raises(ConfigError, match="none of the config's has one"):
        OpenIHook(data_url='obs://x').prepare(
            Config(dict(data=dict(train=dict(type='VideoDataset'))))
        )


@pytest.mark.slow
def test_a_run_and_a_test_leave_their_outputs_in_storage(moxing, tmp_path):
    path = tiny.write_config(tmp_path, total_epochs=1)
    options = ['--work-dir', 'run', '--openI', '--train_url', 'obs://out/run']
    assert main('train', [path, *options]) == 0
    assert (moxing.storage / 'out/run/epoch_1.ckpt').exists() and (
        moxing.storage / 'out/run/log.json'
    ).exists()
    assert main('test', [path, 'run/epoch_1.ckpt', '--result_url', 'obs://out/scores']) == 0
    assert len(load_results(moxing.storage / 'out/scores/results.pkl').names) == 7


@pytest.mark.slow
def test_each_epoch_is_sent_once_and_the_last_one_with_what_hooks_write_at_the_end(
    moxing, tmp_path
):
    hooks = [
        dict(type='CheckpointHook'),
        dict(type='OpenIHook', train_url='obs://out'),
        dict(type='DumpHook'),
    ]
    cfg = Config.fromfile(tiny.write_config(tmp_path, total_epochs=2, hooks=hooks))
    cfg.work_dir = 'run'
    train(cfg)
    assert moxing.copied == [('run', 'obs://out')] * 2
    assert {'epoch_1.ckpt', 'epoch_2.ckpt', 'rank0.npz'} <= set(os.listdir(moxing.storage / 'out'))


@pytest.mark.slow
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
    with pytest.raises(
        ConfigError, match="moxing, which OpenI's images have, is not installed here"
    ):
        OpenIHook(train_url='obs://out').prepare({})


def test_what_cannot_be_copied_is_named(moxing):
    with pytest.raises(DataError, match='obs://nowhere cannot be copied to data: '):
        OpenIHook(data_url='obs://nowhere').prepare({})


def archive_of(path, files, links=()):
    """Writes an archive (zip or tar) of {name: text}, and of links (name, target)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.zip':
        with zipfile.ZipFile(path, 'w') as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return
    with tarfile.open(path, 'w:gz') as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
        for name, target in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)


def test_an_archive_is_unpacked_where_the_data_is_looked_for(moxing):
    archive_of(moxing.storage / 'bucket/ucf101.zip', {'videos/a.avi': 'frames'})
    cfg = Config.fromfile(str(ROOT / 'configs/i3d_rgb_ucf101.py'))
    OpenIHook(data_url='obs://bucket/ucf101.zip').prepare(cfg)
    assert (pathlib.Path('data/videos/a.avi')).read_text() == 'frames'
    assert cfg.data.train.data_root == 'data'
    assert sorted(os.listdir()) == ['data', 'data.copied', 'data.lock', 'storage']


def test_several_data_sets_have_a_folder_each(moxing):
    archive_of(moxing.storage / 'bucket/ucf101.tar.gz', {'list.txt': 'a'})
    archive_of(moxing.storage / 'bucket/hmdb51.zip', {'list.txt': 'b'})
    entries = [
        dict(dataset_url=f'obs://bucket/{name}', dataset_name=name)
        for name in ('ucf101.tar.gz', 'hmdb51.zip')
    ]
    cfg = Config.fromfile(str(ROOT / 'configs/i3d_rgb_ucf101.py'))
    OpenIHook(data_url='obs://bucket/first', multi_data_url=json.dumps(entries)).prepare(cfg)
    assert pathlib.Path('data/ucf101/list.txt').read_text() == 'a'
    assert pathlib.Path('data/hmdb51/list.txt').read_text() == 'b'
    assert cfg.data.train.data_root == 'data'
    OpenIHook(multi_data_url=json.dumps(entries[:1])).prepare(cfg)
    assert cfg.data.train.data_root == 'data/ucf101'  # what the recipe of one data set looks for


@pytest.mark.parametrize('name', ['../escape', '/tmp/escape', 'a/../../escape', 'C:/escape'])
@pytest.mark.parametrize('archive', ['a.zip', 'a.tar.gz'])
def test_an_archive_that_leads_out_of_its_folder_is_refused(tmp_path, archive, name):
    archive_of(tmp_path / archive, {'good': '1', name: '2'})
    with pytest.raises(DataError, match='in it is no file or folder inside of it'):
        unpack(str(tmp_path / archive), str(tmp_path / 'out'))
    assert not (tmp_path / 'out').exists()


def test_an_archive_with_links_or_damage_is_refused(tmp_path):
    archive_of(tmp_path / 'a.tgz', {'good': '1'}, links=[('link', '/etc/passwd')])
    with pytest.raises(DataError, match="'link' in it is no file or folder"):
        unpack(str(tmp_path / 'a.tgz'), str(tmp_path / 'out'))
    for name in ('b.zip', 'b.tar', 'b.tar.gz'):
        (tmp_path / name).write_bytes(b'no archive' * 99)
        with pytest.raises(DataError, match='is no archive, or a damaged one'):
            unpack(str(tmp_path / name), str(tmp_path / 'out'))


def test_an_archive_that_is_larger_than_the_disk_is_refused(tmp_path, monkeypatch):
    archive_of(tmp_path / 'a.zip', {'a': 'x' * 1000})
    usage = types.SimpleNamespace(free=999)
    monkeypatch.setattr('i3dbox.archives.shutil.disk_usage', lambda path: usage)
    with pytest.raises(DataError, match='takes 0.0 GB unpacked, and 0.0 GB are free'):
        unpack(str(tmp_path / 'a.zip'), str(tmp_path / 'out'))


@pytest.mark.parametrize(
    'value, message',
    [
        ('[{', 'Expecting'),
        ('{}', 'is a list'),
        ('[{"dataset_url": "obs://a"}]', "an object with 'dataset_name'"),
        ('[{"dataset_url": "obs://a", "dataset_name": "../a"}]', 'a name without a separator'),
        ('[{"dataset_url": "obs://a", "dataset_name": "...zip"}]', 'becomes a folder'),
        ('[{"dataset_url": "obs://a", "dataset_name": ".zip"}]', 'becomes a folder'),
        (
            '[{"dataset_url": "obs://a", "dataset_name": "a.zip"},'
            '{"dataset_url": "obs://b", "dataset_name": "a.tar"}]',
            'becomes a folder of its dataset_name',
        ),
        ('[{"dataset_url": "", "dataset_name": "a.zip"}]', 'becomes a folder'),
    ],
)
def test_data_sets_that_are_not_told_as_openi_does_are_refused(value, message):
    with pytest.raises(ConfigError, match=message):
        OpenIHook(multi_data_url=value)


@pytest.mark.parametrize('name', ['data_dir', 'ckpt_url', 'train_url'])
def test_an_address_that_is_no_text_is_told(name):
    with pytest.raises(ConfigError, match=f'{name} is a text; got 5'):
        OpenIHook(**{name: 5})
