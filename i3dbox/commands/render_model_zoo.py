"""Write the model zoo's entries into a page, between its two marks."""

from __future__ import annotations

import argparse

BEGIN = '<!-- zoo: made by tools/render_model_zoo.py -->'
END = '<!-- end of zoo -->'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('page', metavar='PAGE', help='model_zoo.md')


def run(args: argparse.Namespace) -> None:
    from ..fileio import write_between

    write_between(args.page, BEGIN, END, table())


def table() -> str:
    """Returns the zoo's entries as a table in Markdown."""
    from ..weights.zoo_index import ENTRIES, HOST

    lines = [
        '| name | stream | classes | trained on | published figures | source, licence |',
        '|---|---|---|---|---|---|',
    ]
    lines += [
        f'| `{name}` | {entry.modality} | {entry.num_classes} | {entry.data} | '
        f'{entry.figures or "none"} | [{entry.source}]({HOST}/{entry.source}), {entry.licence}'
        + ''.join(f'; package index: {one.project}, {one.licence}' for one in entry.packaged)
        + ' |'
        for name, entry in ENTRIES.items()
    ]
    return '\n'.join(lines) + '\n'
