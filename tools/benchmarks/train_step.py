"""Milliseconds of a training step, and its peak memory, against PyTorch: all layers, and head and
Mixed_5 alone.

    python tools/benchmarks/train_step.py [--shape 16 112 112] [--rounds 5] [--json FILE]

Both are I3D on a batch of two clips with SGD and momentum, PyTorch's by tests/torch_i3d.py. Each
way is a process of its own, which waits for its turn, so that rounds alternate; the ratio is of the
medians.
"""

import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
from figures import write_figures

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / 'tests'))
BATCH = 2
CLASSES = 101
LATE = ('logits', 'Mixed_5')
WHAT = ('all layers', 'head and Mixed_5')


def i3dbox_step(what, shape):
    """Returns a function that does one step in MindSpore."""
    os.environ.setdefault('GLOG_v', '3')
    import mindspore as ms

    from i3dbox.config import Config
    from i3dbox.engine.optimizers.build import build_optimizer
    from i3dbox.engine.runners.cpu import CPURunner
    from i3dbox.engine.train_step import TrainStep
    from i3dbox.inference.frozen_trunk import FrozenTrunk
    from i3dbox.models import build_recognizer
    from i3dbox.models.freezing import freeze
    from i3dbox.models.tail import Tail
    from i3dbox.registry import LOSSES

    CPURunner().setup(0)
    model = dict(
        type='Recognizer3D',
        backbone=dict(type='InceptionI3D'),
        head=dict(type='I3DHead', num_classes=CLASSES),
    )
    network = recognizer = build_recognizer(model)
    freeze(recognizer, list(LATE) if what != WHAT[0] else None)
    trunk = None
    if what != WHAT[0]:  # as training does
        trunk = FrozenTrunk(Config(dict(model=model)), recognizer)
        network = Tail(recognizer, trunk.endpoint)
    trained = [p for p in recognizer.get_parameters() if p.requires_grad]
    optimizer = build_optimizer(dict(type='SGD', lr=0.01, momentum=0.9), trained, [0.01] * 10000)
    train_step = TrainStep(network, LOSSES.build(dict(type='CrossEntropyLoss')), optimizer)
    train_step.set_train(True)
    clips = np.random.default_rng(0).integers(0, 256, (BATCH, 1, *shape, 3), np.uint8)
    labels = ms.Tensor(np.arange(BATCH), ms.int32)

    def step():
        inputs = np.stack([trunk(clip) for clip in clips]) if trunk else clips
        return float(train_step(ms.Tensor(inputs), labels)[0].asnumpy())

    return step


def pytorch_step(what, shape):
    """Returns a function that does one step in PyTorch."""
    import torch
    from torch_i3d import random_network

    network = random_network(3, CLASSES).train()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(what == WHAT[0] or name.startswith(LATE))
    for name, module in network.named_modules():
        if what != WHAT[0] and name and not name.startswith(LATE):
            module.eval()  # as frozen layers keep their statistics
    trained = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.01, momentum=0.9)
    clips = np.random.default_rng(0).integers(0, 256, (BATCH, *shape, 3), np.uint8)
    labels = torch.arange(BATCH)

    def step():
        batch = torch.from_numpy(clips).permute(0, 4, 1, 2, 3).float() / 127.5 - 1
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(network(batch)['logits'], labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


WAYS = {'i3dbox': i3dbox_step, 'PyTorch': pytorch_step}


def work(way, what, shape, steps):
    """Does some steps for each line of standard input, and prints the median of their seconds."""
    step = WAYS[way](what, shape)
    for _ in range(2):
        step()
    print('ready', flush=True)
    for _ in sys.stdin:
        seconds = []
        for _ in range(steps):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        print(statistics.median(seconds), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--shape', type=int, nargs=3, default=(16, 112, 112))
    parser.add_argument('--steps', type=int, default=5, help='of a round')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--json', metavar='FILE', help='also write the figures there')
    parser.add_argument('--worker', nargs=2, metavar=('WAY', 'WHAT'), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return work(*args.worker, tuple(args.shape), args.steps)
    figures = {}
    print('| | i3dbox | PyTorch | ratio |\n|---|---|---|---|')
    for what in WHAT:
        workers = {way: start(way, what, args) for way in WAYS}
        seconds = {way: [] for way in WAYS}
        for _ in range(args.rounds):
            for way, worker in workers.items():
                worker.stdin.write('go\n')
                worker.stdin.flush()
                taken, peak = worker.stdout.readline().split()
                seconds[way].append(float(taken))
                figures[f'{what}, {way}: peak bytes'] = int(peak) * 1024
        for way, worker in workers.items():
            worker.communicate()
            figures[f'{what}, {way}: ms a step'] = 1000 * statistics.median(seconds[way])
        cells = [
            f'{figures[f"{what}, {way}: ms a step"]:.0f} ms, '
            f'{figures[f"{what}, {way}: peak bytes"] / 1e9:.2f} GB'
            for way in WAYS
        ]
        ratio = np.divide(*(statistics.median(seconds[way]) for way in WAYS))
        figures[f'{what}: ratio'] = ratio
        print(f'| {what} | {" | ".join(cells)} | {ratio:.2f} |', flush=True)
    if args.json:
        write_figures(args.json, figures)


def start(way, what, args):
    """Starts a worker, and waits until it is ready."""
    words = ['--shape', *map(str, args.shape), '--steps', str(args.steps), '--worker', way, what]
    worker = subprocess.Popen(
        [sys.executable, __file__, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    for line in worker.stdout:
        if line == 'ready\n':
            return worker
    sys.exit(f'{way} does not start')


if __name__ == '__main__':
    main()
