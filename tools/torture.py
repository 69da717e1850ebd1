"""Kill each long command at random moments, call it again, and compare with an undisturbed run.

    python tools/torture.py                            # all commands, 20 kills each: half an hour
    python tools/torture.py --command train pack --kills 5
    python tools/torture.py --signal INT               # Ctrl-C: one line, status 130 as well

What the second call leaves must be what an undisturbed one leaves, to the last bit where nothing
tells the time, and nothing beside it. Folders of what is not are kept in --keep, and the exit
status is 1. Needs what the tests need: pip install -e '.[test]'.
"""

import argparse
import collections
import hashlib
import http.server
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]

import numpy as np  # noqa: E402
import tiny  # noqa: E402
from terminaltables import AsciiTable  # noqa: E402
from videos import moving_frames, write_video  # noqa: E402

from i3dbox.evaluation.results import load_results  # noqa: E402
from i3dbox.media.packed_frames import PackedFrames, PackIndex  # noqa: E402
from i3dbox.models.i3d_table import parameter_shapes  # noqa: E402
from i3dbox.weights.checkpoint_file import read_checkpoint, write_checkpoint  # noqa: E402
from i3dbox.weights.conversion import to_pytorch  # noqa: E402
from i3dbox.weights.pytorch_files import write_pytorch  # noqa: E402

OURS = (sys.executable, '-m', 'i3dbox')
BAD = ('different', 'litter', 'words')
NO_NET = dict(http_proxy='', https_proxy='', all_proxy='', no_proxy='*')


class Command(NamedTuple):
    """A command that is killed.

    Attributes:
        make: writes what it needs into a folder.
        words: from (that folder, the one for outputs) to its words.
        again: what is added to them when it is called again.
    """

    make: Callable[[pathlib.Path], None]
    words: Callable[[pathlib.Path, pathlib.Path], tuple]
    again: tuple = ()


def make_videos(folder):
    for i in range(10):
        path = folder / 'videos' / f'{"ab"[i % 2]}'
        path.mkdir(parents=True, exist_ok=True)
        write_video(path / f'{i}.avi', moving_frames(60, 96, 64, i))


def make_tiny(folder):
    tiny.write_config(folder, total_epochs=12, hooks=tiny_hooks())


def tiny_hooks():
    return [
        dict(type='LoggerHook', interval=1),
        dict(type='CheckpointHook', max_keep_ckpts=2, save_best='top1_acc'),
        dict(type='EvalHook', interval=1),
    ]


def make_trained(folder):
    make_tiny(folder)
    config = folder / 'tiny_config.py'
    words = ('train', config, '--work-dir', folder / 'run', '--cfg-options', 'total_epochs=3')
    subprocess.run([*OURS, *words], check=True, capture_output=True)


def make_weights(folder):
    make_videos(folder)
    rng = np.random.default_rng(0)
    shapes = parameter_shapes(3, 3)
    weights = {
        name: rng.uniform(0.01, 0.02, shape).astype(np.float32) for name, shape in shapes.items()
    }
    write_checkpoint(str(folder / 'a.ckpt'), weights, meta=dict(modality='RGB'))


def make_zoo(folder):
    """Writes a checkpoint to download, and a program in which the zoo has it."""
    rng = np.random.default_rng(0)
    shapes = parameter_shapes(3, 3)
    weights = {
        name: rng.uniform(0.5, 1, shape).astype(np.float32) for name, shape in shapes.items()
    }
    (folder / 'served').mkdir()
    write_pytorch(str(folder / 'served/a.pt'), to_pytorch(weights))
    data = (folder / 'served/a.pt').read_bytes()
    blob = hashlib.sha1(b'blob %d\0' % len(data) + data).hexdigest()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Slow)
    server.folder = folder / 'served'
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / 'download.py').write_text(
        'import sys\n'
        'from i3dbox.commands import main\n'
        'from i3dbox.weights import zoo, zoo_index\n'
        f"file = zoo_index.File('/a.pt', 'git:{blob}', 'a.pt')\n"
        "entry = zoo_index.Entry('RGB', 3, 'noise', (file,), None, 'here', 'none')\n"
        "zoo.ENTRIES['small'] = zoo_index.ENTRIES['small'] = entry\n"
        f"zoo.HOST = 'http://127.0.0.1:{server.server_port}'\n"
        "sys.exit(main('download_checkpoint', sys.argv[1:]))\n"
    )


class Slow(http.server.BaseHTTPRequestHandler):
    """Serves a file in about two seconds, from where it is asked for."""

    def do_GET(self):
        data = (self.server.folder / self.path[1:]).read_bytes()
        start = int((self.headers.get('Range') or 'bytes=0-').split('=')[1].rstrip('-'))
        self.send_response(206 if start else 200)
        self.send_header('Content-Length', str(len(data) - start))
        self.end_headers()
        try:
            for place in range(start, len(data), 1 << 20):
                self.wfile.write(data[place : place + (1 << 20)])
                time.sleep(2 / (len(data) >> 20))
        except OSError:  # who asked was killed
            pass

    def log_message(self, *_):
        pass


