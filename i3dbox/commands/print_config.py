"""Print a config in full, with its bases merged and overrides applied."""

from .arguments import add_cfg_options, add_config_argument, load_config


def add_arguments(parser):
    add_config_argument(parser)
    add_cfg_options(parser)


def run(args):
    print(load_config(args).pretty_text, end='')
