"""Files appear when they are whole, and what a killed writer left is cleared by the next one."""

import concurrent.futures
import contextlib
import os
import signal
import subprocess
import sys

import pytest

from i3dbox.errors import ConfigError
from i3dbox.fileio import atomic_folder, atomic_path, atomic_write, held


def test_a_file_appears_when_its_block_succeeds(tmp_path):
    with atomic_path(str(tmp_path / 'new/a.txt')) as temporary:
        assert temporary.endswith('.txt') and not (tmp_path / 'new/a.txt').exists()
        with open(temporary, 'w') as file:
            file.write('whole')
    assert (tmp_path / 'new/a.txt').read_text() == 'whole'
    assert os.listdir(tmp_path / 'new') == ['a.txt']


def test_a_block_that_fails_leaves_what_was_there(tmp_path):
    atomic_write(str(tmp_path / 'a.txt'), 'before')
    with pytest.raises(KeyboardInterrupt), atomic_path(str(tmp_path / 'a.txt')) as temporary:
        with open(temporary, 'w') as file:
            file.write('half')
        raise KeyboardInterrupt
    assert (tmp_path / 'a.txt').read_text() == 'before' and os.listdir(tmp_path) == ['a.txt']


KILLED = """
import os, signal, sys
from i3dbox.fileio import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    with open(temporary, 'w') as file:
        file.write('half' * 1000)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_is_written_over(tmp_path):
    path = str(tmp_path / 'a.ckpt')
    assert subprocess.run([sys.executable, '-c', KILLED, path]).returncode == -signal.SIGKILL
    assert os.listdir(tmp_path) == ['.a.part.ckpt']
    atomic_write(path, 'whole')
    assert os.listdir(tmp_path) == ['a.ckpt'] and open(path).read() == 'whole'


def test_two_writers_of_one_file_do_not_mix(tmp_path):
    path = str(tmp_path / 'a.txt')
    with atomic_path(path) as one, atomic_path(path) as other:
        for temporary in (one, other):
            with open(temporary, 'w') as file:
                file.write(temporary)
    assert one != other and open(path).read() == one and os.listdir(tmp_path) == ['a.txt']


def test_a_link_at_the_temporary_name_is_not_followed(tmp_path):
    (tmp_path / 'mine').write_text('mine')
    (tmp_path / '.a.part.txt').symlink_to(tmp_path / 'mine')
    atomic_write(str(tmp_path / 'a.txt'), 'new')
    assert (tmp_path / 'mine').read_text() == 'mine' and (tmp_path / 'a.txt').read_text() == 'new'
    assert not (tmp_path / 'a.txt').is_symlink()


@pytest.mark.parametrize('name', ['v' * 250, '漢' * 83])
def test_the_longest_names_can_be_written(tmp_path, name):
    atomic_write(str(tmp_path / f'{name}.json'), '{}')
    with atomic_folder(str(tmp_path / f'{name}')):
        pass
    assert sorted(os.listdir(tmp_path)) == [name, f'{name}.json']


def test_what_is_written_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, 'fsync', lambda handle: synced.append(os.fstat(handle).st_ino))
    rename = os.replace
    inodes = []
    monkeypatch.setattr(
        os, 'replace', lambda *paths: (inodes.append(os.stat(paths[0]).st_ino), rename(*paths))
    )
    atomic_write(str(tmp_path / 'a.txt'), 'text')
    assert inodes == synced


def test_one_process_holds_a_folder_and_the_others_hear_who(tmp_path):
    with held(str(tmp_path / 'run/.lock'), 'in use by {}'):
        with pytest.raises(ConfigError, match=f'in use by process {os.getpid()} on .* since 2'):
            with held(str(tmp_path / 'run/.lock'), 'in use by {}'):
                pass
    assert not (tmp_path / 'run').exists()  # nothing was written
    with held(str(tmp_path / 'run/.lock'), 'in use by {}'):
        (tmp_path / 'run/log').write_text('')
    assert os.listdir(tmp_path / 'run') == ['log']


def test_a_folder_that_comes_and_goes_is_held_by_one_after_the_other(tmp_path):
    path, times = str(tmp_path / 'run/.lock'), []

    def hold(_):
        mine = 0
        while mine < 300:  # how often it is refused is the scheduler's
            with contextlib.suppress(ConfigError):
                with held(path, 'in use by {}'):
                    times.append(1)
                    mine += 1

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(hold, range(2)))  # raises what they raise
    assert len(times) == 600


def test_a_lock_that_leads_nowhere_is_an_error(tmp_path):
    (tmp_path / 'lock').symlink_to(tmp_path / 'nowhere/lock')
    with pytest.raises(OSError):
        with held(str(tmp_path / 'lock'), ''):
            pass
