"""Many videos on a Ray cluster: two machines of one CPU each, in one."""

import concurrent.futures
import functools
import os
import pathlib
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time

import pytest
from test_preparation import tree
from videos import moving_frames, write_video

from i3dbox.commands import main
from i3dbox.errors import ConfigError, DataError
from i3dbox.preparation import extraction, jobs
from i3dbox.preparation.extraction import extract
from i3dbox.preparation.jobs import run_jobs
from i3dbox.preparation.pools import LocalPool
from i3dbox.preparation.ray_tasks import work
from i3dbox.preparation.sources import Source, find_videos
from i3dbox.workers import count_frame

TOKEN = secrets.token_hex(32)  # a process knows one
SETTINGS = dict(short_side=0, fps=None, quality=95)


@pytest.fixture(scope='module')
def ray():
    return pytest.importorskip('ray')


@pytest.fixture
def cluster(ray, monkeypatch):
    """A head without CPUs, where the command runs, and two nodes of one CPU."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv('RAY_AUTH_TOKEN', TOKEN)
    monkeypatch.setenv('RAY_USAGE_STATS_ENABLED', '0')
    here = pathlib.Path(__file__).parent
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(map(str, (here.parent, here))))
    monkeypatch.setattr('i3dbox.preparation.ray_pool._STUCK', 1000)
    cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=0))
    cluster.machines = [cluster.add_node(num_cpus=1) for _ in range(2)]
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def pool(cluster):
    from i3dbox.preparation.ray_pool import RayPool

    return RayPool(cluster.address)


@pytest.fixture
def videos(tmp_path):
    (tmp_path / 'videos/kick').mkdir(parents=True)
    for number in range(12):
        frames = moving_frames(5 + number, seed=number)
        write_video(tmp_path / f'videos/kick/{number}.avi', frames)
    return find_videos(str(tmp_path / 'videos'))


# what stands behind run_jobs


class Stand_in:
    """A pool that gives the answers that it was made with."""

    frames = 7

    def __init__(self, *answers):
        self.answers = answers
        self.closed = False

    def run(self, function, sources, out=None):
        try:
            yield None, None, None
            yield from self.answers
        finally:
            self.closed = True


def test_whatever_pool_works_its_answers_become_one_summary():
    sources = [Source(name, f'{name}.avi') for name in 'ab']
    pool = Stand_in((sources[0], (3, 'made'), None), (sources[1], None, 'it is empty'))
    done = run_jobs(print, sources, pool, 'working')
    assert (done.frames, done.results) == (3, {'a': 'made'})
    assert done.failures == [jobs.Failure('b', 'b.avi', 'it is empty')]


def test_a_pool_is_closed_by_an_interrupt_that_comes_between_two_answers(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr('i3dbox.preparation.jobs.tqdm.set_postfix_str', interrupted)
    pool = Stand_in()
    with pytest.raises(KeyboardInterrupt):
        run_jobs(print, [Source('a', 'a.avi')], pool, 'working')
    assert pool.closed


def test_a_local_pool_answers_a_question():
    assert LocalPool(1).ask(os.path.basename, 'a/b') == 'b'


# what is refused


def test_without_ray_the_error_says_what_to_install(tmp_path, videos, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    out = tmp_path / 'out'
    assert main('extract_frames', [str(tmp_path / 'videos'), str(out), '--ray', 'auto']) == 1
    assert 'pip install "i3dbox[ray]"' in capsys.readouterr().err
    assert not out.exists()


def test_a_ray_client_is_refused():
    from i3dbox.preparation.ray_pool import RayPool

    with pytest.raises(ConfigError, match='Ray Client.*--ray auto'):
        RayPool('ray://head:10001')


@pytest.mark.parametrize(
    'address, message',
    [
        ('', "'auto', 'local' or HOST:PORT.*got ''"),
        ('nonsense', "HOST:PORT.*got 'nonsense'"),
        ('127.0.0.1:99999', "HOST:PORT.*got '127.0.0.1:99999'"),
        ('http://head', "HOST:PORT.*got 'http://head'"),
        ('127.0.0.1:9', 'nothing answers there .Connection refused'),
    ],
)
def test_an_address_where_nothing_can_answer_is_refused_before_ray_waits_for_it(
    address, message, videos, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, 'ray', None)
    words = [str(tmp_path / 'videos'), str(tmp_path / 'out'), '--ray', address]
    assert main('extract_frames', words) == 1
    assert re.search(message, capsys.readouterr().err)


def test_a_task_can_be_cancelled_although_the_cluster_was_started_with_sigint_ignored():
    class Silent:
        def __getattr__(self, name):
            return self

        def __call__(self, *_):
            return self

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        work(cancelled, Source('a', 'a.avi'), 1, 0, 0, Silent(), os.getcwd())
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGINT, before)
    raise AssertionError('it was not cancelled')


def cancelled(source, threads):
    signal.raise_signal(signal.SIGINT)


def test_demo_of_one_video_is_no_work_for_many_machines(videos, capsys):
    assert main('demo', [videos[0].path, '--model', 'i3d_rgb_kinetics400', '--ray', 'auto']) == 1
    assert '--ray is for a folder' in capsys.readouterr().err


@pytest.mark.slow
def test_an_address_where_no_cluster_is_is_told(ray, monkeypatch, tmp_path):
    from i3dbox.preparation.ray_pool import RayPool

    monkeypatch.delenv('RAY_ADDRESS', raising=False)
    monkeypatch.setenv('RAY_TMPDIR', str(tmp_path))  # where the last cluster's address is kept
    with pytest.raises(ConfigError, match='one of the cluster'):
        RayPool('auto')


# on a cluster


@pytest.mark.slow
def test_a_cluster_writes_what_one_machine_does_and_nothing_twice(pool, videos, tmp_path):
    extract('RGB', videos, str(tmp_path / 'local'), 1, **SETTINGS)
    out = str(tmp_path / 'out')
    first = extract('RGB', videos[:4], out, pool, **SETTINGS)
    second = extract('RGB', videos, out, pool, **SETTINGS)
    third = extract('RGB', videos, out, pool, **SETTINGS)
    assert [done[:2] for done in (first, second, third)] == [(4, 0), (8, 4), (0, 12)]
    assert tree(tmp_path / 'out') == tree(tmp_path / 'local')


def fail_or_die(folder, source, threads):
    """Counts its calls in a file; 'a' fails, 'b' kills its process, 'c' only the first time."""
    with open(os.path.join(folder, source.name), 'a', encoding='ascii') as file:
        file.write('.')
    calls = os.path.getsize(os.path.join(folder, source.name))
    if source.name == 'a':
        raise DataError('it is empty\nand more')
    if source.name == 'b' or source.name == 'c' and calls == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    count_frame()
    return 1, threads


@pytest.mark.slow
def test_a_source_that_fails_or_kills_its_process_is_one_failure(pool, tmp_path):
    sources = [Source(name, f'{name}.avi') for name in 'abcdef']
    done = run_jobs(functools.partial(fail_or_die, str(tmp_path)), sources, pool, 'working')
    assert done.results == dict.fromkeys('cdef', 1)
    reasons = {failure.name: failure.reason.split(',')[0] for failure in done.failures}
    assert reasons == {'a': 'it is empty', 'b': 'its process died'}
    calls = {name: (tmp_path / name).stat().st_size for name in 'abcdef'}
    assert calls == dict(a=1, b=2, c=2, d=1, e=1, f=1)


def slowly(out, source, threads):
    time.sleep(0.4)
    return extraction._extract('RGB', out, SETTINGS, source, threads)


@pytest.mark.slow
def test_what_a_lost_machine_had_is_done_by_others_and_by_one_that_comes(
    cluster, pool, videos, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr('i3dbox.preparation.ray_pool._GRACE', 1)
    out = str(tmp_path / 'out')
    os.mkdir(out)

    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        work = functools.partial(slowly, out)
        running = thread.submit(run_jobs, work, videos, pool, 'working', out=out)
        while not os.path.isdir(os.path.join(out, 'kick')) and not running.done():
            time.sleep(0.1)  # until work has begun
        for machine in cluster.machines:
            time.sleep(1)
            cluster.remove_node(machine, allow_graceful=False)
        until = time.monotonic() + 60
        while 'no machine' not in caplog.text and time.monotonic() < until:
            time.sleep(0.1)
        cluster.add_node(num_cpus=1)
        done = running.result(60)
    assert len(done.results) == 12 and not done.failures
    assert 'is lost' in caplog.text and 'waiting for one' in caplog.text
    extract('RGB', videos, str(tmp_path / 'local'), 1, **SETTINGS)
    made = {name: data for name, data in tree(tmp_path / 'local').items() if '/' in name}
    assert tree(tmp_path / 'out') == made


@pytest.mark.slow
def test_a_machine_of_another_version_or_without_the_folder_is_told(pool, videos, monkeypatch):
    from i3dbox.preparation import ray_pool

    with monkeypatch.context() as patch:
        patch.setattr(ray_pool, '__version__', '9.9')
        with pytest.raises(DataError, match=r'has i3dbox .*, and this machine 9\.9'):
            run_jobs(print, videos, pool, 'working')
    look = ray_pool.look_for

    def of_another_place(version, paths):
        return look(version, [*paths, '/not/there'])

    monkeypatch.setattr(ray_pool, 'look_for', of_another_place)
    with pytest.raises(DataError, match='does not see /not/there'):
        run_jobs(print, videos, pool, 'working')


@pytest.mark.slow
def test_a_task_that_has_not_begun_goes_to_a_machine_that_is_free(ray, pool, monkeypatch):
    monkeypatch.setattr('i3dbox.preparation.ray_pool._STUCK', 2)

    @ray.remote(num_cpus=1)
    def somebody_elses():
        time.sleep(40)

    busy = somebody_elses.remote()
    time.sleep(3)
    begun = time.monotonic()
    sources = [Source(name, f'{name}.avi') for name in 'abcd']
    done = run_jobs(tell_threads, sources, pool, 'working')
    assert len(done.results) == 4 and time.monotonic() - begun < 25
    ray.cancel(busy, force=True)


def tell_threads(source, threads):
    return 1, threads


@pytest.mark.slow
def test_questions_are_answered_in_a_process_of_the_cluster(pool):
    assert pool.ask(os.getpid) != os.getpid()
    with pytest.raises(ConfigError, match='no such thing'):
        pool.ask(refuse)


@pytest.mark.slow
def test_mindspore_works_in_a_process_of_the_cluster(pool):
    assert pool.ask(sum_in_mindspore) == 3


def sum_in_mindspore():
    import mindspore

    return int(mindspore.Tensor([1, 2]).sum())


@pytest.mark.slow
def test_more_cpus_than_a_machine_has_are_refused(cluster, videos, tmp_path, capsys):
    words = [str(tmp_path / 'videos'), str(tmp_path / 'out'), '--ray', cluster.address]
    assert main('extract_frames', [*words, '--workers', '2']) == 1
    assert '--workers 2: ' in capsys.readouterr().err


def refuse():
    raise ConfigError('no such thing')


@functools.lru_cache
def load_once(folder):
    """Takes as long as a network to load, and leaves a file for each time."""
    tempfile.mkstemp(prefix='loaded', dir=folder)
    time.sleep(0.5)


def use_network(folder, source, threads):
    load_once(folder)
    time.sleep(0.05)
    return 1, threads


@pytest.mark.slow
def test_a_network_is_loaded_once_on_a_machine_whatever_the_number_of_its_cpus(
    ray, cluster, tmp_path
):
    from i3dbox.preparation.ray_pool import RayPool

    for machine in cluster.machines:
        cluster.remove_node(machine)
    cluster.add_node(num_cpus=4)
    pool = RayPool(cluster.address, network=True)
    pool.ask(load_once, str(tmp_path))
    sources = [Source(str(number), f'{number}.avi') for number in range(20)]
    done = run_jobs(functools.partial(use_network, str(tmp_path)), sources, pool, 'working')
    assert set(done.results.values()) == {4}
    assert len(os.listdir(tmp_path)) == 1


def test_a_machine_takes_as_many_tasks_as_it_has_cpus_or_npus():
    from i3dbox.preparation.ray_pool import RayPool

    def described(all_cpus, npus=0, of_all=8, sources=100, **options):
        pool = object.__new__(RayPool)
        pool._cpus = options.get('cpus')
        pool._network, pool._npu = options.get('network'), options.get('npu')
        has = dict(CPU=all_cpus, NPU=npus)
        node = dict(Resources=has, NodeID='', NodeManagerHostname='', NodeManagerAddress='')
        machine = pool._described(node, of_all, sources)
        return machine.slots, machine.threads, machine.claim['resources']

    assert described(4) == (4, 1, {})
    assert described(4, cpus=3) == (1, 3, {})
    assert described(4, of_all=8, sources=2) == (1, 4, {})
    assert described(4, network=True) == (1, 4, {})
    assert described(64, 8, network=True, npu=True) == (8, 8, {'NPU': 1})
    assert described(64, 0, network=True, npu=True)[0] == 0
    assert described(0)[0] == 0


@pytest.mark.slow
def test_ctrl_c_ends_all_tasks_with_130_and_leaves_nothing_half_done(cluster, videos, tmp_path):
    tools = pathlib.Path(__file__).parents[1] / 'tools/data'
    words = [tmp_path / 'videos', tmp_path / 'out', '--ray', cluster.address]
    slow = ['--short-side', '240', '--method', 'tvl1_opencv']
    process = subprocess.Popen(
        [sys.executable, tools / 'extract_flow.py', *words, *slow],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list((tmp_path / 'out').glob('*/.*.part')):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    error = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert re.search('interrupted; the same command goes on', error), error
    assert 'Traceback' not in error and not list((tmp_path / 'out').rglob('.*'))
