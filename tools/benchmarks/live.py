"""Joint recognition end to end: how near it comes to live, 25 frames a second, and where the time
goes.

    python tools/benchmarks/live.py VIDEO [--windows 4] [--networks mindspore openvino] [--method
    tvl1]

Windows of 64 frames, one after the other, as tools/demo.py makes them: decoding, resizing, flow,
both networks. Prints what each part takes by itself, in seconds and in seconds of one core, and
then frames a second of all together: one part after the other, and with reading and flow in threads
beside the network. Weights are made up; they cost the same.
"""

import argparse
import itertools
import os
import pathlib
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
os.environ.setdefault('GLOG_v', '3')

from i3dbox.config.config import Config  # noqa: E402
from i3dbox.inference.clip_pipelines import authors_pipeline  # noqa: E402
from i3dbox.inference.clip_steps import clip_steps  # noqa: E402
from i3dbox.inference.clip_windows import ClipWindows  # noqa: E402
from i3dbox.inference.recognize import recognize_windows  # noqa: E402
from i3dbox.inference.recognizer import init_recognizer  # noqa: E402
from i3dbox.media.frame_iterator import FrameIterator  # noqa: E402
from i3dbox.models.i3d_table import parameter_shapes  # noqa: E402
from i3dbox.weights.checkpoint_file import write_checkpoint  # noqa: E402
from i3dbox.workers import usable_cores  # noqa: E402

WINDOW, LIVE, CLASSES = 64, 25, 400


def frames_of(video, count):
    """`count` frames of a video that is started again as often as needed: a FrameIterator."""
    loop = (frame for _ in itertools.count() for _, frame in FrameIterator(video))
    return FrameIterator(itertools.islice(loop, count))


def cut(stream, video, count, **options):
    """Reads and cuts windows of a stream; returns the last."""
    steps = clip_steps(dict(imgs=authors_pipeline(**options)), stream)
    cutter = ClipWindows(steps, WINDOW, WINDOW, threads=usable_cores(), tail='drop')
    window = None
    for when, frame in frames_of(video, count):
        window = next(iter(cutter.push(when, frame)), window)
    cutter.finish()
    return window


def timed(function, *args, **kwargs):
    """(seconds, seconds of all cores, what it returned)."""
    wall, cpu = time.perf_counter(), time.process_time()
    value = function(*args, **kwargs)
    return time.perf_counter() - wall, time.process_time() - cpu, value


def write_network(folder):
    """A config of both streams and its checkpoints, with made-up weights."""
    rng, checkpoints = np.random.default_rng(0), {}
    for name, modality, channels in (('rgb', 'RGB', 3), ('flow', 'Flow', 2)):
        values = {
            parameter: (
                rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
                if parameter.endswith('weight')
                else np.full(shape, parameter.endswith(('gamma', 'variance')))
            ).astype(np.float32)
            for parameter, shape in parameter_shapes(channels, CLASSES).items()
        }
        checkpoints[name] = os.path.join(folder, f'{name}.ckpt')
        write_checkpoint(checkpoints[name], values, meta=dict(modality=modality))
    streams = {
        name: dict(
            type='Recognizer3D',
            modality=modality,
            backbone=dict(type='InceptionI3D'),
            head=dict(type='I3DHead', num_classes=CLASSES),
        )
        for name, modality in (('rgb', 'RGB'), ('flow', 'Flow'))
    }
    return Config(
        dict(
            model=dict(type='TwoStreamRecognizer', **streams),
            runner=dict(CPU=dict(type='CPURunner')),
        )
    ), checkpoints


def networks(wanted, folder):
    """Yields (title, VideoRecognizer)."""
    cfg, checkpoints = write_network(folder)
    if 'mindspore' in wanted:
        yield 'MindSpore, float32', init_recognizer(cfg, checkpoints, engine='mindspore')
    if 'openvino' in wanted:
        yield (
            'OpenVINO, bfloat16',
            init_recognizer(cfg, checkpoints, engine='openvino', precision='bfloat16'),
        )


def end_to_end(recognizer, video, windows, overlap, method):
    frames = frames_of(video, windows * WINDOW + 1)
    for _ in recognize_windows(
        recognizer, frames, WINDOW, WINDOW, overlap, tail='drop', method=method
    ):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('video')
    parser.add_argument('--windows', type=int, default=4)
    parser.add_argument(
        '--networks',
        nargs='+',
        choices=('mindspore', 'openvino'),
        default=['mindspore', 'openvino'],
    )
    parser.add_argument('--method', default='tvl1', help='of flow')
    args = parser.parse_args()

    cores, count = usable_cores(), args.windows * WINDOW + 1
    load = os.getloadavg()[0] if hasattr(os, 'getloadavg') else 0
    print(
        f'{cores} cores, on average {load:.1f} processes wanted them before; {args.windows} '
        f'windows of {WINDOW} frames; live is {LIVE} frames/s, {WINDOW / LIVE:.2f} s a window'
    )
    cut('joint', args.video, WINDOW + 1, method=args.method)  # compiles the flow
    whole = [
        timed(lambda: sum(1 for _ in frames_of(args.video, count))),
        timed(cut, 'rgb', args.video, count),
        timed(cut, 'flow', args.video, count, method=args.method),
    ]
    seconds, busy = ([part[i] / args.windows for part in whole] for i in (0, 1))
    own = [
        ('decoding', seconds[0], busy[0]),
        ('resizing', seconds[1] - seconds[0], busy[1] - busy[0]),
        (f'flow ({args.method})', seconds[2] - seconds[1], busy[2] - busy[1]),
    ]
    print(f'{"a window of":24} {"seconds":>8} {"core s":>8}')
    for title, wall, cpu in own:
        print(f'{title:24} {max(wall, 0):8.2f} {max(cpu, 0):8.2f}')
    window = cut('joint', args.video, WINDOW + 1, method=args.method)
    with tempfile.TemporaryDirectory() as folder:
        for title, recognizer in networks(args.networks, folder):
            recognizer.score(dict(rgb=window.rgb, flow=window.flow))  # compiles
            runs = [timed(recognizer.score, window.rgb, window.flow) for _ in range(args.windows)]
            wall, cpu, _ = min(runs, key=lambda run: run[0])
            print(f'{title + ": networks":24} {wall:8.2f} {cpu:8.2f}')
            speeds = {}
            for name, overlap in (('one after the other', False), ('overlapped', True)):
                took, cpu, _ = timed(
                    end_to_end, recognizer, args.video, args.windows, overlap, args.method
                )
                speeds[name] = args.windows * WINDOW / took
                print(
                    f'  {name:22} {took / args.windows:8.2f} {cpu / args.windows:8.2f}   '
                    f'{speeds[name]:5.1f} frames/s, {speeds[name] / LIVE:4.0%} of live'
                )
            work = sum(part[2] for part in own) + cpu_of(runs)
            print(
                f'  the work is {work:.2f} core s a window; {cores} cores have '
                f'{cores * WINDOW / LIVE:.2f} in the '
                f'time that it lasts: at best {cores * WINDOW / work:.1f} frames/s'
            )


def cpu_of(runs):
    """The least of what runs took of all cores."""
    return min(run[1] for run in runs)


if __name__ == '__main__':
    main()
