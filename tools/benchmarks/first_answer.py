"""Seconds and peak memory from a command to its answer: a 3-second clip, and ten of them, by each
engine in turn.

    python tools/benchmarks/first_answer.py VIDEO [--rounds 3] [--json FILE]

Whole processes of `i3dbox demo` with the weights of Kinetics-400 in the cache; the least of the
rounds counts. Then one process says where its time goes.
"""

import argparse
import itertools
import pathlib
import subprocess
import sys
import tempfile

from figures import write_figures
from processes import ROOT, timed, write_clip

MODEL = 'i3d_rgb_kinetics400'
WAYS = {
    'OpenVINO, float32 (default)': ('--engine', 'openvino'),
    'OpenVINO, bfloat16': ('--engine', 'openvino', '--precision', 'bfloat16'),
    'onnxruntime, float32': ('--engine', 'onnxruntime'),
    'MindSpore, float32': ('--engine', 'mindspore'),
}
SECONDS = 3


def cut(video, path):
    """Writes the first seconds of a video."""
    sys.path.insert(0, str(ROOT))
    from i3dbox.media.frame_iterator import FrameIterator

    frames = itertools.islice(FrameIterator(video, fps=25), 25 * SECONDS)
    write_clip(path, (frame for _, frame in frames))


def run(source, options):
    """Returns the seconds and the peak memory, in bytes, of a whole process."""
    words = ['demo', str(source), '--model', MODEL, *options]
    seconds, peak, status = timed(words, stdout=subprocess.DEVNULL)
    if status:
        sys.exit(f'{" ".join(words)} failed')
    return seconds, peak


PARTS = """
import sys, time
start = time.perf_counter()
def told(what):
    global start
    now = time.perf_counter()
    print(f'{what}\\t{now - start:.2f}', flush=True)
    start = now
from i3dbox.inference.model_spec import ModelSpec
from i3dbox.inference.recognizer import load_recognizer
from i3dbox.inference.recognize import inference_recognizer
import openvino
told('imports')
recognizer = load_recognizer(ModelSpec.resolve(sys.argv[2]), 'CPU', engine='openvino')
told('weights')
import numpy as np
stream = recognizer._streams['rgb']
stream.upto('Logits')(np.zeros((1, 8, 32, 32, 3), np.uint8))
told('graph, from the cache, and its compilation')
from i3dbox.media.frame_iterator import FrameIterator
frames = [frame for _, frame in FrameIterator(sys.argv[1])]
told('decoding')
inference_recognizer(recognizer, np.stack(frames), window=64)
told('resizing, and the network over two windows')
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('video')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--json', metavar='FILE', help='also write the figures there')
    args = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        one = pathlib.Path(folder, 'one')
        ten = pathlib.Path(folder, 'ten')
        for path in (one, ten):
            path.mkdir()
        cut(args.video, one / '0.mp4')
        for number in range(10):
            (ten / f'{number}.mp4').write_bytes((one / '0.mp4').read_bytes())
        run(one / '0.mp4', ())  # the weights and the graph are in the cache then
        for _ in range(args.rounds):
            for name, options in WAYS.items():
                for what, source in ((f'a clip of {SECONDS} s', one / '0.mp4'), ('ten', ten)):
                    seconds, peak = run(source, options)
                    key = f'{name}: {what}'
                    figures[f'{key}, s'] = min(seconds, figures.get(f'{key}, s', seconds))
                    figures[f'{key}, peak bytes'] = peak
        done = subprocess.run(
            [sys.executable, '-c', PARTS, str(one / '0.mp4'), MODEL],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
    print(f'| | a clip of {SECONDS} s: s, peak memory | ten of them |\n|---|---|---|')
    for name in WAYS:
        cells = [
            f'{figures[f"{name}: {what}, s"]:.1f}, '
            f'{figures[f"{name}: {what}, peak bytes"] / 1e9:.2f} GB'
            for what in (f'a clip of {SECONDS} s', 'ten')
        ]
        print(f'| {name} | {" | ".join(cells)} |')
    print('\nwhere the time of the default goes, in s:')
    for line in done.stdout.splitlines():
        what, seconds = line.split('\t')
        figures[f'where it goes: {what}, s'] = float(seconds)
        print(f'  {seconds}  {what}')
    if args.json:
        write_figures(args.json, figures)


if __name__ == '__main__':
    main()
