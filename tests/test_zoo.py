"""The model zoo against a server on this machine: whatever the network does, the cache holds whole
files or none.
"""

import hashlib
import pathlib
import resource
import subprocess
import sys

import numpy as np
import pytest
from loopback import Server, blob

from i3dbox.commands import main
from i3dbox.commands.render_model_zoo import BEGIN, END, table
from i3dbox.downloads import transfer
from i3dbox.errors import CheckpointError, DownloadError
from i3dbox.models.i3d_table import parameter_shapes
from i3dbox.weights import zoo, zoo_index
from i3dbox.weights.checkpoint import load_checkpoint
from i3dbox.weights.checkpoint_file import write_checkpoint
from i3dbox.weights.conversion import to_pytorch
from i3dbox.weights.pytorch_files import write_pytorch
from i3dbox.weights.zoo_index import ENTRIES, Entry, File

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def server():
    server = Server().start()
    yield server
    server.shutdown()


@pytest.fixture(scope='module')
def content(tmp_path_factory):
    """A PyTorch checkpoint, and its parameters."""
    rng = np.random.default_rng(0)
    parameters = {
        name: rng.uniform(0.5, 1, shape).astype(np.float32)
        for name, shape in parameter_shapes(3, 3).items()
    }
    path = tmp_path_factory.mktemp('content') / 'a.pt'
    write_pytorch(str(path), to_pytorch(parameters))
    return path.read_bytes(), parameters


@pytest.fixture
def one(server, content, tmp_path, monkeypatch):
    """The zoo with one entry, 'small', that the server holds; returns the cache's folder."""
    weights, _ = content
    server.files = {'/o/r/a.pt': weights}
    files = (File('/o/r/a.pt', blob(weights), 'a.pt'),)
    entry = Entry('RGB', 3, 'noise', files, None, 'o/r', 'none')
    for module in (zoo, zoo_index):
        monkeypatch.setitem(module.ENTRIES, 'small', entry)
    monkeypatch.setattr(zoo, 'HOST', server.url)
    monkeypatch.setattr(transfer.time, 'sleep', lambda seconds: None)
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path / 'cache'))
    for name in (
        'http_proxy',
        'HTTP_PROXY',
        'all_proxy',
        'ALL_PROXY',
        'no_proxy',
        'NO_PROXY',
        'I3DBOX_MIRROR',
    ):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / 'cache'


def files_in(cache):
    """What is in the cache, but for locks."""
    return sorted(
        str(path.relative_to(cache))
        for path in cache.rglob('*')
        if path.is_file() and path.suffix != '.lock'
    )


def test_a_checkpoint_is_downloaded_checked_converted_and_kept(one, server, content):
    path = zoo.fetch('small')
    parameters, _, meta = load_checkpoint('zoo://small')
    assert path == str(one / 'small.ckpt') and files_in(one) == ['small.ckpt']
    assert (meta['modality'], meta['source']) == ('RGB', 'zoo://small')
    assert meta['origin'] == f'{server.url}/o/r' and meta['classes'] is None
    for name, array in content[1].items():
        np.testing.assert_array_equal(parameters[name], array)
    server.shutdown()
    assert zoo.fetch('small') == path and len(server.log) == 1  # no network is needed any more


def test_a_damaged_file_of_the_cache_is_told_as_one(one):
    one.mkdir(exist_ok=True)
    (one / 'small.ckpt').write_bytes(b'no checkpoint')
    with pytest.raises(
        CheckpointError, match='small.ckpt is damaged .*without it small is fetched'
    ):
        load_checkpoint('zoo://small')


def test_a_download_goes_on_where_it_broke_off(one, server, content):
    server.behave['/o/r/a.pt'] = 2  # dies twice, half-way
    zoo.fetch('small')
    size = len(content[0])
    assert [wanted for path, wanted in server.log if path == '/o/r/a.pt'] == [
        None,
        f'bytes={size // 2}-',
        f'bytes={size // 2 + (size - size // 2) // 2}-',
    ]


