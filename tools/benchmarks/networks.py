"""Clips a second of each network of the zoo in every engine, beside PyTorch's, on this machine.

    python tools/benchmarks/networks.py [--networks NAME ...] [--repeat 3] [--rounds 2]
        [--json FILE]

Each network has the clips of its recipe, one at a time, noise, and made-up weights. PyTorch's are
those of the tests, written from the papers, in channels-last; they are fed frames that are
normalized already. Every engine works in a process of its own, one after the other, in `rounds`
rounds, since times on a shared machine drift; the best median of the rounds counts.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from figures import write_figures

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]
os.environ.setdefault('GLOG_v', '3')

# recipe: PyTorch's network in the tests, and its arguments
NETWORKS = {
    'i3d_rgb_kinetics400': ('torch_i3d', 'TorchI3D', {}),
    'i3d_r50_32x2_kinetics400': ('resnet', 'i3d_r50', {}),
    'i3d_nl_r50_32x2_kinetics400': ('resnet', 'i3d_nl_r50', {}),
    'slowonly_r50_4x16_kinetics400': ('resnet', 'slowonly_r50', {}),
    'slowonly_r50_8x8_kinetics400': ('resnet', 'slowonly_r50', {}),
    'slowfast_r50_4x16_kinetics400': ('test_slowfast', 'TorchSlowFast', dict(depth=50)),
    'slowfast_r50_8x8_kinetics400': (
        'test_slowfast',
        'TorchSlowFast',
        dict(depth=50, rate=4, ratio=4, kernel=7),
    ),
    'r2plus1d_18_kinetics400': ('resnet', 'r2plus1d_18', dict(pool1=0)),
    'r2plus1d_r34_8x8_kinetics400': ('resnet', 'r2plus1d_18', dict(depth=34)),
    'ircsn_r50_32x2_kinetics400': ('resnet', 'csn_ir_50', {}),
    'r3d_18_kinetics400': ('resnet', 'r3d_18', {}),
    'mc3_18_kinetics400': ('resnet', 'mc3_18', {}),
    's3d_kinetics400': ('test_s3d', 'TorchS3D', {}),
    'c3d_16x1_ucf101': ('test_c3d', 'TorchC3D', dict(numbers=8192)),
}
ENGINES = {
    'MindSpore': ('ours', 'mindspore', None),
    'OpenVINO': ('ours', 'openvino', 'float32'),
    'OpenVINO, bfloat16': ('ours', 'openvino', 'bfloat16'),
    'onnxruntime': ('ours', 'onnxruntime', 'float32'),
    'PyTorch, eager': ('theirs', False),
    'PyTorch, compiled': ('theirs', True),
}


def config_of(name):
    from i3dbox.config import Config
    from i3dbox.config.shipped import find_config
    from i3dbox.inference.model_spec import plain_i3d

    return (
        plain_i3d(dict(rgb=400))
        if name.startswith('i3d_rgb')
        else Config.fromfile(find_config(name))
    )


def clip_of(name):
    """A clip as the recipe tests it: uint8 T x H x W x C."""
    from i3dbox.apis.starting_point import choose_network

    network = choose_network(name)
    shape = network.clip_len, network.size, network.size, 3
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def ours(name, folder, engine, precision):
    """The network in an engine, with weights of a file."""
    from i3dbox.inference.engines import build_engine
    from i3dbox.models import build_recognizer
    from i3dbox.weights.checkpoint import save_checkpoint

    cfg = config_of(name)
    path = os.path.join(folder, f'{name}.ckpt')
    if not os.path.exists(path):
        save_checkpoint(path, build_recognizer(cfg.model), meta=dict(modality='RGB'))
    built = build_engine(cfg, engine, precision, 'CPU')
    built.load(path)
    return built.streams['imgs'].logits


def theirs(name, folder, compiled):
    """PyTorch's network."""
    import importlib

    import torch

    module, what, arguments = NETWORKS[name]
    if module == 'resnet':
        from test_resnet3d import NETWORKS as RESNETS
        from torch_resnet3d import TorchResNet3d

        network = TorchResNet3d(**{'classes': 400, **RESNETS[what][1], **arguments})
    else:
        network = getattr(importlib.import_module(module), what)(**arguments)
    network = network.eval().to(memory_format=torch.channels_last_3d)
    if compiled:
        import torch._inductor.config

        torch._inductor.config.freezing = True
        network = torch.compile(network)

    def call(clips):
        values = torch.from_numpy(clips).permute(0, 4, 1, 2, 3).float() / 127.5 - 1
        with torch.no_grad():
            return network(values.to(memory_format=torch.channels_last_3d))

    return call


def measure(args):
    """In a process of its own: prints the median of the seconds a clip."""
    kind, *options = ENGINES[args.only]
    clip = clip_of(args.networks[0])[None]
    call = globals()[kind](args.networks[0], args.folder, *options)
    for _ in range(2):
        call(clip)
    seconds = []
    for _ in range(args.repeat):
        start = time.perf_counter()
        call(clip)
        seconds.append(time.perf_counter() - start)
    print(json.dumps(float(np.median(seconds))))


def run(engine, name, args, folder):
    """Measures in a process of its own; returns the seconds of a clip, or None."""
    words = ['--only', engine, '--networks', name, '--folder', folder, '--repeat', str(args.repeat)]
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True)
    if done.returncode:
        print(f'{engine}, {name}: {done.stderr.strip().splitlines()[-1]}', file=sys.stderr)
        return None
    seconds = json.loads(done.stdout.splitlines()[-1])
    print(f'{engine}, {name}: {seconds:.3f} s', file=sys.stderr, flush=True)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--networks', nargs='+', choices=list(NETWORKS), default=list(NETWORKS), metavar='NAME'
    )
    parser.add_argument(
        '--engines', nargs='+', choices=list(ENGINES), default=list(ENGINES), metavar='NAME'
    )
    parser.add_argument('--repeat', type=int, default=3)
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--json', metavar='FILE', help='also write the figures there')
    parser.add_argument('--only', help=argparse.SUPPRESS)
    parser.add_argument('--folder', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        return measure(args)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.rounds):
            for name in args.networks:
                for engine in args.engines:
                    seconds = run(engine, name, args, folder)
                    if seconds:
                        found[name, engine] = min(seconds, found.get((name, engine), seconds))
    print(f'| | clip | {" | ".join(args.engines)} |')
    print('|---|---|' + '---|' * len(args.engines))
    for name in args.networks:
        cells = [
            f'{1 / found[name, engine]:.2f}' if (name, engine) in found else 'failed'
            for engine in args.engines
        ]
        sides = ' x '.join(map(str, clip_of(name).shape[:3]))
        print(f'| {name} | {sides} | {" | ".join(cells)} |')
    if args.json:
        figures = {f'{name}, {engine}: clips/s': 1 / s for (name, engine), s in found.items()}
        write_figures(args.json, figures)


if __name__ == '__main__':
    main()
