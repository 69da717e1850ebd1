"""Videos a second on a Ray cluster of two machines of one core each, against one of them.

    python tools/benchmarks/ray_nodes.py [VIDEO ...] [--videos 200] [--repeats 3] [--json FILE]

The machines are processes of this one, by `ray start`, each pinned to a core by taskset; the head
of the cluster and the command claim no core. Without VIDEO short ones are made up. Their flow (DIS)
is computed by one process of this machine, which says what is right; then by one machine of a
cluster and by two in turns, the start of their processes counted; and last by two of which one is
killed half-way (SIGKILL for its raylet and its workers). Each run's files are compared with the
first's, byte for byte.
"""

import argparse
import contextlib
import os
import pathlib
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

# of this benchmark's clusters alone; Ray looks when it is imported
os.environ.update(RAY_AUTH_MODE='token', RAY_AUTH_TOKEN=secrets.token_hex(32))

import psutil  # noqa: E402
import ray  # noqa: E402
from extraction import make_video  # noqa: E402
from figures import write_figures  # noqa: E402

from i3dbox.preparation.extraction import extract  # noqa: E402
from i3dbox.preparation.ray_pool import RayPool  # noqa: E402
from i3dbox.preparation.sources import find_videos  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAD = '127.0.0.1:26379'
SETTINGS = dict(method='dis', bound=20, short_side=160, fps=None, quality=95)


def start(*words, core=None):
    """Starts a machine; returns its process when it is one of the cluster."""
    pinned = ['taskset', '-c', str(core)] if core is not None else []
    command = [sys.executable, '-m', 'ray.scripts.scripts', 'start', '--block', *words]
    process = subprocess.Popen(
        [*pinned, *command, '--disable-usage-stats'],
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if 'Ray runtime started' in line:
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return process
    sys.exit('ray start has failed')


def kill(process):
    """Kills a process and all that it has started, at once."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(process.pid)
        for one in [*process.children(recursive=True), process]:
            with contextlib.suppress(psutil.Error):
                one.kill()


@contextlib.contextmanager
def cluster(machines):
    """Yields the processes of that many machines, and ends them, and the head, at the end."""
    started = [start('--head', f'--port={HEAD.split(":")[1]}', '--num-cpus=0')]
    try:
        for core in range(machines):
            started.append(start(f'--address={HEAD}', '--num-cpus=1', core=core))
        yield started[1:]
    finally:
        ray.shutdown()
        for process in reversed(started):
            kill(process)


def compute(sources, out, machines, half_way=None):
    """Computes flow on a cluster; returns the seconds. half_way: is called with a machine then."""
    with cluster(machines) as processes:
        pool = RayPool(HEAD)
        if half_way:
            threading.Thread(target=half_way, args=(processes[0], out, len(sources))).start()
        begin = time.perf_counter()
        done = extract('Flow', sources, str(out), pool, **SETTINGS)
        seconds = time.perf_counter() - begin
    if done.failures or done.made != len(sources):
        sys.exit(f'{done.made} of {len(sources)} were made; {done.failures[:3]}')
    return seconds


def kill_half_way(process, out, count):
    """Kills a machine when half of the outputs are there."""
    while not out.is_dir() or sum(not name.startswith('.') for name in os.listdir(out)) < count / 2:
        time.sleep(0.05)
    kill(process)


def contents(folder):
    """All files below a folder, hidden ones too, with their content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('given', nargs='*', metavar='VIDEO')
    parser.add_argument('--videos', type=int, default=200, help='default: %(default)s')
    parser.add_argument('--repeats', type=int, default=3, help='default: %(default)s')
    parser.add_argument('--json', metavar='FILE', help='also write the figures there')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        (root / 'videos').mkdir()
        for number in range(args.videos):
            path = root / 'videos' / f'{number:03}.avi'
            if args.given:
                os.symlink(os.path.abspath(args.given[number % len(args.given)]), path)
            else:
                make_video(str(path), 16 + number % 16, seed=number)
        sources = find_videos(str(root / 'videos'))
        extract('Flow', sources, str(root / 'right'), 1, **SETTINGS)
        right = contents(root / 'right')
        seconds = {}
        works = {'one machine': (1,), 'two machines': (2,)}
        rounds = [works] * args.repeats + [{'two, one killed': (2, kill_half_way)}]
        for name, how in ((name, how) for works in rounds for name, how in works.items()):
            out = root / 'out'
            seconds.setdefault(name, []).append(compute(sources, out, *how))
            print(f'{name:16} {seconds[name][-1]:7.1f} s', flush=True)
            if contents(out) != right:
                sys.exit(f'the files of {name} are others')
            shutil.rmtree(out)
    pairs = zip(seconds['one machine'], seconds['two machines'])
    ratio = statistics.median(one / two for one, two in pairs)
    print(f'all files equal; two machines are {ratio:.2f} times as fast as one')
    if args.json:
        medians = {f'{name}: s': statistics.median(values) for name, values in seconds.items()}
        write_figures(args.json, {**medians, 'two machines: times as fast': ratio})


if __name__ == '__main__':
    main()
