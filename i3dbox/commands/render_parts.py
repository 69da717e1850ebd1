"""Write the reference of all registered parts, from their docstrings, into a page."""

from __future__ import annotations

import argparse

BEGIN = '<!-- parts: made by tools/render_parts.py -->'
END = '<!-- end of parts -->'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('page', metavar='PAGE', help='docs/parts.md')


def run(args: argparse.Namespace) -> None:
    from ..analysis.parts_page import render
    from ..fileio import write_between

    write_between(args.page, BEGIN, END, render())
