"""Frames and flow a second: the commands of data preparation against serial scripts, in one run.

    python tools/benchmarks/extraction.py                   made-up videos
    python tools/benchmarks/extraction.py VIDEO [VIDEO ...] yours, for instance of 320 x 240
        [--copies 60] [--pairs 40] [--repeats 3] [--json FILE]

The serial way to flow is the original's: each frame read from its JPEG, OpenCV's TV-L1 at its
defaults, in the threads that OpenCV chooses, two JPEGs written. The serial way to frames is a loop
over cv2.VideoCapture; with the threads that OpenCV and FFmpeg choose it is not quite serial, so it
also runs with one of each. Start-up counts, that of processes, too. Files are written below TMPDIR;
in memory (/dev/shm) the disk counts less.
"""

import argparse
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time

import cv2
import numpy as np
from figures import write_figures

TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data')


def make_video(path, frames=300, size=(320, 240), seed=0):
    """A camera that pans over a texture, with three things that move on their own, in MPEG-4 as
    UCF101.
    """
    rng = np.random.default_rng(seed)

    def texture(width, height):
        noise = rng.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), np.uint8)
        return cv2.GaussianBlur(
            cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), (0, 0), 1.5
        )

    ground, things = texture(size[0] + frames, size[1]), [texture(60, 80) for _ in range(3)]
    writer = cv2.VideoWriter(path, cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*'XVID'), 25, size)
    for k in range(frames):
        frame = ground[:, k : k + size[0]].copy()
        for i, thing in enumerate(things):
            x = int((size[0] - 60) * (0.5 + 0.5 * np.sin(0.05 * k * (i + 1) + i)))
            y = int((size[1] - 80) * (0.5 + 0.5 * np.cos(0.04 * k * (i + 1))))
            frame[y : y + 80, x : x + 60] = thing
        writer.write(frame)
    writer.release()


def frames_serially(videos, out, threads=None):
    """Every frame of the videos by one loop; returns how many."""
    count = 0
    cv2.setNumThreads(threads or os.cpu_count())
    for number, video in enumerate(videos):
        folder = os.path.join(out, str(number))
        os.makedirs(folder)
        capture = cv2.VideoCapture(
            video, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads] if threads else []
        )
        there, frame = capture.read()
        while there:
            count += 1
            height, width = frame.shape[:2]
            size = round(width * 256 / min(width, height)), round(height * 256 / min(width, height))
            if size != (width, height):
                frame = cv2.resize(frame, size)
            cv2.imwrite(os.path.join(folder, f'image_{count:05d}.jpg'), frame)
            there, frame = capture.read()
    return count


def flow_serially(frames, out, most):
    """Flow of at most `most` pairs of frames, spread over the folders of `frames`; returns how
    many.
    """
    folders = sorted(os.path.join(frames, folder) for folder in os.listdir(frames))
    pairs = []
    for folder in folders:
        names = sorted(name for name in os.listdir(folder) if name.endswith('.jpg'))
        pairs += [(folder, *pair) for pair in zip(names, names[1:])]
    os.makedirs(out)
    pairs = [pairs[i] for i in np.linspace(0, len(pairs) - 1, min(most, len(pairs))).astype(int)]
    for number, (folder, *names) in enumerate(pairs):
        first, second = (
            cv2.imread(os.path.join(folder, name), cv2.IMREAD_GRAYSCALE) for name in names
        )
        flow = cv2.optflow.DualTVL1OpticalFlow_create().calc(first, second, None)
        flow = np.round((np.clip(flow, -20, 20) + 20) * (255 / 40)).astype(np.uint8)
        for axis, letter in enumerate('xy'):
            cv2.imwrite(os.path.join(out, f'image_{number:05d}{letter}.jpg'), flow[..., axis])
    return len(pairs)


def by_command(name, videos, out, *words):
    """Runs a command of ours over a folder of videos; returns the frames written."""
    subprocess.run(
        [
            sys.executable,
            os.path.join(TOOLS, f'{name}.py'),
            videos,
            out,
            '--short-side',
            '256',
            *words,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    counts = [
        os.path.join(folder, 'n_frames') for folder, _, files in os.walk(out) if 'n_frames' in files
    ]
    return sum(int(open(path, encoding='utf-8').read()) for path in counts)


def measure(root, works, repeats):
    """Returns {name: median of frames a second} of `works` {name: (function, *arguments)}, each
    called with a new folder for its output, round by round."""
    rates = {name: [] for name in works}
    for _ in range(repeats):
        for name, (work, source, *args) in works.items():
            out = os.path.join(root, 'out')
            os.sync()  # what was written before is not written meanwhile
            start = time.perf_counter()
            count = work(source, out, *args)
            rates[name].append(count / (time.perf_counter() - start))
            shutil.rmtree(out)
    return {name: np.median(values) for name, values in rates.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('videos', nargs='*', metavar='VIDEO')
    parser.add_argument(
        '--pairs', type=int, default=40, help='of the serial flow (default: %(default)s)'
    )
    parser.add_argument(
        '--copies', type=int, default=60, help='of each video, for frames (default: %(default)s)'
    )
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--json', metavar='FILE', help='also write the figures there')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        few, many, frames = (os.path.join(root, name) for name in ('few', 'many', 'frames'))
        os.makedirs(few)
        os.makedirs(many)
        for number, video in enumerate(args.videos):
            shutil.copy(video, os.path.join(few, f'{number}{os.path.splitext(video)[1]}'))
        if not args.videos:
            make_video(os.path.join(few, '0.avi'))
        for name in os.listdir(few):
            for copy in range(args.copies):
                os.symlink(os.path.join(few, name), os.path.join(many, f'{copy}_{name}'))
        videos = sorted(os.path.join(many, name) for name in os.listdir(many))
        frames_serially(sorted(os.path.join(few, name) for name in os.listdir(few)), frames)
        by_command('extract_flow', few, os.path.join(root, 'warm'))  # so that numba has compiled
        tables = [
            measure(
                root,
                {
                    'frames, serial loop': (frames_serially, videos),
                    'frames, in one thread': (frames_serially, videos, 1),
                    'frames, i3dbox': (functools.partial(by_command, 'extract_frames'), many),
                },
                args.repeats,
            ),
            measure(
                root,
                {
                    'TV-L1, the original': (flow_serially, frames, args.pairs),
                    'TV-L1, i3dbox': (functools.partial(by_command, 'extract_flow'), few),
                    'DIS, i3dbox': (
                        functools.partial(by_command, 'extract_flow'),
                        few,
                        '--method',
                        'dis',
                    ),
                },
                args.repeats,
            ),
        ]
    print(f'{"":22} {"a second":>9} {"ratio":>7}')
    for table in tables:
        for name, rate in table.items():
            print(f'{name:22} {rate:9.1f} {rate / next(iter(table.values())):7.2f}')
    if args.json:
        rates = {name: rate for table in tables for name, rate in table.items()}
        write_figures(args.json, {f'{name}: a second': rate for name, rate in rates.items()})


if __name__ == '__main__':
    main()
