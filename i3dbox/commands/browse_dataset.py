"""Write what the network is really fed as contact sheets, one picture a sample."""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import unicodedata
from typing import TYPE_CHECKING

from . import arguments

if TYPE_CHECKING:
    import numpy as np

    from ..datasets.base import BaseDataset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_config_argument(parser)
    parser.add_argument('out', metavar='OUT', help='the folder for the pictures')
    arguments.add_subset_argument(parser)
    arguments.add_number(parser, '--number', 'how many samples', default=20)
    arguments.add_number(
        parser,
        '--seed',
        'chooses the samples; their crops are those of epoch 0 in a run of this seed',
        low=0,
        default=0,
    )


def run(args: argparse.Namespace) -> None:
    import numpy as np

    from ..config_checks.checks import build_dataset, check_config
    from ..datasets.sampler import sample_rng
    from ..errors import DamagedSampleError

    cfg = arguments.load_config(args)
    check_config(cfg, ('data',), data=(args.subset,))
    make_folder(args.out)
    dataset = build_dataset(cfg, args.subset)
    chosen = np.random.default_rng(args.seed).permutation(len(dataset))[: args.number]
    written = 0
    for index in sorted(chosen.tolist()):
        name = dataset.samples[index]['name']
        try:
            # as in epoch 0 of such a run
            results = dataset.load(index, sample_rng(args.seed, 0, index))
        except DamagedSampleError as error:
            print(f'{name} is damaged: {error}')
            continue
        # the index keeps names apart that look alike once they are made safe
        path = os.path.join(args.out, f'{args.subset}_{index:05d}_{safe_name(name)}.png')
        write_picture(path, draw(dataset, results))
        written += 1
        print(path)
    print(f'{written} of {len(dataset)} {args.subset} samples drawn in {args.out}')


def draw(dataset: BaseDataset, results: dict) -> np.ndarray:
    """Draws one loaded sample (what `dataset.load` returns): a contact sheet for each input."""
    from ..datasets.base import labels_of
    from ..visualization.contact_sheet import contact_sheet, stack

    names = dataset.classes or [f'label {label}' for label in range(dataset.num_classes)]
    class_name = ', '.join(names[label] for label in labels_of(results['label']))
    sheets = []
    for column in dataset.inputs:
        clip = results[column]
        modality = 'Flow' if clip.shape[-1] == 2 else 'RGB'
        size = ' x '.join(map(str, clip.shape))
        sheets.append(
            contact_sheet(clip, modality, f'{results["name"]}\n{class_name}  {modality} {size}')
        )
    return stack(sheets)


def safe_name(name: str) -> str:
    """Returns `name` as a file name for any system: ASCII letters, digits, '-', '_' and '.'; at
    most 100 of them.
    """
    plain = ''.join(
        letter
        for letter in unicodedata.normalize('NFKD', name)
        if not unicodedata.combining(letter)
    )
    return re.sub(r'[^A-Za-z0-9_.-]+', '_', plain).strip('._')[-100:] or 'sample'


def write_picture(path: str, image: np.ndarray) -> None:
    """Writes an RGB image as PNG, in one step, unless the very same picture is there."""
    import cv2

    from ..fileio import atomic_write

    data = cv2.imencode('.png', image[..., ::-1])[1].tobytes()
    file = pathlib.Path(path)
    if not file.is_file() or file.read_bytes() != data:
        atomic_write(path, data)


def make_folder(path: str) -> None:
    """Makes a folder; raises DataError where that cannot be."""
    from ..errors import DataError

    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise DataError(
            f'{path}: cannot be made a folder for the pictures: {error.strerror}'
        ) from error
