"""Build annotation files from the official split files and folders of frames."""

from __future__ import annotations

import argparse

from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('dataset', choices=('ucf101', 'hmdb51'), help='whose split files they are')
    parser.add_argument('splits', metavar='SPLITS', help='the folder of the official split files')
    parser.add_argument('frames', metavar='FRAMES', help='the folder of folders of frames')
    parser.add_argument('out', metavar='OUT', help='the folder for the annotation files')
    arguments.add_choice(
        parser,
        '--format',
        ('original', 'mmaction'),
        "original (default): the original's JSON; mmaction: lists of videos and of rawframes",
    )
    arguments.add_frame_arguments(parser, modality='RGB')
    arguments.add_choice(
        parser,
        '--missing',
        ('raise', 'skip'),
        'what to do about entries without frames; default: raise an error',
    )


def run(args: argparse.Namespace) -> None:
    from ..preparation.annotations import build_annotations

    for path in arguments.call(
        build_annotations,
        args,
        name=args.dataset,
        split_dir=args.splits,
        frame_dir=args.frames,
    ):
        print(path)