def test_what_an_earlier_process_left_is_gone_on_from(one, server, content):
    (one / 'downloads/small').mkdir(parents=True)
    (one / 'downloads/small/a.pt.part').write_bytes(content[0][:1000])
    zoo.fetch('small')
    assert server.log[0] == ('/o/r/a.pt', 'bytes=1000-')


@pytest.mark.parametrize('left', [b'something else', 'too long', 'complete'])
def test_a_wrong_beginning_is_thrown_away_and_fetched_anew(one, server, content, left):
    (one / 'downloads/small').mkdir(parents=True)
    part = {'too long': content[0] + b'more', 'complete': content[0]}.get(left, left)
    (one / 'downloads/small/a.pt.part').write_bytes(part)
    zoo.fetch('small')
    assert load_checkpoint('zoo://small')[0].keys() == content[1].keys()


def test_a_server_without_ranges_starts_again(one, server, content):
    server.behave['/o/r/a.pt'] = 'no ranges'
    (one / 'downloads/small').mkdir(parents=True)
    (one / 'downloads/small/a.pt.part').write_bytes(content[0][:1000])
    zoo.fetch('small')
    assert files_in(one) == ['small.ckpt']


def test_redirects_are_followed(one, server):
    server.behave['/o/r/a.pt'] = 'redirect'
    zoo.fetch('small')
    assert ('/elsewhere/o/r/a.pt', None) in server.log


def test_a_file_with_another_content_is_refused_and_not_kept(one, server, content):
    server.files['/o/r/a.pt'] = content[0][:-1] + b'?'
    with pytest.raises(
        DownloadError, match='a.pt.*the file is not the one that was expected .git:'
    ):
        zoo.fetch('small')
    assert files_in(one) == []


def test_a_server_that_always_dies_is_told_and_what_came_is_kept_apart(one, server):
    server.behave['/o/r/a.pt'] = 'dies'
    with pytest.raises(DownloadError, match=r'the connection ended after \d+ of \d+ bytes'):
        zoo.fetch('small')
    assert files_in(one) == ['downloads/small/a.pt.part']
    server.behave.clear()
    zoo.fetch('small')
    assert files_in(one) == ['small.ckpt']


def test_404_and_no_network_are_told_with_the_url(one, server, monkeypatch):
    server.files.clear()
    with pytest.raises(
        DownloadError, match=f'a.pt cannot be downloaded: {server.url}/o/r/a.pt: 404 Not Found'
    ):
        zoo.fetch('small')
    monkeypatch.setattr(zoo, 'HOST', 'http://127.0.0.1:9')
    with pytest.raises(
        DownloadError,
        match='127.0.0.1:9/o/r/a.pt: Connection refused.*I3DBOX_MIRROR names hosts that have it; '
        'the package index has i3d_rgb_kinetics400.* put small.ckpt .* at .*small.ckpt',
    ):
        zoo.fetch('small')
    assert not (one / 'small.ckpt').exists()


def test_who_has_the_makers_file_is_told_what_to_do_with_it(one, monkeypatch):
    monkeypatch.setattr(zoo, 'HOST', 'http://127.0.0.1:9')
    with pytest.raises(DownloadError, match='`i3dbox convert FILE .*small.ckpt`. Without'):
        zoo.fetch('small')
    entry = ENTRIES['small']._replace(config='mc3_18_kinetics400')
    monkeypatch.setitem(zoo.ENTRIES, 'small', entry)
    with pytest.raises(DownloadError) as refused:
        zoo.fetch('small')
    assert 'i3d_rgb_kinetics400' not in str(refused.value)  # not the network that was asked for


