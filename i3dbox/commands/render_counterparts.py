"""Write what mmaction2 calls things, and what they are here, into a page."""

from __future__ import annotations

import argparse

BEGIN = '<!-- counterparts: made by tools/render_counterparts.py -->'
END = '<!-- end of counterparts -->'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('page', metavar='PAGE', help='docs/from_mmaction2.md')


def run(args: argparse.Namespace) -> None:
    from ..analysis.counterparts_page import render
    from ..fileio import write_between

    write_between(args.page, BEGIN, END, render())
