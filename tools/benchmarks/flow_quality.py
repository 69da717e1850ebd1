"""How close flow methods come to the flow that I3D's authors published, and how long they take.

    python tools/benchmarks/flow_quality.py RGB.gif FLOW.gif [--curve] [--picture OUT.jpg]

The GIFs are v_CricketShot_g04_c01_rgb.gif and _flow.gif of github.com/google-deepmind/kinetics-i3d,
under data/. Needs Pillow. Frame k of their flow is that from RGB frame k to k + 1; it has 256
dithered colours, so no flow can correlate with it perfectly. Three figures for x and y: over all
pixels of the clip; the mean over the pairs of frames; and the same mean against their flow smoothed
by a pixel, which takes the dither away. Beside them the energy that TV-L1 makes small, a pixel.
"""

import argparse
import pathlib
import sys
import time

import cv2
import numpy as np
from PIL import Image, ImageSequence

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from i3dbox.flow.encoding import flow_to_color  # noqa: E402
from i3dbox.registry import FLOW_METHODS  # noqa: E402

CURVE = (  # of tvl1: scale_step, warps, iterations
    (0.75, 1, 20),
    (0.75, 2, 10),
    (0.75, 2, 14),
    (0.75, 2, 20),
    (0.75, 2, 30),
    (0.8, 3, 30),
    (0.8, 4, 60),
)


def read_gif(path):
    """Returns uint8 T x H x W x 3, RGB."""
    return np.stack(
        [np.array(frame.convert('RGB')) for frame in ImageSequence.Iterator(Image.open(path))]
    )


def correlations(ours, theirs):
    """Of x and y, over all pixels of two arrays ... x 2."""
    return np.array(
        [np.corrcoef(ours[..., axis].ravel(), theirs[..., axis].ravel())[0, 1] for axis in (0, 1)]
    )


def energy(flow, first, second, weight=0.15):
    """TV-L1's, a pixel: the total variation of a flow and, by the weight, what it leaves of the
    difference of two grey images where it stays inside.
    """
    height, width = first.shape
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    warped = cv2.remap(
        second.astype(np.float32), x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    variation = 0
    for plane in flow.transpose(2, 0, 1):
        right = np.diff(plane, axis=1, append=plane[:, -1:])
        below = np.diff(plane, axis=0, append=plane[-1:])
        variation += np.hypot(right, below).sum()
    return (variation + weight * np.abs(warped - first)[inside].sum()) / first.size


def draw(rgb, flows, frames):
    """One row a frame: the image, and each of `flows` coloured."""
    rows = [
        np.concatenate([rgb[k], *(flow_to_color(flow[k], 5) for flow in flows)], axis=1)
        for k in frames
    ]
    return np.concatenate(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('rgb', metavar='RGB.gif')
    parser.add_argument('flow', metavar='FLOW.gif')
    parser.add_argument('--methods', nargs='+', default=['tvl1', 'tvl1_opencv', 'dis', 'farneback'])
    parser.add_argument(
        '--curve', action='store_true', help='tvl1 by scale_step, warps and iterations'
    )
    parser.add_argument(
        '--picture', metavar='OUT.jpg', help='draw frames, their flow, and that of the first method'
    )
    args = parser.parse_args()
    cv2.setNumThreads(1)
    rgb = read_gif(args.rgb)
    theirs = (read_gif(args.flow)[:-1, ..., :2] / 255 - 0.5).astype(np.float32) * 20
    smooth = np.stack([cv2.GaussianBlur(flow, (0, 0), 1) for flow in theirs])
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in rgb]
    flows = []
    methods = {name: dict(type=name) for name in args.methods}
    if args.curve:
        methods = {
            f'{scale_step}, {warps} x {iterations}': dict(
                type='tvl1', scale_step=scale_step, warps=warps, iterations=iterations
            )
            for scale_step, warps, iterations in CURVE
        }
    print(
        f'{"":14}{"all pixels":>14}{"mean of pairs":>16}{"without dither":>16}{"energy":>9}'
        f'{"a pair":>12}'
    )
    for method, arguments in methods.items():
        compute = FLOW_METHODS.build(arguments)
        compute(grey[0], grey[1])
        start = time.perf_counter()
        flows.append(np.stack([compute(*pair) for pair in zip(grey, grey[1:])]))
        milliseconds = (time.perf_counter() - start) / len(theirs) * 1000
        figures = [
            correlations(flows[-1], theirs),
            *(
                np.mean([correlations(*pair) for pair in zip(flows[-1], other)], 0)
                for other in (theirs, smooth)
            ),
        ]
        texts = [f'{x:.3f} {y:.3f}' for x, y in figures]
        reached = np.mean([energy(*of) for of in zip(flows[-1], grey, grey[1:])])
        print(
            f'{method:14}{texts[0]:>14}{texts[1]:>16}{texts[2]:>16}{reached:9.3f}'
            f'{milliseconds:9.1f} ms'
        )
    if args.picture:
        picture = draw(rgb, [theirs, flows[0]], [10, 40, 70])
        cv2.imwrite(args.picture, picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])


if __name__ == '__main__':
    main()
