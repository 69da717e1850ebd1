"""Run each operator of I3D by itself, forward and backward, on a device: which one fails shows.

    python tools/ascend_operators.py --device Ascend
    python tools/ascend_operators.py --device Ascend --run best.mindir    # one inference of a file

For tools/ascend_smoke.sh.
"""

import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--device', choices=('CPU', 'Ascend'), default='Ascend')
    parser.add_argument('--run', metavar='FILE', help='an exported file')
    args = parser.parse_args()
    from i3dbox.errors import I3DBoxError

    try:
        return infer(args.run, args.device.lower()) if args.run else run_all(args.device)
    except I3DBoxError as error:
        print(f'ascend_operators.py: error: {error}', file=sys.stderr)
        return 1


def run_all(device):
    """Runs every operator; returns the exit status."""
    from i3dbox.engine.runners.ascend910 import Ascend910Runner
    from i3dbox.engine.runners.cpu import CPURunner

    runner = Ascend910Runner() if device == 'Ascend' else CPURunner()
    runner.setup(0)
    failed = [name for name, cell, clip in operators() if not works(name, cell, clip, runner)]
    print(f'{len(failed)} failed: {", ".join(failed)}' if failed else 'all operators work')
    return int(bool(failed))


def operators():
    """Yields (name, cell, shape of its input): I3D's layers at sizes that occur in it."""
    from mindspore import nn

    from i3dbox.models.heads.i3d_head import I3DHead
    from i3dbox.models.layers import BatchNorm3d, Dropout, MaxPool3d, Unit3D

    yield 'Conv3d 7x7x7, stride 2', nn.Conv3d(3, 64, 7, 2, pad_mode='same'), (1, 3, 16, 112, 112)
    yield 'Conv3d 1x1x1', nn.Conv3d(64, 64, 1), (1, 64, 8, 28, 28)
    yield 'Conv3d 3x3x3', nn.Conv3d(64, 192, 3, pad_mode='same'), (1, 64, 8, 28, 28)
    yield 'BatchNorm3d', BatchNorm3d(64), (1, 64, 8, 28, 28)
    yield 'MaxPool over space', MaxPool3d((1, 3, 3), (1, 2, 2)), (1, 64, 8, 56, 56)
    yield 'MaxPool 3x3x3', MaxPool3d(3), (1, 192, 8, 28, 28)
    yield 'MaxPool 2x2x2, stride 2', MaxPool3d((2, 2, 2), (2, 2, 2)), (1, 832, 4, 7, 7)
    yield 'Conv3d, norm, ReLU', Unit3D(64, 64, 3), (1, 64, 8, 28, 28)
    yield 'Dropout', Dropout(0.5), (2, 1024, 7, 1, 1)
    yield 'head', I3DHead(400), (1, 1024, 2, 7, 7)


def works(name, cell, shape, runner):
    """Runs a layer forward and backward as training does; prints how it went."""
    import mindspore as ms
    from mindspore import ops

    from i3dbox.engine.mixed_precision import mixed_precision

    mixed_precision(cell, runner.amp_level)
    cell.set_train(True)
    clip = ms.Tensor(np.random.default_rng(0).normal(size=shape).astype(np.float32))

    def total(x):
        return cell(x).astype(ms.float32).sum()

    begin = time.perf_counter()
    try:
        gradient = ops.grad(total)(clip).asnumpy()
    except Exception as error:  # whatever the device says
        print(f'FAILED {name}: {type(error).__name__}: {error}')
        return False
    finite = np.isfinite(gradient).all()
    took = time.perf_counter() - begin
    print(f'{"ok    " if finite else "FAILED"} {name}: {took:.1f} s, gradient finite: {finite}')
    return bool(finite)


def infer(path, device):
    from i3dbox.runtimes.exported import load_exported

    model = load_exported(path, 'mindspore', device=device)
    clips = [np.zeros([size or 1 for size in spec.shape], spec.dtype) for spec in model.inputs]
    begin = time.perf_counter()
    logits = model(*clips)
    print(f'{path}: logits {logits.shape}, {time.perf_counter() - begin:.1f} s with compilation')
    return int(not np.isfinite(logits).all())


if __name__ == '__main__':
    raise SystemExit(main())
