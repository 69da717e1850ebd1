"""Show a guide, or the list of them."""

from __future__ import annotations

import argparse
import pathlib

from ..errors import ConfigError, spelling_hint
from ..languages import system_language
from ..shipped_files import shipped_folder
from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('name', nargs='?', metavar='NAME', help='of a guide; default: list them')
    arguments.add_language_argument(parser)


def run(args: argparse.Namespace) -> None:
    folder = pathlib.Path(shipped_folder('docs'))
    guides = {path.stem: path for path in sorted(folder.glob('*.md'))}
    if (args.lang or system_language()) == 'zh':
        guides.update({path.stem: path for path in sorted(folder.glob('zh/*.md'))})
    if not args.name:
        for name, path in guides.items():
            title = path.read_text(encoding='utf-8').partition('\n')[0].lstrip('# ')
            print(f'{name:18}{title}')
        return
    name = args.name[: -len('.md')] if args.name.endswith('.md') else args.name
    if name not in guides:
        raise ConfigError(
            f'there is no guide {args.name!r}.{spelling_hint(name, guides)} There are: '
            f'{", ".join(guides)}'
        )
    print(guides[name].read_text(encoding='utf-8'), end='')