def test_a_file_that_lies_in_the_folder_of_downloads_is_checked_as_one_that_comes(
    one, server, content, monkeypatch
):
    path = one / 'downloads/small/a.pt'
    path.parent.mkdir(parents=True)
    path.write_bytes(content[0])
    zoo.fetch('small')
    assert server.log == []
    (one / 'small.ckpt').unlink()
    path.parent.mkdir()
    path.write_bytes(content[0][:-1] + b'?')
    monkeypatch.setattr(zoo, 'HOST', 'http://127.0.0.1:9')
    with pytest.raises(
        DownloadError, match='small/a.pt: the file is not the one that was expected .git:.*other'
    ):
        zoo.fetch('small')
    assert files_in(one) == ['downloads/small/a.pt.other']
    monkeypatch.setattr(zoo, 'HOST', server.url)
    zoo.fetch('small')
    assert files_in(one) == ['small.ckpt']


def test_mirrors_are_asked_first_and_the_source_last(one, server, monkeypatch):
    mirror = Server().start()
    monkeypatch.setenv('I3DBOX_MIRROR', f'http://127.0.0.1:9, {mirror.url}/')
    zoo.fetch('small')
    mirror.shutdown()
    assert [path for path, _ in mirror.log] == [path for path, _ in server.log] == ['/o/r/a.pt']


def test_a_proxy_is_honoured(one, server, monkeypatch):
    monkeypatch.setattr(zoo, 'HOST', 'http://nowhere.invalid')
    monkeypatch.setenv('http_proxy', server.url)
    server.files = {f'http://nowhere.invalid{path}': data for path, data in server.files.items()}
    zoo.fetch('small')
    assert server.log[0][0] == 'http://nowhere.invalid/o/r/a.pt'


def test_four_processes_at_once_download_once(one, server, content):
    weights, _ = content
    program = f"""
import sys
from i3dbox.weights import zoo
from i3dbox.weights.zoo_index import Entry, File
zoo.HOST = {server.url!r}
files = (File('/o/r/a.pt', {blob(weights)!r}, 'a.pt'),)
zoo.ENTRIES['small'] = Entry('RGB', 3, 'noise', files, None, 'o/r', 'none')
print(zoo.fetch('small'))
"""
    processes = [
        subprocess.Popen([sys.executable, '-c', program], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    answers = {process.communicate()[0].strip() for process in processes}
    assert answers == {str(one / 'small.ckpt')} and len(server.log) == 1
    load_checkpoint(str(one / 'small.ckpt'))


def test_a_full_disk_is_told_and_the_next_try_goes_on(one, server, content):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
    try:
        with pytest.raises(DownloadError, match='a.pt.part: cannot be written: File too large'):
            zoo.fetch('small')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files_in(one) == ['downloads/small/a.pt.part']
    zoo.fetch('small')
    assert server.log[1] == ('/o/r/a.pt', 'bytes=300000-')


def test_a_cache_that_cannot_be_used_is_told(one, monkeypatch, tmp_path):
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path / 'file'))
    with pytest.raises(
        DownloadError, match='cannot be used as the cache.*I3DBOX_CACHE names another folder'
    ):
        zoo.fetch('small')


def test_only_http_is_downloaded_from(one, monkeypatch):
    monkeypatch.setattr(zoo, 'HOST', 'file:///etc')
    with pytest.raises(DownloadError, match='only http and https'):
        zoo.fetch('small')


# the commands


def test_the_command_lists_and_downloads(one, tmp_path, capsys):
    assert main('download_checkpoint', ['--list']) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in ENTRIES)
    assert main('download_checkpoint', ['small', '--dir', str(tmp_path / 'here')]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / 'here/small.ckpt')
    load_checkpoint(str(tmp_path / 'here/small.ckpt'))
    assert main('download_checkpoint', ['smal']) == 1
    assert "the model zoo has no 'smal'. Did you mean 'small'" in capsys.readouterr().err
    assert main('download_checkpoint', []) == 1


def test_training_and_conversion_take_zoo_names(one, tmp_path):
    assert (
        main('convert_weights', ['zoo://small', str(tmp_path / 'a.pt'), '--to', 'pytorch_hassony2'])
        == 0
    )
    with pytest.raises(CheckpointError, match="the model zoo has no 'big'"):
        load_checkpoint('zoo://big')


