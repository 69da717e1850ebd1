"""Joint recognition end to end: how near it comes to live, 25 frames a second, and where the time
goes.

    python tools/benchmarks/live.py VIDEO [--windows 6] [--networks mindspore bfloat16 int8]
        [--method tvl1] [--json FILE]

Windows of 64 frames, one after the other, as tools/demo.py makes them: decoding, resizing, flow,
both networks. Prints what each part takes by itself, in seconds and in seconds of one core, and
then frames a second of all together: one part after the other, and with reading and flow in threads
beside the network. Weights are made up; they cost the same. int8 is an exported file, calibrated on
VIDEO.
"""

import argparse
import contextlib
import itertools
import os
import pathlib
import sys
import tempfile
import time

import numpy as np
from figures import write_figures

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
NETWORKS = {
    'mindspore': 'MindSpore, float32',
    'bfloat16': 'OpenVINO, bfloat16',
    'int8': 'OpenVINO, int8',
}


def frames_of(video, count):
    """`count` frames of a video that is started again as often as needed: a FrameIterator."""
    loop = (frame for _ in itertools.count() for _, frame in FrameIterator(video))
    return FrameIterator(itertools.islice(loop, count))


def cut(stream, video, count, **options):
    """Reads and cuts windows of a stream; returns the last."""
    steps = clip_steps(dict(imgs=authors_pipeline(**options)), stream)
    cutter = ClipWindows(steps, WINDOW, WINDOW, threads=usable_cores(), tail='drop')
    window = None
    with contextlib.closing(cutter):
        for when, frame in frames_of(video, count):
            window = next(iter(cutter.push(when, frame)), window)
    return window


def timed(function, *args, **kwargs):
    """Returns (seconds, seconds of all cores) of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    function(*args, **kwargs)
    return np.array((time.perf_counter() - wall, time.process_time() - cpu))


def made_up(channels):
    """Returns the parameters of a network for frames of so many channels."""
    rng = np.random.default_rng(0)
    return {
        name: (
            rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
            if name.endswith('weight')
            else np.full(shape, name.endswith(('gamma', 'variance')))
        ).astype(np.float32)
        for name, shape in parameter_shapes(channels, CLASSES).items()
    }


def write_networks(folder):
    """Returns a config of both streams, and its checkpoints by stream."""
    checkpoints, streams = {}, {}
    for name, modality, channels in (('rgb', 'RGB', 3), ('flow', 'Flow', 2)):
        checkpoints[name] = os.path.join(folder, f'{name}.ckpt')
        write_checkpoint(checkpoints[name], made_up(channels), meta=dict(modality=modality))
        streams[name] = dict(
            type='Recognizer3D',
            modality=modality,
            backbone=dict(type='InceptionI3D'),
            head=dict(type='I3DHead', num_classes=CLASSES),
        )
    model = dict(type='TwoStreamRecognizer', **streams)
    return Config(dict(model=model, runner=dict(CPU=dict(type='CPURunner')))), checkpoints


def recognizer_of(network, cfg, checkpoints, video):
    """Returns the VideoRecognizer of a name of NETWORKS."""
    if network == 'mindspore':
        return init_recognizer(cfg, checkpoints, engine='mindspore')
    if network == 'bfloat16':
        return init_recognizer(cfg, checkpoints, engine='openvino', precision='bfloat16')
    from i3dbox.apis.export import export

    folder = pathlib.Path(checkpoints['rgb']).parent
    videos = folder / 'videos'
    videos.mkdir()
    for copy in range(4):
        (videos / f'{copy}_{os.path.basename(video)}').symlink_to(os.path.abspath(video))
    file = str(folder / 'joint.xml')
    export(cfg, checkpoints, 'OPENVINO', file, precision='int8', calibrate=str(videos), clips=8)
    return init_recognizer(file)


def end_to_end(recognizer, video, windows, overlap, method):
    frames = frames_of(video, windows * WINDOW + 1)
    for _ in recognize_windows(
        recognizer, frames, WINDOW, WINDOW, overlap, tail='drop', method=method
    ):
        pass


def parts(args):
    """Returns {part: (seconds, core seconds) of a window} of what is not the network's."""
    count = args.windows * WINDOW + 1
    runs = [
        timed(lambda: sum(1 for _ in frames_of(args.video, count))),
        timed(cut, 'rgb', args.video, count),
        timed(cut, 'flow', args.video, count, method=args.method),
    ]
    own = np.diff([np.zeros(2), *runs], axis=0).clip(0) / args.windows
    return dict(zip(('decoding', 'resizing', f'flow ({args.method})'), own))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('video')
    parser.add_argument('--windows', type=int, default=6)
    parser.add_argument('--networks', nargs='+', choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument('--method', default='tvl1', help='of flow')
    parser.add_argument('--json', metavar='FILE', help='also write the figures there')
    args = parser.parse_args()

    cores, found = usable_cores(), {}
    print(
        f'{cores} cores; {args.windows} windows of {WINDOW} frames; live is {LIVE} frames/s, '
        f'{WINDOW / LIVE:.2f} s a window'
    )
    window = cut('joint', args.video, WINDOW + 1, method=args.method)  # compiles the flow
    print(f'{"a window of":26} {"seconds":>8} {"core s":>8}')

    def note(name, times, rate='', shown=None):
        print(f'{shown or name:26} {times[0]:8.2f} {times[1]:8.2f}{rate}', flush=True)
        found.update({f'{name}: s': times[0], f'{name}: core s': times[1]})

    own = parts(args)
    for name, times in own.items():
        note(name, times)
    for network in args.networks:
        name = NETWORKS[network]
        with tempfile.TemporaryDirectory() as folder:
            recognizer = recognizer_of(network, *write_networks(folder), args.video)
            clips = dict(rgb=window.rgb, flow=window.flow)
            recognizer.score(clips)  # compiles
            runs = [timed(recognizer.score, clips) for _ in range(args.windows)]
            times = np.median(runs, axis=0)
            note(name, times)
            for way, overlap in (('one after the other', False), ('overlapped', True)):
                took = timed(end_to_end, recognizer, args.video, args.windows, overlap, args.method)
                rate = args.windows * WINDOW / took[0]
                found[f'{name}, {way}: frames/s'] = rate
                note(
                    f'{name}, {way}',
                    took / args.windows,
                    f'   {rate:5.1f} frames/s, {rate / LIVE:4.0%} of live',
                    f'  {way}',
                )
        work = sum(times[1] for times in (*own.values(), times))
        found[f'{name}, if nothing waits: frames/s'] = most = cores * WINDOW / work
        print(f'  if nothing waits           {"":8} {work:8.2f}   {most:5.1f} frames/s')
    if args.json:
        write_figures(args.json, found)


if __name__ == '__main__':
    main()
