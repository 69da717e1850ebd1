"""Times the loading of training clips: 64 frames of 224 x 224 out of a 320 x 240 video.

First one clip on one thread, on the same files and frames in interleaved repetitions:
- from JPEG frames: this project's pipeline and the steps of the implementation that it replaces;
- from the AVI: this project's pipeline, PyAV, and decord where it is installed.
Then batches of 8 by ClipLoader and the recipes' pipeline, which resizes to 256, from frames, frames
prepared at 256, shards, the video and H.264: clips a second with one thread and with one for each
core, and how many cores 100 clips a second take.

    python tools/benchmarks/clip_loading.py [--video FILE] [--quality Q] [--repeats N] [--json FILE]
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import av
import cv2
import numpy as np
from figures import write_figures
from processes import timed, write_clip

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from i3dbox.datasets.loader import ClipLoader  # noqa: E402
from i3dbox.datasets.pipelines import Compose  # noqa: E402
from i3dbox.datasets.sampler import EpochSampler  # noqa: E402
from i3dbox.media.video_reader import VideoReader  # noqa: E402
from i3dbox.registry import DATASETS  # noqa: E402
from i3dbox.workers import usable_cores  # noqa: E402

CLIP_LEN, CROP, BATCH, COPIES, WANTED = 64, 224, 8, 32, 100


def make_video(path, frames=180, width=320, height=240):
    """Writes an Xvid AVI of UCF101's size and data rate (about 500 KB for 180 frames): a detailed
    background that pans, and blobs that move over it."""
    rng = np.random.default_rng(0)
    background = np.full((480, 960, 3), 128.0)
    for cell in (2, 4, 8, 16, 32, 64):  # detail at every scale, of which little is colour
        grey = rng.normal(0, 3 * cell**0.6, (480 // cell, 960 // cell, 1))
        noise = grey + rng.normal(0, 0.6 * cell**0.6, (480 // cell, 960 // cell, 3))
        background += cv2.resize(noise, (960, 480), interpolation=cv2.INTER_CUBIC)
    background = np.clip(background, 0, 255).astype(np.uint8)
    blobs = rng.uniform((20, 20, -3, -3, 10), (300, 220, 3, 3, 40), (6, 5))
    writer = cv2.VideoWriter(
        path, cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*'XVID'), 25, (width, height)
    )
    for t in range(frames):
        left, top = 300 + int(250 * np.sin(t / 40)), 120 + int(90 * np.cos(t / 30))
        frame = background[top : top + height, left : left + width].copy()
        for i, (x, y, dx, dy, radius) in enumerate(blobs):
            centre = int(x + t * dx) % width, int(y + t * dy) % height
            cv2.circle(frame, centre, int(radius), (40 * i, 255 - 40 * i, 128), -1, cv2.LINE_AA)
        writer.write(frame)
    writer.release()


def extract_frames(video, folder, quality):
    """Writes the video's frames in the original's layout. Returns their mean size in KB."""
    os.makedirs(folder)
    with VideoReader(video) as reader:
        frames = reader.read(range(len(reader)))
    sizes = []
    for number, frame in enumerate(frames, 1):
        path = os.path.join(folder, f'image_{number:05d}.jpg')
        cv2.imwrite(path, frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        sizes.append(os.path.getsize(path) / 1000)
    with open(os.path.join(folder, 'n_frames'), 'w') as file:
        file.write(str(len(frames)))
    return sum(sizes) / len(sizes)


PIPELINE = Compose(
    [
        dict(type='OpenClip'),
        dict(type='SampleFrames', clip_len=CLIP_LEN),
        dict(type='DecodeClip'),
        dict(type='RandomCrop', size=CROP),
        dict(type='Flip'),
        dict(type='PackClips'),
    ]
)


def ours_from_video(video, folder, rng):
    """This project's pipeline on the video."""
    return PIPELINE(dict(name='a', filename=video, modality='RGB', test_mode=False, rng=rng))[
        'imgs'
    ][0]


def ours_from_frames(video, folder, rng):
    """This project's pipeline on the folder of frames."""
    return PIPELINE(dict(name='a', frame_dir=folder, modality='RGB', test_mode=False, rng=rng))[
        'imgs'
    ][0]


def draw_start(frames, rng):
    """The first frame, as our pipeline draws it."""
    return int(rng.random() * (frames - CLIP_LEN + 1))