SMALL = (
    'model.backbone.endpoints=Mixed_3b',
    *(
        f'data.{part}.pipeline.{option}'
        for part in ('train', 'val', 'test')
        for option in ('1.clip_len=8', '3.short_side=36', '4.method=farneback', '5.size=32')
    ),
)
COMMANDS = {
    'train': Command(
        make_tiny,
        lambda given, out: ('train', given / 'tiny_config.py', '--work-dir', out),
        ('--resume',),
    ),
    'frames': Command(
        make_videos, lambda given, out: ('frames', given / 'videos', out, '--workers', 2)
    ),
    'flow': Command(
        make_videos,
        lambda given, out: ('flow', given / 'videos', out, '--workers', 2, '--short-side', 64),
    ),
    'pack': Command(
        make_videos,
        lambda given, out: ('pack', given / 'videos', out, '--videos-per-shard', 2, '--workers', 2),
    ),
    'features': Command(
        make_weights,
        lambda given, out: (
            *('features', given / 'videos', out, '--config', 'i3d_rgb_ucf101.py'),
            *('--checkpoint', given / 'a.ckpt', '--endpoint', 'Mixed_3b', '--window', 16),
            *('--short-side', 64, '--size', 64, '--cfg-options', 'model.head.num_classes=3'),
        ),
    ),
    'finetune': Command(
        make_videos,
        lambda given, out: (
            *('finetune', given / 'videos', '--model', 'none', '--work-dir', out),
            *('--epochs', 1, '--cfg-options', *SMALL),
        ),
    ),
    'export': Command(
        make_trained,
        lambda given, out: (
            *('export', given / 'tiny_config.py', given / 'run/epoch_3.ckpt', '--format', 'ONNX'),
            *('--clip-len', 4, '--size', 8, '--out', out / 'a.onnx'),
        ),
    ),
    'test': Command(
        make_trained,
        lambda given, out: (
            *('test', given / 'tiny_config.py', given / 'run/epoch_3.ckpt'),
            *('--out', out / 'scores.json'),
        ),
    ),
    'sweep': Command(
        make_trained,
        lambda given, out: ('sweep', given / 'tiny_config.py', copied(given / 'run', out)),
    ),
    'download': Command(make_zoo, lambda given, out: ('small', '--dir', out)),
}


def copied(source, out):
    """Returns `out`, in which the files of a run are unless something is there."""
    if not any(out.iterdir()):
        shutil.copytree(source, out, dirs_exist_ok=True)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--command', nargs='+', choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument('--kills', type=int, default=20, help='of each command')
    parser.add_argument('--signal', choices=('KILL', 'INT', 'TERM'), default='KILL')
    parser.add_argument('--seed', type=int, default=0, help='of the moments')
    parser.add_argument('--keep', default='torture', metavar='FOLDER', help='for what differs')
    args = parser.parse_args()
    rows = [
        ['command', 'seconds', 'kills', 'came too late', 'equal', 'different', 'litter', 'words']
    ]
    bad = 0
    for name in args.command:
        with tempfile.TemporaryDirectory(prefix='torture') as folder:
            victim = Victim(name, pathlib.Path(folder), args)
            counts = victim.torture(args.kills)
        bad += sum(counts[kind] for kind in ('different', 'litter', 'words'))
        rows.append(
            [name, f'{victim.seconds:.1f}', args.kills, *(counts[key] for key in rows[0][3:])]
        )
        print(AsciiTable([rows[0], rows[-1]]).table, flush=True)
    print(AsciiTable(rows).table)
    return int(bool(bad))


