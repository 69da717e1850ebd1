"""Measure how fast a config's data are loaded, and where the time goes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from . import arguments

if TYPE_CHECKING:
    from ..analysis.benchmark import LoaderSpeed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_config_argument(parser)
    arguments.add_subset_argument(parser)
    arguments.add_number(parser, '--batches', 'how many are measured', default=10)
    arguments.add_number(
        parser,
        '--num-workers',
        "numbers of workers to try beside the config's; 0 loads in line",
        low=0,
        nargs='+',
        default=[],
    )
    arguments.add_number(parser, '--batch-size', "default: the config's")
    arguments.add_json_argument(parser)


def run(args: argparse.Namespace) -> None:
    from ..analysis.benchmark import loader_speed, step_times
    from ..config_checks.checks import build_dataset, check_config, loader_options
    from ..datasets.sampler import EpochSampler

    cfg = arguments.load_config(args)
    check_config(cfg, required=['data'], data=[args.subset])
    arguments.check_json(args)
    options = loader_options(cfg, args.subset)
    batch_size = args.batch_size or options.get('batch_size', 1)
    configured = options.get('num_workers', 0)
    worker = options.get('worker', 'thread')
    dataset = build_dataset(cfg, args.subset)
    # endless also in testing, so that a small data set can be measured for long enough
    sampler = EpochSampler(
        len(dataset), batch_size, seed=cfg.get('seed', 0), shuffle=args.subset == 'train'
    )

    print(
        f'{args.subset}: {len(dataset)} samples of {type(dataset).__name__}; {args.batches} '
        f'batches of {batch_size}, {worker} workers'
    )
    speeds = {}
    damaged = []
    step = 0
    for num_workers in dict.fromkeys([configured, *args.num_workers]):
        # each goes on where the one before stopped, as what was just read is still in memory
        speeds[num_workers], step = loader_speed(
            dataset, sampler, args.batches, step, num_workers, worker, damaged
        )
    times = step_times(dataset, sampler, args.batches, step, damaged)

    loaders = loader_figures(speeds, configured)
    whole = sum(time.seconds for time in times)
    steps = [
        dict(stream=time.stream, step=time.step, ms=time.seconds * 1e3, share=time.seconds / whole)
        for time in times
    ]
    print_tables(loaders, steps, by_stream=len(dataset.inputs) > 1)
    names = sorted({report.name for report in damaged})
    if names:
        print(f'{len(names)} damaged samples were met: {", ".join(names)}')
    arguments.write_json(
        args.json,
        dict(
            config=args.config,
            subset=args.subset,
            batch_size=batch_size,
            batches=args.batches,
            worker=worker,
            loaders=loaders,
            steps=steps,
            damaged=names,
        ),
    )


def loader_figures(speeds: dict[int, LoaderSpeed], configured: int) -> list[dict]:
    """Returns the figures of each number of workers and stream."""
    return [
        dict(
            num_workers=num_workers,
            configured=num_workers == configured,
            stream=name,
            samples_per_s=speed.samples / speed.seconds,
            clips_per_s=sums['clips'] / speed.seconds,
            frames_per_s=sums['frames'] / speed.seconds,
            mb_per_s=sums['bytes'] / 1e6 / speed.seconds,
        )
        for num_workers, speed in speeds.items()
        for name, sums in speed.streams.items()
    ]


def print_tables(loaders: list[dict], steps: list[dict], by_stream: bool) -> None:
    """Prints the speed of the loaders, and where one thread's time goes."""
    from ..evaluation.tables import table

    speeds = [['Workers', 'Stream', 'Clips/s', 'Frames/s', 'MB/s']]
    speeds += [
        [
            f'{row["num_workers"]}{" (config)" if row["configured"] else ""}',
            row['stream'],
            f'{row["clips_per_s"]:.1f}',
            f'{row["frames_per_s"]:.0f}',
            f'{row["mb_per_s"]:.1f}',
        ]
        for row in loaders
    ]
    times = [['Stream', 'Step of the pipeline', 'ms a sample', 'Share']]
    times += [
        [row['stream'], row['step'], f'{row["ms"]:.2f}', f'{row["share"]:.1%}'] for row in steps
    ]
    times.append(['', 'total', f'{sum(row["ms"] for row in steps):.2f}', '100.0%'])
    if not by_stream:
        speeds = [[workers, *figures] for workers, _, *figures in speeds]
        times = [row[1:] for row in times]
    names = 1 + by_stream
    print(table(speeds, right=range(names, names + 3)))
    print("Where one thread's time goes:")
    print(table(times, right=range(names, names + 2), footer=True))
