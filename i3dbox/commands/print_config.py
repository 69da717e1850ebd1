"""Print a config in full, with its bases merged and overrides applied."""

from __future__ import annotations

import argparse

from .arguments import add_config_argument, load_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)


def run(args: argparse.Namespace) -> None:
    print(load_config(args).pretty_text, end='')