class Victim:
    """A command with what it needs, and what it leaves undisturbed."""

    def __init__(self, name, folder, args):
        self.name = name
        self.signal = getattr(signal, f'SIG{args.signal}')
        self.keep = pathlib.Path(args.keep)
        self.rng = random.Random(f'{name} {args.seed}')
        self.folder = folder
        self.given = folder / 'given'
        self.given.mkdir()
        self.command = COMMANDS[name]
        self.command.make(self.given)
        self.runs = 0
        first, undisturbed = self._place(), self._place()
        self._finish(first)  # what is compiled is in the cache then
        begin = time.monotonic()
        self._finish(undisturbed)
        self.seconds = time.monotonic() - begin
        self.expected = contents(undisturbed)
        again = contents(first)
        assert again == self.expected, differences(self.expected, again)

    def torture(self, kills):
        """Returns how many of the kills ended how (Counter)."""
        counts = collections.Counter()
        for _ in range(kills):
            place = self._place()
            running = self._start(place)
            # until it has come to its first line, Python itself says what it makes of a signal
            time.sleep(self.rng.uniform(0.15, self.seconds))
            if running.poll() is not None:
                counts['came too late'] += 1
            else:
                os.killpg(running.pid, self.signal)
            words = running.communicate(timeout=120)[1].decode('utf-8', 'replace')
            self._judge(counts, place, running.returncode, words)
            shutil.rmtree(place, ignore_errors=True)
        return counts

    def _place(self):
        """Returns a new folder; their names are of one length, as some lines of text are."""
        self.runs += 1
        return self.folder / f'run{self.runs:05d}'

    def _judge(self, counts, place, status, words):
        """Calls the command again, and counts what came of it."""
        problems = {}
        lines = [line for line in words.replace('\r', '\n').splitlines() if 'interrupted' in line]
        if self.signal == signal.SIGINT and status not in (0, 130) or 'Traceback' in words:
            problems['words'] = f'status {status}: {words[-2000:]}'
        elif self.signal == signal.SIGINT and status == 130 and len(lines) != 1:
            problems['words'] = words[-2000:]
        self._finish(place, self.command.again)
        found = contents(place)
        litter = sorted(set(found) - set(self.expected))
        if litter:
            problems['litter'] = litter
        rest = {path: found[path] for path in set(found) & set(self.expected)}
        if rest != self.expected:
            problems['different'] = differences(self.expected, rest)
        counts.update(list(problems) or ['equal'])
        if problems:
            print(f'{self.name}: {json.dumps(problems, indent=1)}', flush=True)
            shutil.copytree(place, self.keep / f'{self.name}-{place.name}', dirs_exist_ok=True)

    def _start(self, place, more=()):
        """Starts the command, whose outputs, working directory and cache are in `place`."""
        out = place / 'out'
        out.mkdir(parents=True, exist_ok=True)
        (place / 'here').mkdir(exist_ok=True)
        words = (*self.command.words(self.given, out), *more)
        program = (sys.executable, self.given / 'download.py') if self.name == 'download' else OURS
        path = os.pathsep.join([str(ROOT), str(ROOT / 'tests')])
        own = dict(PYTHONPATH=path, TMPDIR=str(self.folder))
        if self.name == 'download':
            own.update(I3DBOX_CACHE=str(place / 'cache'), **NO_NET)
        return subprocess.Popen(
            list(map(str, (*program, *words))),
            cwd=place / 'here',
            env={**os.environ, **own},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def _finish(self, place, more=()):
        running = self._start(place, more)
        words = running.communicate(timeout=600)[1].decode('utf-8', 'replace')
        if running.returncode:
            raise RuntimeError(f'{self.name} ended with {running.returncode}: {words[-3000:]}')


def contents(place):
    """Returns {path below a folder: what its file says, but for when it was said}."""
    return {
        str(path.relative_to(place)): content(path, place)
        for path in sorted(place.rglob('*'))
        if path.is_file() and path.suffix not in ('.lock', '.log')  # a log a start
    }


def content(path, place):
    if path.suffix == '.ckpt':
        parameters, state, meta = read_checkpoint(str(path))
        arrays = {**parameters, **{f'state {name}': value for name, value in state.items()}}
        data = b''.join(name.encode() + arrays[name].tobytes() for name in sorted(arrays))
        return digest(data), without_times(meta, place)
    if path.suffix == '.mindrecord':
        index = PackIndex(str(path.parent), 'RGB')
        frames = b''
        for name in sorted(index._videos):
            packed = PackedFrames(index.find(name), 'RGB', name)
            frames += b''.join(image.tobytes() for image in packed.read(range(len(packed))))
        return digest(frames)
    if path.suffix == '.pkl':
        results = load_results(path)
        data = results.scores.tobytes() + results.labels.tobytes()
        return digest(data), list(results.names), without_times(results.meta, place)
    if path.suffix in ('.db', '.html', '.png') or path.name == 'log.json':
        return 'is there'  # tells the time, or a folder
    if path.suffix == '.json':
        return without_times(json.loads(path.read_text(encoding='utf-8')), place)
    return digest(path.read_bytes().replace(os.fsencode(place), b''))


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def without_times(tree, place):
    """Returns plain values, without what differs between two calls."""
    if isinstance(tree, dict):
        return {
            key: without_times(value, place)
            for key, value in tree.items()
            # a checkpoint's hash depends on the folder, whose name is in its config
            if not any(word in key for word in ('time', 'seconds', 'sha256'))
        }
    if isinstance(tree, list):
        return [without_times(value, place) for value in tree]
    return tree.replace(str(place), '') if isinstance(tree, str) else tree


def differences(expected, found):
    """Returns the paths that only one of two has, and those whose contents differ."""
    return {
        path: f'{str(expected.get(path))[:200]} != {str(found.get(path))[:200]}'
        for path in sorted({*expected, *found})
        if expected.get(path) != found.get(path)
    }


if __name__ == '__main__':
    raise SystemExit(main())
