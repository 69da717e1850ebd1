"""Count the images in folders of frames and write the number into each folder's file n_frames."""

from __future__ import annotations

import argparse
import os

from . import arguments
from .report_jobs import report_failures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'frames', metavar='FRAMES', help='a folder of folders of frames or flow, at any depth'
    )
    arguments.add_frame_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from ..errors import DamagedSampleError, DataError
    from ..fileio import atomic_write
    from ..preparation.jobs import Failure
    from ..preparation.sources import find_frame_folders

    modalities = arguments.modalities_of(args)
    folders = find_frame_folders(args.frames, modalities, args.filename_tmpl, args.start_index)
    if not folders:
        raise DataError(f'{args.frames}: holds no folders of frames')
    failures = []
    written = 0
    for source in tqdm(folders, desc='counting frames', unit='folder', disable=None):
        try:
            frames = source.open_folder(recount=True)
        except DamagedSampleError as error:
            failures.append(Failure(source.name, error.path, error.reason))
            continue
        atomic_write(os.path.join(source.path, 'n_frames'), str(len(frames)))
        written += 1
    print(f'{args.frames}: n_frames written in {written} of {len(folders)} folders')
    return report_failures(failures)
