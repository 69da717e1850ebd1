"""Show a guide, or the list of them."""

from __future__ import annotations

import argparse
import pathlib
import re

from ..errors import ConfigError, spelling_hint
from ..languages import system_language
from ..shipped_files import shipped_folder
from . import arguments

# from a Chinese guide to the English one: a link that leads nowhere in a terminal
_OTHER_LANGUAGE = re.compile(r'^\[English\]\(\S+\)\n\n', re.M)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('name', nargs='?', metavar='NAME', help='of a guide; default: list them')
    arguments.add_language_argument(parser)


def run(args: argparse.Namespace) -> None:
    folder = pathlib.Path(shipped_folder('docs'))
    guides = {path.stem: path for path in sorted(folder.glob('*.md'))}
    language = args.lang or system_language()
    if language == 'zh':
        guides.update({path.stem: path for path in sorted(folder.glob('zh/*.md'))})
    if not args.name:
        for name, path in guides.items():
            title = path.read_text(encoding='utf-8').partition('\n')[0].lstrip('# ')
            english = language == 'zh' and path.parent.name != 'zh'
            print(f'{name:18}{title}{" (英文)" if english else ""}')
        return
    name = args.name[: -len('.md')] if args.name.endswith('.md') else args.name
    if name in ('tutorial', 'tutorial.ipynb'):
        notebook = 'docs/zh/tutorial.ipynb' if language == 'zh' else 'docs/tutorial.ipynb'
        print(f'the tutorial is a notebook, {notebook} of a checkout: open it in Jupyter')
        return
    if name not in guides:
        raise ConfigError(
            f'there is no guide {args.name!r}.{spelling_hint(name, guides)} There are: '
            f'{", ".join(guides)}'
        )
    print(_OTHER_LANGUAGE.sub('', guides[name].read_text(encoding='utf-8'), count=1), end='')
