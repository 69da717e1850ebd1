"""Convert a public checkpoint to this project's, or back to PyTorch."""

from __future__ import annotations

import argparse

from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'source_file',
        metavar='SRC',
        help="PyTorch's .pt, .pth or .pyth, of I3D or of torchvision's, mmaction2's and "
        "pytorchvideo's networks (i3dbox docs networks); of I3D also TensorFlow's .index, flax's "
        '.pkl and a MindSpore .ckpt; or zoo://NAME',
    )
    parser.add_argument('out', metavar='DST', help='the .ckpt to write; with --to pytorch, the .pt')
    arguments.add_choice(
        parser,
        '--source',
        ('auto', 'pytorch', 'tensorflow', 'original'),
        'what SRC is; default: what it looks like',
    )
    parser.add_argument(
        '--modality', choices=('RGB', 'Flow'), help='what it must be; with --inflate, what to make'
    )
    parser.add_argument(
        '--inflate',
        action='store_true',
        help='SRC holds the 2D Inception-v1 of ImageNet: '
        "torchvision's googlenet or TF-slim's inception_v1",
    )
    arguments.add_choice(
        parser,
        '--to',
        ('i3dbox', 'pytorch', 'pytorch_hassony2', 'torchvision', 'mmaction2'),
        'write a .ckpt (default), or a state_dict: of I3D as piergiaj/pytorch-i3d (pytorch) or '
        'hassony2/kinetics_i3d_pytorch loads it, of other networks as their makers do',
    )


def run(args: argparse.Namespace) -> None:
    import os

    from ..errors import CheckpointError
    from ..fileio import check_writable
    from ..weights.checkpoint_file import write_checkpoint
    from ..weights.conversion import convert, to_pytorch
    from ..weights.pytorch_files import write_pytorch
    from ..weights.zoo import local_path

    endings = ('.ckpt',) if args.to == 'i3dbox' else ('.pt', '.pth')
    if not args.out.endswith(endings):
        hint = '; --to pytorch writes one for PyTorch' * args.out.endswith(('.pt', '.pth'))
        raise CheckpointError(f'DST ends in {" or ".join(endings)}; got {args.out}{hint}')
    check_writable(args.out)
    converted = convert(local_path(args.source_file), args.source, args.modality, args.inflate)
    if args.to == 'i3dbox':
        write_checkpoint(
            args.out,
            converted.parameters,
            meta=dict(modality=converted.modality, source=os.path.basename(args.source_file)),
        )
    else:
        write_pytorch(args.out, to_pytorch(converted.parameters, args.to))
    head = f'{converted.num_classes} classes' if converted.num_classes else 'no head'
    print(
        f'{args.out}: {converted.modality}, {head}, {len(converted.parameters)} parameters, from '
        f'names of {converted.scheme}'
    )
