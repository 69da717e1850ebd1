"""Minutes that `i3dbox finetune` takes on a small folder of videos, with the frozen layers computed
once and at each step; and what both learn, over some seeds.

    python tools/benchmarks/finetune.py VIDEO VIDEO VIDEO [--seeds 5] [--skip before] [--json FILE]

Each video is a class; eight clips of three seconds are cut from it. The way of before, which
computes the frozen layers at each step, takes a quarter of an hour on two cores. What it learns is
also told by as many views as there are epochs: the clips of each step are then its own, too, and
only where the frozen layers are computed is another.
"""

import argparse
import pathlib
import re
import sys
import tempfile

from figures import write_figures
from processes import ROOT, timed, write_clip

sys.path.insert(0, str(ROOT))
CLIPS = 8
FRAMES = 75
WAYS = {  # options of finetune
    'now': (),
    'bfloat16': ('--precision', 'bfloat16'),
    'before': ('--cfg-options', 'frozen_views=0'),
}
LEARNING = {'4 views': 4, '2 views': 2, 'of its own at each step': 1000}


def cut(video, folder):
    """Writes clips of a video, from places that are spread over it."""
    from i3dbox.media.video_reader import VideoReader

    folder.mkdir()
    with VideoReader(video) as reader:
        last = len(reader) - 1
        for number in range(CLIPS):
            start = round(number * max(0, last - FRAMES) / (CLIPS - 1))
            frames = reader.read([min(start + offset, last) for offset in range(FRAMES)])
            write_clip(folder / f'{number}.mp4', frames)


def finetune(videos, work_dir, *options):
    """Returns the seconds and peak memory, in bytes, of a run, its top-1 accuracy, and what it
    said.
    """
    words = ['finetune', str(videos), '--work-dir', work_dir, *options]
    with open(f'{work_dir}.log', 'w+', encoding='utf-8') as log:
        seconds, peak, status = timed(words, stdout=log, stderr=log)
        log.seek(0)
        said = log.read()
    if status:
        sys.exit(f'{" ".join(words)} failed:\n{said[-2000:]}')
    return seconds, peak, accuracy(work_dir), said


def accuracy(work_dir):
    from i3dbox.evaluation.results import load_results

    return load_results(f'{work_dir}/rgb.pkl').evaluate(['top_k_accuracy'])['top1_acc']


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('videos', nargs='+')
    parser.add_argument('--seeds', type=int, default=0, help='what each way learns, over so many')
    parser.add_argument('--skip', nargs='*', default=(), choices=tuple(WAYS))
    parser.add_argument('--json', metavar='FILE', help='also write the figures there')
    args = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        videos = pathlib.Path(folder, 'videos')
        videos.mkdir()
        for number, video in enumerate(args.videos):
            cut(video, videos / f'class_{number}')
        for way, options in WAYS.items():
            if way in args.skip:
                continue
            seconds, peak, top1, said = finetune(videos, f'{folder}/{way}', *options)
            figures[f'{way}: minutes'] = seconds / 60
            figures[f'{way}: peak bytes'] = peak
            figures[f'{way}: top-1'] = top1
            promised = re.search(r'estimated time: .*', said)
            print(
                f'{way}: {seconds / 60:.2f} min, {peak / 1e9:.2f} GB, top-1 {top1:.3f}; '
                f'{promised[0] if promised else ""}',
                flush=True,
            )
        for seed in range(args.seeds):
            for name, views in LEARNING.items():
                work_dir = f'{folder}/{views}_{seed}'
                options = ('--seed', str(seed), '--precision', 'bfloat16')
                views = f'frozen_views={views}'
                *_, top1, _ = finetune(videos, work_dir, *options, '--cfg-options', views)
                figures[f'seed {seed}, {name}: top-1'] = top1
                print(f'seed {seed}, {name}: top-1 {top1:.3f}', flush=True)
    if args.json:
        write_figures(args.json, figures)


if __name__ == '__main__':
    main()