def draw_crop(width, height, rng):
    """Left, top and whether to flip, as our pipeline draws them."""
    return (
        int(rng.random() * (width - CROP + 1)),
        int(rng.random() * (height - CROP + 1)),
        rng.random() < 0.5,
    )


def original(video, folder, rng):
    """The steps of the implementation that this project replaces: images are read as BGR, whole
    frames become float64 before they are cropped, a resize to 256 is computed and not used, and the
    crops become float32 at the end."""
    with open(os.path.join(folder, 'n_frames')) as file:
        frames = int(file.read())
    start = draw_start(frames, rng)
    images = []
    for number in range(start + 1, start + 1 + CLIP_LEN):
        path = os.path.join(folder, f'image_{number:05d}.jpg')
        if os.path.exists(path):
            images.append(cv2.imread(path))
    images = [image / 255.0 * 2 - 1 for image in images]
    height, width = images[0].shape[:2]
    left, top, flip = draw_crop(width, height, rng)
    crops = []
    for image in images:
        cv2.resize(image, (round(width * 256 / height), 256))
        image = image[top : top + CROP, left : left + CROP]
        crops.append(cv2.flip(image, 1) if flip else image)
    return np.stack([image.astype(np.float32) for image in crops]).transpose(3, 0, 1, 2)


def cropped(frames, rng):
    """A contiguous crop of an array T x H x W x 3 or a list of frames, as our pipeline ends in."""
    left, top, flip = draw_crop(frames[0].shape[1], frames[0].shape[0], rng)
    clip = np.empty((CLIP_LEN, CROP, CROP, 3), np.uint8)
    for place, frame in zip(clip, frames):
        frame = frame[top : top + CROP, left : left + CROP]
        place[...] = cv2.flip(frame, 1) if flip else frame
    return clip


def with_decord(video, folder, rng):
    reader = decord.VideoReader(video, ctx=decord.cpu(0), num_threads=1)
    start = draw_start(len(reader), rng)
    return cropped(reader.get_batch(range(start, start + CLIP_LEN)).asnumpy(), rng)


def with_pyav(video, folder, rng):
    with av.open(video) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = 'NONE', 1
        start = draw_start(stream.frames, rng)
        frames = []
        for index, frame in enumerate(container.decode(stream)):
            if index >= start:
                frames.append(frame.to_ndarray(format='rgb24'))
            if len(frames) == CLIP_LEN:
                break
    return cropped(frames, rng)


def measure(loaders, video, folder, repeats):
    """Returns {name: array of repeats x (wall time, CPU time) in seconds}; each round runs all
    loaders on the same random numbers."""
    times = {name: [] for name in loaders}
    for repeat in range(repeats):
        for name, load in loaders.items():
            # not to pay for memory that others gave back
            load(video, folder, np.random.default_rng(repeat))
            rng = np.random.default_rng(repeat)
            start = time.perf_counter(), time.process_time()
            load(video, folder, rng)
            times[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return {name: np.array(values) for name, values in times.items()}


def write_lists(root, video, frames):
    """Writes a data set of COPIES of a video below `root` in each form; returns the configs of
    these data sets by form.
    """
    with VideoReader(video) as reader:
        pictures = reader.read(range(len(reader)))
    h264 = root / 'h264.mp4'
    write_clip(h264, pictures)
    prepared = root / 'prepared' / pathlib.Path(video).stem
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    timed(['frames', str(video), str(root / 'prepared'), '--short-side', '256'], **quiet)
    sources = {'frames': frames, 'frames, 256': prepared, 'video': video, 'h264': h264}
    for form, source in sources.items():
        folder = root / 'lists' / form / 'a'
        folder.mkdir(parents=True)
        ending = '' if 'frames' in form else pathlib.Path(source).suffix
        for copy in range(COPIES):
            (folder / f'{copy}{ending}').symlink_to(pathlib.Path(source).absolute())
        count = f' {len(pictures)}' if 'frames' in form else ''
        lines = [f'a/{copy}{ending}{count} 0\n' for copy in range(COPIES)]
        (root / f'{form}.txt').write_text(''.join(lines))
    shards = root / 'lists' / 'shards'
    timed(['pack', str(root / 'lists' / 'frames'), str(shards), '--modality', 'RGB'], **quiet)
    types = {
        'frames': 'RawframeDataset',
        'frames, 256': 'RawframeDataset',
        'shards': 'PackedDataset',
        'video': 'VideoDataset',
        'h264': 'VideoDataset',
    }
    return {
        form: dict(
            type=kind,
            ann_file=str(root / f'{"frames" if form == "shards" else form}.txt'),
            data_prefix=str(root / 'lists' / form),
            pipeline=RECIPE,
        )
        for form, kind in types.items()
    }


RECIPE = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=CLIP_LEN),
    dict(type='DecodeClip'),
    dict(type='Resize', short_side=256),
    dict(type='RandomCrop', size=CROP),
    dict(type='Flip'),
    dict(type='PackClips'),
]


