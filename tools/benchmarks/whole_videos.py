"""Testing on whole videos of many lengths: one graph of open length against a graph for each
length.

    python tools/benchmarks/whole_videos.py [--videos 12] [--size 112]

Prints seconds and compilations for both ways, and the largest difference of their logits.
"""

import argparse
import pathlib
import sys
import time

import mindspore as ms
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from i3dbox.inference.clip_scorer import ClipScorer  # noqa: E402
from i3dbox.inference.engines.mindspore_engine import MindSporeStream  # noqa: E402
from i3dbox.models import build_recognizer  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--videos', type=int, default=12)
    parser.add_argument('--size', type=int, default=112)
    args = parser.parse_args()

    ms.set_context(mode=ms.GRAPH_MODE)
    recognizer = build_recognizer(
        dict(
            type='Recognizer3D',
            backbone=dict(type='InceptionI3D'),
            head=dict(type='I3DHead', num_classes=101),
        )
    )
    rng = np.random.default_rng(0)
    lengths = rng.integers(64, 300, args.videos)  # frames; UCF101's mean is 186
    videos = [
        rng.integers(0, 256, (1, 1, length, args.size, args.size, 3), np.uint8)
        for length in lengths
    ]
    scores = {}
    for title, scorer in (
        ('one graph of open length', ClipScorer(MindSporeStream(recognizer), any_length=True)),
        ('a graph for each length', ClipScorer(MindSporeStream(recognizer))),
    ):
        start = time.perf_counter()
        scores[title] = np.concatenate([scorer(video) for video in videos])
        first = time.perf_counter() - start
        start = time.perf_counter()
        for video in videos:
            scorer(video)
        again = time.perf_counter() - start
        print(
            f'{title}: {first:.1f} s for {args.videos} videos, {len(scorer.network.compile_cache)} '
            f'compilations; '
            f'{again:.1f} s when all is compiled'
        )
    print(f'largest difference of the logits: {np.abs(np.subtract(*scores.values())).max():.1e}')


if __name__ == '__main__':
    main()
