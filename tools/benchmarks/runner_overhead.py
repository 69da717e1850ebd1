"""What the runner adds to a step: training through the loader, mindspore.train.Model and the hooks,
and testing through `score`, against the bare networks called in a loop on one batch that is there
already.

Rounds of both alternate, so that a slow moment of the machine meets both; the ratio is of the
medians.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

import numpy as np

os.environ.setdefault('GLOG_v', '3')  # MindSpore's errors only
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from i3dbox.apis.test import DatasetScorer  # noqa: E402
from i3dbox.datasets.base import BaseDataset  # noqa: E402
from i3dbox.datasets.loader import ClipLoader  # noqa: E402
from i3dbox.datasets.sampler import EpochSampler  # noqa: E402
from i3dbox.engine.build import build_hooks  # noqa: E402
from i3dbox.engine.logging import setup_logging  # noqa: E402
from i3dbox.engine.optimizers.build import build_optimizer  # noqa: E402
from i3dbox.engine.run import Run  # noqa: E402
from i3dbox.engine.runners.cpu import CPURunner  # noqa: E402
from i3dbox.engine.train_step import TrainStep  # noqa: E402
from i3dbox.inference.engines.mindspore_engine import mindspore_streams  # noqa: E402
from i3dbox.models import build_recognizer  # noqa: E402
from i3dbox.registry import LOSSES  # noqa: E402


class NoiseDataset(BaseDataset):
    """Clips of noise, copied for every sample as a decoder would fill new arrays."""

    def __init__(self, size, shape):
        self.size, self.clip = (
            size,
            np.random.default_rng(0).integers(0, 256, (1, *shape, 3), np.uint8),
        )
        super().__init__([], test_mode=True)

    def load_annotations(self):
        return [dict(name=str(i), label=i % 4) for i in range(self.size)]

    def load(self, index, rng):
        return dict(imgs=self.clip.copy(), label=index % 4, name=str(index), index=index)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--steps', type=int, default=8, help='of a round')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--batch-size', type=int, default=2)
    parser.add_argument(
        '--shape', type=int, nargs=3, default=(16, 112, 112), metavar=('T', 'H', 'W')
    )
    args = parser.parse_args()
    runner = CPURunner()
    runner.setup(0)
    import mindspore as ms

    logger = setup_logging()
    logger.setLevel('ERROR')
    recognizer = build_recognizer(
        dict(
            type='Recognizer3D',
            backbone=dict(type='InceptionI3D'),
            head=dict(type='I3DHead', num_classes=4),
        )
    )
    optimizer = build_optimizer(
        dict(type='SGD', lr=0.001), list(recognizer.trainable_params()), [0.001] * 100000
    )
    step = TrainStep(recognizer, LOSSES.build(dict(type='CrossEntropyLoss')), optimizer)
    dataset = NoiseDataset(args.steps * args.batch_size, args.shape)
    batch = (
        np.stack([dataset.clip] * args.batch_size),
        np.arange(args.batch_size, dtype=np.int32) % 4,
    )

    def train_bare():
        step.set_train(True)
        tensors = tuple(map(ms.Tensor, batch))
        for _ in range(args.steps):
            step(*tensors)[0].asnumpy()

    def train_runner():
        sampler = EpochSampler(len(dataset), args.batch_size)
        loader = ClipLoader(dataset, sampler, num_workers=1)
        with tempfile.TemporaryDirectory() as work_dir:
            run = Run(
                recognizer=recognizer,
                train_step=step,
                loader=loader,
                rates=[0.001] * args.steps,
                sampler=sampler,
                total_steps=args.steps,
                start_step=0,
                work_dir=work_dir,
                logger=logger,
                rank=0,
                world=1,
                evaluate=None,
                meta={},
            )
            runner.fit(run, build_hooks([dict(type='LoggerHook', interval=20)]))

    def test_bare():
        recognizer.set_train(False)
        imgs = ms.Tensor(batch[0])
        for _ in range(args.steps):
            recognizer(imgs).asnumpy()

    scorer = DatasetScorer(
        mindspore_streams(recognizer), dataset, batch_size=args.batch_size, num_workers=1
    )

    def test_runner():
        scorer()

    print(
        f'{args.batch_size} clips of {" x ".join(map(str, args.shape))}, median of {args.rounds} '
        f'rounds of {args.steps} steps'
    )
    for name, bare, full in (
        ('training step', train_bare, train_runner),
        ('forward pass', test_bare, test_runner),
    ):
        times = {bare: [], full: []}
        for round_number in range(args.rounds + 1):
            for function in times:
                start = time.perf_counter()
                function()
                if round_number:  # the first compiles
                    times[function].append((time.perf_counter() - start) / args.steps)
        alone, with_runner = map(statistics.median, times.values())
        print(
            f'  {name}: bare {alone * 1e3:.1f} ms, through the runner {with_runner * 1e3:.1f} ms, '
            f'ratio {with_runner / alone:.3f}'
        )


if __name__ == '__main__':
    main()
