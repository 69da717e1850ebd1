"""Clips a second and peak memory of one network in every runtime, beside PyTorch's, on this
machine.

    python tools/benchmarks/inference.py [--batch-sizes 1 4] [--clip-len 64] [--size 224]
        [--repeat 5] [--rounds 2] [--video FILE] [--calibrate FOLDER] [--json FILE]

RGB I3D with 101 classes and made-up weights on noise; with --video that of Kinetics-400 on the
first frames of a video. With --calibrate also in int8, calibrated on 24 clips of a folder. Every
runtime works in a process of its own, one after the other, in `rounds` rounds, since times on a
shared machine drift; the best median of the rounds counts. Memory is the process's largest resident
set. PyTorch's network (tests/torch_i3d.py) has the same weights; its padding is left to the
convolutions and pools where it is symmetric, and its layout is channels-last.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
from figures import write_figures

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]
os.environ.setdefault('GLOG_v', '3')

ZOO = 'i3d_rgb_kinetics400'
RUNTIMES = {
    'MindSpore, graph mode': ('network',),
    'MindSpore, as tools/test.py scores whole videos': ('whole',),
    "I3D's own graph in OpenVINO": ('engine', 'openvino', 'float32'),
    "I3D's own graph in OpenVINO, bfloat16": ('engine', 'openvino', 'bfloat16'),
    "I3D's own graph in onnxruntime": ('engine', 'onnxruntime', 'float32'),
    'MINDIR in MindSpore': ('exported', 'mindir', 'mindspore', None),
    'ONNX in onnxruntime': ('exported', 'onnx', 'onnxruntime', None),
    'ONNX in OpenVINO': ('exported', 'onnx', 'openvino', 'float32'),
    'ONNX in OpenVINO, bfloat16': ('exported', 'onnx', 'openvino', 'bfloat16'),
    'int8 of export, in OpenVINO': ('exported', 'xml', 'openvino', 'int8'),
    'PyTorch, eager': ('torch', False, False),
    'PyTorch, compiled': ('torch', True, False),
    'PyTorch, eager, bfloat16': ('torch', False, True),
    'PyTorch, compiled, bfloat16': ('torch', True, True),
}


def network(folder, batch):
    """The recognizer as tools/test.py runs it."""
    import mindspore as ms

    recognizer = recognizer_of(folder)
    recognizer.set_train(False)
    return lambda clips: recognizer(ms.Tensor(clips[:, None])).asnumpy()


def whole(folder, batch):
    """The graph of open length, a clip at a time."""
    from i3dbox.inference.clip_scorer import ClipScorer
    from i3dbox.inference.engines.mindspore_engine import MindSporeStream

    scorer = ClipScorer(MindSporeStream(recognizer_of(folder)), any_length=True)
    return lambda clips: scorer(clips[:, None])


def engine(folder, batch, name, precision):
    """What demo, features, fvd and test choose on a CPU."""
    from i3dbox.inference.engines import open_engine
    from i3dbox.inference.model_spec import ModelSpec

    spec = ModelSpec.resolve(checkpoint=str(folder / 'i3d.ckpt'))
    built, streams = open_engine(spec, name, precision, 'CPU')
    built.load(spec.checkpoint)
    return streams['rgb'].logits


def exported(folder, batch, extension, backend, precision):
    """A file of tools/export.py."""
    from i3dbox.apis import load_exported

    return load_exported(str(folder / f'b{batch}.{extension}'), backend, precision=precision)


def torch(folder, batch, compiled, bfloat16):
    """The PyTorch network with the same weights, preprocessing included."""
    import torch
    import torch_i3d
    from torch.nn import functional as F

    from i3dbox.weights.checkpoint import load_checkpoint
    from i3dbox.weights.conversion import to_pytorch

    class Unit(torch_i3d.Unit):
        """Padding by the convolution itself, which saves a copy."""

        def forward(self, x):
            return F.relu(self.bn(self.conv3d(x)))

    class Served(torch_i3d.TorchI3D):
        """From uint8 clips to logits, without keeping what lies between."""

        def forward(self, clips):
            x = clips.permute(0, 4, 1, 2, 3).float().mul(2 / 255).sub(1)
            for name in torch_i3d.ORDER:
                x = (
                    torch_i3d.max_pool(x, *torch_i3d.POOLS[name])
                    if name in torch_i3d.POOLS
                    else getattr(self, name)(x)
                )
            return (
                self.logits.conv3d(F.avg_pool3d(x.mean((3, 4), keepdim=True), (2, 1, 1), 1))
                .mean((2, 3, 4))
                .float()
            )

    padded = torch_i3d.max_pool
    torch_i3d.max_pool = lambda x, kernel, stride: (
        F.max_pool3d(x, kernel, stride, 1) if stride == (1, 1, 1) else padded(x, kernel, stride)
    )
    parameters = load_checkpoint(str(folder / 'i3d.ckpt'))[0]
    model = Served(3, len(parameters['head.logits.weight']))
    state = {name: torch.from_numpy(array) for name, array in to_pytorch(parameters).items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all(name.endswith('num_batches_tracked') for name in missing)
    model = model.eval().to(memory_format=torch.channels_last_3d)
    for unit in model.modules():
        if isinstance(unit, torch_i3d.Unit) and unit.stride == (1, 1, 1):
            unit.__class__, unit.conv3d.padding = Unit, tuple(k // 2 for k in unit.kernel)
    if compiled:
        import torch._inductor.config

        torch._inductor.config.freezing = True
        model = torch.compile(model)

    def call(clips):
        with torch.no_grad(), torch.autocast('cpu', torch.bfloat16, bfloat16):
            return model(torch.from_numpy(clips)).numpy()

    return call


def recognizer_of(folder):
    from i3dbox.inference.model_spec import ModelSpec
    from i3dbox.inference.network import load_network

    return load_network(ModelSpec.resolve(checkpoint=str(folder / 'i3d.ckpt')), 'CPU')[0]


def clips_of(args):
    """Noise, or the beginning of the video, `batch` times."""
    shape = args.batch, args.clip_len, args.size, args.size, 3
    if not args.video:
        return np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    from i3dbox.inference.clip_pipelines import authors_pipeline
    from i3dbox.inference.clip_steps import clip_steps
    from i3dbox.inference.clip_windows import ClipWindows
    from i3dbox.media.frame_iterator import FrameIterator

    pipeline = authors_pipeline(short_side=max(256, args.size), size=args.size)
    windows = ClipWindows(clip_steps(dict(imgs=pipeline), 'rgb'), args.clip_len)
    return np.broadcast_to(next(iter(windows.over(FrameIterator(args.video)))).rgb, shape).copy()


def measure(args):
    """In a process of its own: prints seconds a call, peak memory and the logits' first values as
    JSON.
    """
    kind, *options = RUNTIMES[args.only]
    clips = clips_of(args)
    call = globals()[kind](pathlib.Path(args.folder), args.batch, *options)
    for _ in range(2):
        logits = call(clips)
    seconds = []
    for _ in range(args.repeat):
        start = time.perf_counter()
        call(clips)
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        json.dumps(
            dict(
                seconds=float(np.median(seconds)),
                peak=peak,
                logits=np.asarray(logits)[0].tolist(),
            )
        )
    )


def prepare(folder, args):
    """Writes the checkpoint and the exported files."""
    from i3d_weights import write_i3d_checkpoint

    from i3dbox.apis.export import export
    from i3dbox.inference.model_spec import ModelSpec
    from i3dbox.weights.zoo import fetch

    if args.video:
        shutil.copyfile(fetch(ZOO), folder / 'i3d.ckpt')
    else:
        write_i3d_checkpoint(folder / 'i3d.ckpt', 'RGB', 101)
    cfg = ModelSpec.resolve(checkpoint=str(folder / 'i3d.ckpt')).cfg
    for batch in args.batch_sizes:
        for format, extension in (('MINDIR', 'mindir'), ('ONNX', 'onnx')):
            export(
                cfg,
                str(folder / 'i3d.ckpt'),
                format,
                str(folder / f'b{batch}.{extension}'),
                batch,
                args.clip_len,
                args.size,
                device='CPU',
            )
        if args.calibrate:
            export(
                cfg,
                str(folder / 'i3d.ckpt'),
                'OPENVINO',
                str(folder / f'b{batch}.xml'),
                batch,
                args.clip_len,
                args.size,
                device='CPU',
                precision='int8',
                calibrate=args.calibrate,
                clips=24,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--batch-sizes', type=int, nargs='+', default=[1, 4])
    parser.add_argument('--clip-len', type=int, default=64)
    parser.add_argument('--size', type=int, default=224)
    parser.add_argument('--repeat', type=int, default=5)
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument(
        '--runtimes', nargs='+', choices=list(RUNTIMES), default=list(RUNTIMES), metavar='NAME'
    )
    parser.add_argument('--video', help='a real video, for the network of Kinetics-400')
    parser.add_argument('--calibrate', metavar='FOLDER', help='of videos, for int8')
    parser.add_argument('--json', metavar='FILE', help='also write the figures there')
    parser.add_argument('--prepare', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('--only', help=argparse.SUPPRESS)
    parser.add_argument('--batch', type=int, help=argparse.SUPPRESS)
    parser.add_argument('--folder', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.prepare:
        return prepare(pathlib.Path(args.folder), args)
    if args.only:
        return measure(args)
    if not args.calibrate:
        args.runtimes = [name for name in args.runtimes if RUNTIMES[name][-1] != 'int8']
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        sizes = ['--folder', folder, '--clip-len', str(args.clip_len), '--size', str(args.size)]
        for option in ('video', 'calibrate'):
            if getattr(args, option):
                sizes += [f'--{option}', getattr(args, option)]
        subprocess.run(
            [
                sys.executable,
                __file__,
                '--prepare',
                *sizes,
                '--batch-sizes',
                *map(str, args.batch_sizes),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for round_number in range(args.rounds):
            for batch in args.batch_sizes:
                for name in args.runtimes:
                    done = subprocess.run(
                        [
                            sys.executable,
                            __file__,
                            '--only',
                            name,
                            '--batch',
                            str(batch),
                            *sizes,
                            '--repeat',
                            str(args.repeat),
                        ],
                        capture_output=True,
                        text=True,
                    )
                    if done.returncode:
                        print(
                            f'{name}, batch {batch}: {done.stderr.strip().splitlines()[-1]}',
                            file=sys.stderr,
                        )
                        continue
                    result = json.loads(done.stdout.splitlines()[-1])
                    print(
                        f'round {round_number + 1}, {name}, batch {batch}: {result["seconds"]:.2f} '
                        f's',
                        file=sys.stderr,
                        flush=True,
                    )
                    best = found.setdefault((name, batch), result)
                    best['seconds'] = min(best['seconds'], result['seconds'])
    head = ' | '.join(f'batch {batch}: clips/s, peak memory' for batch in args.batch_sizes)
    print(
        f'| {args.clip_len} x {args.size} x {args.size} | {head} | '
        'largest difference of logits, of the largest logit | the same first class |'
    )
    print('|---|' + '---|' * (len(args.batch_sizes) + 2))
    reference = np.array(found[args.runtimes[0], args.batch_sizes[0]]['logits'])
    for name in args.runtimes:
        cells, result = [], None
        for batch in args.batch_sizes:
            result = found.get((name, batch))
            cells.append(
                f'{batch / result["seconds"]:.2f}, {result["peak"] / 1e9:.1f} GB'
                if result
                else 'failed'
            )
        difference = same = ''
        if result:
            logits = np.array(result['logits'])
            difference = f'{np.abs(logits - reference).max() / np.abs(reference).max():.1e}'
            same = 'yes' if logits.argmax() == reference.argmax() else 'no'
        print(f'| {name} | {" | ".join(cells)} | {difference} | {same} |')
    if args.json:
        figures = {}
        for (name, batch), result in found.items():
            figures[f'{name}, batch {batch}: clips/s'] = batch / result['seconds']
            figures[f'{name}, batch {batch}: peak bytes'] = result['peak']
        write_figures(args.json, figures)


if __name__ == '__main__':
    main()
