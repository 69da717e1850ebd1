"""Write the clips of a config's test set as files, for inference on Ascend 310 or elsewhere."""

from __future__ import annotations

import argparse

from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_config_argument(parser)
    parser.add_argument('out', metavar='OUT', help='the folder for the files')
    arguments.add_number(parser, '--batch-size', 'clips a file', default=1)
    arguments.add_choice(parser, '--split', ('test', 'val'), "which of the config's data sets")
    parser.add_argument(
        '--protocol',
        metavar='NAME',
        help="one of the config's protocols; default: what the data "
        'says, or centre where that is whole videos, which exported files cannot take',
    )
    arguments.add_choice(parser, '--input', ('uint8', 'float32'), "as export's")


def run(args: argparse.Namespace) -> None:
    from ..apis.deploy import write_dataset
    from ..config_checks.protocols import apply_protocol

    cfg = arguments.load_config(args)
    if args.protocol:
        apply_protocol(cfg, args.protocol, args.split)
    manifest = arguments.call(write_dataset, args, cfg=cfg, data=args.split)
    if manifest['skipped']:
        print(
            f'{len(manifest["skipped"])} damaged videos are left out: '
            f'{", ".join(manifest["skipped"])}'
        )
    clips = sum(video >= 0 for video in manifest['clips'])
    print(f'protocol: {manifest["protocol"]}')
    print(
        f'{clips} clips of {len(manifest["videos"])} videos in {len(manifest["files"])} files of '
        f'{manifest["batch_size"]} in {args.out}'
    )