def measure_batches(configs, steps, rounds=2):
    """Returns {(form, workers): (clips a second, seconds of one core for a clip)}, the best of the
    rounds.
    """
    found = {}
    for _ in range(rounds):
        for form, config in configs.items():
            for workers in sorted({1, usable_cores()}):
                dataset = DATASETS.build(config)
                sampler = EpochSampler(len(dataset), batch_size=BATCH, seed=0)
                loader = ClipLoader(dataset, sampler, num_workers=workers, num_steps=steps)
                wall, cpu = time.perf_counter(), time.process_time()
                clips = sum(len(batch['label']) for batch in loader)
                times = time.perf_counter() - wall, time.process_time() - cpu
                rate = clips / times[0], times[1] / clips
                found[form, workers] = max(found.get((form, workers), (0, 0)), rate)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--video', help='a video of yours of at least 64 frames; default: one is made'
    )
    parser.add_argument(
        '--quality',
        type=int,
        default=95,
        help="of the JPEG frames (default: %(default)s, OpenCV's); larger frames bring the "
        'ratio down, for decoding them is what all have in common',
    )
    parser.add_argument('--repeats', type=int, default=20)
    parser.add_argument('--steps', type=int, default=12, help=f'batches of {BATCH} in a round')
    parser.add_argument('--json', metavar='FILE', help='also write the figures there')
    args = parser.parse_args()
    cv2.setNumThreads(1)
    loaders = {
        'frames, the original': original,
        'frames, i3dbox': ours_from_frames,
        'video, i3dbox': ours_from_video,
        'video, PyAV': with_pyav,
    }
    if decord:
        loaders['video, decord'] = with_decord
    figures = {}
    with tempfile.TemporaryDirectory() as temporary:
        video, folder = (
            args.video or os.path.join(temporary, 'video.avi'),
            os.path.join(temporary, 'frames'),
        )
        if not args.video:
            make_video(video)
        frame_size = extract_frames(video, folder, args.quality)
        video_size = os.path.getsize(video) / 1000
        times = measure(loaders, video, folder, args.repeats)
        configs = write_lists(pathlib.Path(temporary), video, folder)
        batches = measure_batches(configs, args.steps)
    print(
        f'a clip of {CLIP_LEN} x {CROP} x {CROP}, one thread, median of {args.repeats} '
        f'repetitions; video of {video_size:.0f} KB, frames of {frame_size:.1f} KB'
    )
    print(f'  {"":20} {"wall time":>12} {"ratio":>8} {"CPU time":>12} {"ratio":>8}')
    for name, values in times.items():
        own = np.median(times[name.split(',')[0] + ', i3dbox'], axis=0)
        wall, cpu = np.median(values, axis=0)
        figures.update({f'{name}: ms': wall * 1e3, f'{name}: core ms': cpu * 1e3})
        print(
            f'  {name:20} {wall * 1e3:9.1f} ms {wall / own[0]:8.2f} '
            f'{cpu * 1e3:9.1f} ms {cpu / own[1]:8.2f}'
        )
    print(f'batches of {BATCH}, resized to 256')
    print(f'  {"from":12} {"threads":>8} {"clips/s":>9} {"core ms a clip":>16}', end='')
    print(f' {f"cores for {WANTED} clips/s":>26}')
    for (form, workers), (rate, core) in batches.items():
        figures[f'{form}, {workers} threads: clips/s'] = rate
        figures[f'{form}, {workers} threads: core ms'] = core * 1e3
        print(f'  {form:12} {workers:8} {rate:9.1f} {core * 1e3:16.1f} {core * WANTED:26.1f}')
    if args.json:
        write_figures(args.json, figures)


def optional(name):
    try:
        return __import__(name)
    except ImportError:
        return None


decord = optional('decord')

if __name__ == '__main__':
    main()
