"""Run an exported model over the files that preprocess.py wrote."""

from __future__ import annotations

import argparse

from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'artefact', metavar='ARTEFACT', help='a .mindir or .onnx that `i3dbox export` wrote'
    )
    parser.add_argument('dataset', metavar='DATASET', help='the folder that preprocess.py wrote')
    arguments.add_backend_arguments(parser)


def run(args: argparse.Namespace) -> None:
    from ..apis.deploy import infer

    number = arguments.call(infer, args, folder=args.dataset)
    print(f'answers to {number} files in {args.dataset}')
