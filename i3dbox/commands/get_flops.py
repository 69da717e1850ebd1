"""Count a config's multiply-adds and parameters, layer by layer."""

from __future__ import annotations

import argparse

from . import arguments

NOTE = """Multiply-adds: of the convolutions and dense layers, for one clip; each is two
floating-point operations. Batch norm, pools, ReLU and the rest are not counted.
Parameters: all that gradients change, batch norm's scale and shift included. The {statistics:,}
other values of a checkpoint (batch norm's moving statistics, dropout's step counter) are not
counted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_config_argument(parser, or_model=True)
    arguments.add_named_arguments(parser)
    arguments.add_clip_arguments(parser)
    arguments.add_number(
        parser,
        '--depth',
        '1 (default): a row per block, such as Mixed_4b; 2: its branches; 3: their layers',
        default=1,
    )
    arguments.add_json_argument(parser)


def run(args: argparse.Namespace) -> None:
    import dataclasses

    from ..config_checks.checks import check_config
    from ..config_checks.protocols import clip_size
    from ..evaluation.tables import table
    from ..models import build_recognizer
    from ..models.flops import blocks, count, total

    cfg, _ = arguments.config_of(args)
    check_config(cfg, required=['model'])
    size = clip_size(cfg, args.clip_len, args.size)
    arguments.check_json(args)
    layers = count(build_recognizer(cfg.model), size)
    rows = blocks(layers, args.depth)
    whole = total(layers)
    missed = [layer.name for layer in layers if layer.missed]

    cells = [['Layer', 'Type', 'Output', 'Parameters', 'Multiply-adds (M)', 'Share']]
    for row in [*rows, whole]:
        shape = '' if row.shape is None else ' x '.join(map(str, row.shape))
        share = row.multiply_adds / max(whole.multiply_adds, 1)
        cells.append(
            [
                row.name,
                row.type,
                shape,
                f'{row.parameters:,}',
                f'{row.multiply_adds / 1e6:,.1f}',
                f'{share:.1%}',
            ]
        )
    print(f'One clip of {" x ".join(map(str, size))} (frames x height x width)')
    print(table(cells, right=(3, 4, 5), footer=True))
    print(
        f'Total: {whole.multiply_adds / 1e9:.2f} G multiply-adds, {whole.parameters:,} parameters'
    )
    print(NOTE.format(statistics=whole.statistics))
    if missed:
        print(f'What these multiply was not seen, and is missing above: {", ".join(missed)}')
    arguments.write_json(
        args.json,
        dict(
            config=args.config or args.model or args.checkpoint,
            clip=size,
            multiply_adds=whole.multiply_adds,
            parameters=whole.parameters,
            statistics=whole.statistics,
            not_seen=missed,
            layers=[dataclasses.asdict(row) for row in rows],
        ),
    )
