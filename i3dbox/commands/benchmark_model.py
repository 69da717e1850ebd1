"""Measure how fast a config's network computes, on clips of noise."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from . import arguments

if TYPE_CHECKING:
    from ..analysis.benchmark import CallTimes

NOTE = """Compiling: what the first call takes more than the later ones. Peak memory: the largest
resident set of the process so far (getrusage), Python and MindSpore included; not a device's own
memory."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_config_argument(parser, or_model=True)
    arguments.add_named_arguments(parser)
    arguments.add_number(parser, '--batch-size', 'clips of a batch', default=1)
    arguments.add_clip_arguments(parser)
    arguments.add_number(parser, '--repeat', 'how many calls are measured', default=10)
    parser.add_argument(
        '--train',
        action='store_true',
        help="measure the training step too, with the config's loss, optimizer and freezing",
    )
    arguments.add_json_argument(parser)
    arguments.add_device_arguments(parser)


def run(args: argparse.Namespace) -> None:
    from ..analysis.benchmark import UNMEASURED, build_step, forward_times, train_step_times
    from ..config_checks.checks import REQUIRED_TO_TRAIN, check_config
    from ..config_checks.protocols import clip_size
    from ..inference.network import build_network
    from ..models.flops import count, random_clips, total
    from ..models.freezing import freeze

    cfg, _ = arguments.config_of(args)
    required = REQUIRED_TO_TRAIN if args.train else ('model', 'runner')
    check_config(cfg, [key for key in required if key != 'data'])
    size = clip_size(cfg, args.clip_len, args.size)
    arguments.check_json(args)
    recognizer, runner = build_network(cfg, args.device, args.device_id)
    clips = random_clips(recognizer, args.batch_size, size)
    trainable = trained = len(recognizer.trainable_params())
    if args.train:
        trained = len(freeze(recognizer, **(cfg.get('freeze') or {})))
    runner.mixed_precision(recognizer)
    if args.train:  # before anything is measured, for its errors
        train_step = build_step(cfg, recognizer, runner, UNMEASURED + args.repeat)

    print(
        f'{os.path.basename(args.model or args.config or args.checkpoint)} on '
        f'{runner.device_target}: batches of {args.batch_size}, '
        f'clips of {" x ".join(map(str, size))}, {args.repeat} calls'
    )
    times = {'forward': forward_times(recognizer, clips, args.repeat)}
    if args.train:
        times['training step'] = train_step_times(train_step, clips, args.repeat)
    # last, as it takes memory of its own
    recognizer.set_train(False)
    multiply_adds = total(count(recognizer, size)).multiply_adds * args.batch_size

    rate = multiply_adds / times['forward'].median
    figures = {name: measured(taken, args.batch_size) for name, taken in times.items()}
    print_times(figures)
    print(f'Forward: {multiply_adds / 1e9:.2f} G multiply-adds, {rate / 1e9:.1f} G a second')
    if args.train:
        print(f'Training step: {trained} of {trainable} parameters train')
    print(NOTE)
    arguments.write_json(
        args.json,
        dict(
            config=args.config or args.model or args.checkpoint,
            device=runner.device_target,
            batch_size=args.batch_size,
            clip=size,
            multiply_adds=multiply_adds,
            multiply_adds_per_s=rate,
            **figures,
        ),
    )


def measured(taken: CallTimes, batch_size: int) -> dict:
    """Returns the figures of what was measured."""
    return dict(
        compile_s=taken.compile,
        median_ms=taken.median * 1e3,
        ms=[seconds * 1e3 for seconds in taken.later],
        clips_per_s=batch_size / taken.median,
        peak_memory_bytes=taken.peak_memory,
    )


def print_times(figures: dict[str, dict]) -> None:
    """Prints a row for each that was measured."""
    from ..evaluation.tables import table

    rows = [
        ['', 'Compiling (s)', 'Median (ms)', 'Fastest', 'Slowest', 'Clips/s', 'Peak memory (MiB)']
    ]
    for name, found in figures.items():
        memory = found['peak_memory_bytes']
        rows.append(
            [
                name,
                f'{found["compile_s"]:.1f}',
                f'{found["median_ms"]:.1f}',
                f'{min(found["ms"]):.1f}',
                f'{max(found["ms"]):.1f}',
                f'{found["clips_per_s"]:.2f}',
                '' if memory is None else f'{memory / 2**20:,.0f}',
            ]
        )
    print(table(rows, right=range(1, 7)))
