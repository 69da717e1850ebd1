"""Download a checkpoint of the model zoo, or list what there is."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'name', nargs='?', metavar='NAME', help='a checkpoint of the zoo; a config takes zoo://NAME'
    )
    parser.add_argument('--list', action='store_true', help='list the checkpoints')
    parser.add_argument(
        '--dir', metavar='D', help='put a copy into this folder; default: it stays in the cache'
    )


def run(args: argparse.Namespace) -> None:
    import os
    import shutil

    from ..errors import ConfigError
    from ..fileio import atomic_path, check_writable
    from ..weights.zoo import PREFIX, cached_path, fetch
    from ..weights.zoo_index import ENTRIES

    if bool(args.name) == args.list:
        raise ConfigError('name one checkpoint, or ask for the --list')
    if args.list:
        from ..evaluation.tables import table

        rows = [
            (
                name,
                entry.modality,
                entry.num_classes,
                entry.data,
                entry.source,
                'yes' if os.path.exists(cached_path(name)) else '',
            )
            for name, entry in ENTRIES.items()
        ]
        print(table([('name', 'stream', 'classes', 'trained on', 'source', 'here'), *rows]))
        return
    name = args.name.removeprefix(PREFIX)
    if not args.dir:
        print(fetch(name))
        return
    target = os.path.join(args.dir, f'{name}.ckpt')
    check_writable(target)
    path = fetch(name)
    with atomic_path(target) as temporary:
        shutil.copyfile(path, temporary)
    print(target)