def test_publishing_strips_the_training_state_and_names_the_hash(one, content, tmp_path, capsys):
    run = tmp_path / 'epoch_1.ckpt'
    write_checkpoint(
        str(run),
        {**content[1], 'head.dropout.step': np.array(5, np.int32)},
        dict(moment=np.ones(9, np.float32)),
        dict(modality='RGB', classes=['a', 'b', 'c'], step=7, seed=1),
    )
    (tmp_path / 'mine.ckpt').write_bytes(b'another')
    assert main('publish_checkpoint', [str(run), str(tmp_path / 'mine.ckpt')]) == 0
    assert (tmp_path / 'mine.ckpt').read_bytes() == b'another' and not list(tmp_path.glob('.mine*'))
    (path,) = tmp_path.glob('mine-*.ckpt')
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f'mine-{digest[:8]}.ckpt'
    parameters, state, meta = load_checkpoint(str(path))
    assert parameters.keys() == content[1].keys() and not state
    assert meta == dict(modality='RGB', classes=['a', 'b', 'c'])
    text = capsys.readouterr().out.split('filled in:')[1].strip().rstrip(',')
    # as it would stand in the index
    entry = eval('{' + text + '}', dict(Entry=Entry, File=File))['mine']
    assert entry.num_classes == 3 and entry.files[0].integrity == f'sha256:{digest}'


def test_a_published_checkpoint_is_served_as_it_is(one, server, content, tmp_path, monkeypatch):
    write_checkpoint(str(tmp_path / 'a.ckpt'), content[1], meta=dict(modality='RGB'))
    data = (tmp_path / 'a.ckpt').read_bytes()
    server.files['/o/r/a.ckpt'] = data
    file = File('/o/r/a.ckpt', 'sha256:' + hashlib.sha256(data).hexdigest(), 'a.ckpt')
    monkeypatch.setitem(zoo.ENTRIES, 'own', Entry('RGB', 3, 'noise', (file,), None, 'o/r', ''))
    assert pathlib.Path(zoo.fetch('own')).read_bytes() == data


# the index


def test_the_index_holds_each_public_checkpoint_once():
    of_i3d = [entry for entry in ENTRIES.values() if entry.config is None]
    integrities = [file.integrity for entry in of_i3d for file in entry.files]
    assert len(of_i3d) == 11 and len(set(integrities)) == len(integrities) == 16
    assert all(len(integrity) == len('git:') + 40 for integrity in integrities)
    others = {name: entry for name, entry in ENTRIES.items() if entry.config}
    assert all(name == entry.config for name, entry in others.items())
    (prefixes,) = {tuple(len(file.integrity) for file in e.files) for e in others.values()}
    assert prefixes == (len('sha256:') + 8,), 'as long as what the names of the files hold'


def test_the_indexs_blob_ids_are_those_of_the_files_that_are_here(shared_data):
    known = {file.integrity for entry in ENTRIES.values() for file in entry.files}
    here = [*(shared_data / 'tf_index').glob('*.index')]
    assert len(here) == 5 and {blob(path.read_bytes()) for path in here} <= known


def test_the_class_names_are_the_authors():
    ids = dict(  # of label_map.txt and label_map_600.txt in google-deepmind/kinetics-i3d
        kinetics400='git:cdaafcb1415eee46483561e78cb4747cce76a933',
        kinetics600='git:639e9c91fa8a941ea57942872fae55628d590b42',
    )
    for name, integrity in ids.items():
        path = ROOT / f'i3dbox/weights/class_names/{name}.txt'
        assert blob(path.read_bytes()) == integrity
        assert len(zoo.class_names(name)) == int(name[-3:])


def test_the_page_says_what_the_index_says():
    text = (ROOT / 'model_zoo.md').read_text(encoding='utf-8')
    assert text.split(BEGIN)[1].split(END)[0].strip() == table().strip()


def test_the_configs_name_checkpoints_of_the_zoo():
    named = {
        line.split('zoo://')[1].strip("'")
        for path in ROOT.glob('configs/**/*.py')
        for line in path.read_text(encoding='utf-8').splitlines()
        if 'zoo://' in line
    }
    assert named and named <= set(ENTRIES)
