"""Make a checkpoint ready to publish: weights only, its hash in the name, a zoo entry."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('checkpoint', metavar='CKPT', help='a .ckpt of a training run')
    parser.add_argument(
        'out', metavar='OUT', help='the file to write; 8 digits of its hash are added to the name'
    )


def run(args: argparse.Namespace) -> None:
    import os

    from ..errors import CheckpointError
    from ..fileio import scratch_folder, sha256
    from ..models.i3d_table import HEAD_WEIGHT
    from ..weights.checkpoint import load_weights_only
    from ..weights.checkpoint_file import write_checkpoint

    stem, extension = os.path.splitext(args.out)
    if extension not in ('', '.ckpt'):
        raise CheckpointError(f'OUT ends in .ckpt; got {args.out}')
    parameters, meta = load_weights_only(args.checkpoint)
    with scratch_folder(stem) as folder:  # its hash, and so its name, is known when it is whole
        unnamed = os.path.join(folder, 'unnamed.ckpt')
        write_checkpoint(unnamed, parameters, meta=meta)
        digest = sha256(unnamed)
        path = f'{stem}-{digest[:8]}.ckpt'
        os.replace(unnamed, path)
    classes = len(parameters[HEAD_WEIGHT]) if HEAD_WEIGHT in parameters else None
    print(f"""{path}: {len(parameters)} parameters, sha256 {digest}

An entry for i3dbox/weights/zoo_index.py, with the rest of the URL to be filled in:

    {os.path.basename(stem)!r}: Entry(
        {meta.get('modality', 'RGB')!r}, {classes}, 'DATA', (
            File('/OWNER/REPOSITORY/raw/BRANCH/{os.path.basename(path)}', 'sha256:{digest}',
                 {os.path.basename(path)!r}),),
        None, 'OWNER/REPOSITORY', 'LICENCE', 'FIGURES'),""")
