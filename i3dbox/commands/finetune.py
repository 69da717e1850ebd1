"""Train on a folder of class folders of videos: split, config, training, test, report."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..streams import STREAMS
from . import arguments

if TYPE_CHECKING:
    from ..apis.finetune import Finetuned, Plan

SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('folder', metavar='FOLDER', help='holds a folder of videos for each class')
    parser.add_argument(
        '--model',
        metavar='NAME|CKPT|none',
        help='weights to start from: a name of the model zoo, a '
        '.ckpt or .pth (two for both streams, joined by a comma), or none; default: Kinetics-400',
    )
    parser.add_argument(
        '--config',
        metavar='C',
        help='of which network the weights are, a file or the name of a shipped config; default: '
        'that of a name of the zoo, or I3D',
    )
    parser.add_argument(
        '--stream',
        choices=tuple(STREAMS),
        help="what is trained; default: the model's stream, or rgb",
    )
    parser.add_argument(
        '--work-dir', metavar='D', help='where outputs go; default: work_dirs/<name of the folder>'
    )
    arguments.add_number(parser, '--epochs', 'default: by the number of videos')
    arguments.add_number(
        parser, '--clip-len', 'frames of a clip; default: as the network has them, I3D 64'
    )
    arguments.add_number(
        parser,
        '--size',
        'width and height of a clip; default: as the network has them, I3D 224. 16 frames of 112 '
        'cost a sixteenth',
    )
    arguments.add_number(parser, '--seed', 'of the split and of training', low=0)
    arguments.add_device_arguments(parser)
    arguments.add_engine_arguments(parser)
    arguments.add_language_argument(parser)
    arguments.add_cfg_options(parser)


def run(args: argparse.Namespace) -> None:
    from ..apis.estimates import estimate
    from ..apis.finetune import finetune, prepare
    from ..evaluation.tables import print_results
    from ..inference.engines import check_words
    from ..languages import system_language

    check_words(args.engine, args.precision)  # before anything is written
    plan = arguments.call(prepare, args, options=args.cfg_options)
    print_plan(plan)
    print(arguments.call(estimate, args, plan=plan), flush=True)
    done = arguments.call(finetune, args, plan=plan, language=args.lang or system_language())
    print_results(done.results)
    print(f'report: {done.report}')
    print(f'recognise other videos:\n  {demo_command(plan, done)}')


def print_plan(plan: Plan) -> None:
    """Prints the classes with their counts, what is left out, and how training goes."""
    from ..evaluation.tables import table

    counts = plan.split.counts()
    rows = [(name, *numbers) for name, *numbers in counts[:SHOWN]]
    if len(counts) > SHOWN:
        rows.append((f'({len(counts) - SHOWN} more)', '', ''))
    rows.append((f'{len(counts)} classes', len(plan.split.train), len(plan.split.val)))
    print(table([('class', 'train', 'test'), *rows]))
    print_videos(
        'left out, as they cannot be read', [f'{path}: {why}' for path, why in plan.split.left_out]
    )
    print_videos(
        'not in the split, as it was made before they came; another --work-dir takes them in',
        plan.unlisted,
    )
    print(f'split: {plan.work_dir}/split; configs: {", ".join(plan.configs.values())}')
    print(plan.trains, flush=True)


def print_videos(what: str, lines: list[str]) -> None:
    """Prints a line for each of some videos, but for those beyond SHOWN; `what` they are."""
    if lines:
        print(f'{len(lines)} video{"s" * (len(lines) > 1)} {what}:')
        for line in lines[:SHOWN]:
            print(f'  {line}')
    if len(lines) > SHOWN:
        print(f'  and {len(lines) - SHOWN} more')


def demo_command(plan: Plan, done: Finetuned) -> str:
    """Returns the command that recognises a video with the outcome."""
    import os
    import shlex

    from . import spelled

    words = ['--config', plan.test_config]
    paths = {name: os.path.relpath(path) for name, path in done.checkpoints.items()}
    for name, path in paths.items():
        words += [f'--{name}' if plan.tested == 'joint' else '--checkpoint', path]
    return f'{spelled("demo")} VIDEO {shlex.join(words)}'
