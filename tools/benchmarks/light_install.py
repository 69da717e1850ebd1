"""What an installation weighs, and how long it takes: what answers, and what trains as well.

    python tools/benchmarks/light_install.py [--json FILE]

Each is installed by pip from this checkout into a fresh environment, and the first recognises a
video of noise with made-up weights, to show that nothing is missing.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time
import venv

from figures import write_figures

ROOT = pathlib.Path(__file__).resolve().parents[2]
WHAT = {'answers: pip install .': '', 'trains as well: pip install ".[train]"': '[train]'}
ANSWER = """
import sys, numpy as np
from i3dbox.models.i3d_table import parameter_shapes
from i3dbox.weights.checkpoint_file import write_checkpoint
import i3dbox
from i3dbox.inference.model_spec import ModelSpec
from i3dbox.inference.recognizer import load_recognizer
rng = np.random.default_rng(0)
made = {name: rng.uniform(0.01, 0.02, shape).astype(np.float32)
        for name, shape in parameter_shapes(3, 5).items()}
write_checkpoint('a.ckpt', made, meta=dict(modality='RGB'))
recognizer = load_recognizer(ModelSpec.resolve(checkpoint='a.ckpt'))
print(recognizer.engine, recognizer(np.zeros((16, 64, 64, 3), np.uint8)).top(1))
"""


def size_of(folder):
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob('*') if path.is_file())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--json', metavar='FILE', help='also write the figures there')
    args = parser.parse_args()
    figures = {}
    print('| | GB | s to install |\n|---|---|---|')
    for name, extra in WHAT.items():
        with tempfile.TemporaryDirectory() as folder:
            venv.create(folder, with_pip=True)
            python = pathlib.Path(folder, 'bin', 'python')
            before = size_of(pathlib.Path(folder))
            start = time.perf_counter()
            subprocess.run(
                [python, '-m', 'pip', 'install', '--quiet', f'{ROOT}{extra}'],
                check=True,
                stderr=subprocess.DEVNULL,
            )
            seconds = time.perf_counter() - start
            taken = size_of(pathlib.Path(folder)) - before
            subprocess.run([python, '-c', ANSWER], cwd=folder, check=True, stdout=sys.stderr)
        figures[f'{name}, bytes'] = taken
        figures[f'{name}, s'] = seconds
        print(f'| {name} | {taken / 1e9:.2f} | {seconds:.0f} |', flush=True)
    if args.json:
        write_figures(args.json, figures)


if __name__ == '__main__':
    main()
