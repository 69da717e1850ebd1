"""Test a checkpoint on a config's test set."""

from __future__ import annotations

import argparse

from ..errors import ConfigError
from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'config', metavar='CONFIG', nargs='?', help='a config file, or the name of a shipped one'
    )
    parser.add_argument('checkpoint', nargs='?', metavar='CKPT', help='a .ckpt of the model')
    arguments.add_named_arguments(parser)
    arguments.add_cfg_options(parser)
    arguments.add_stream_arguments(parser)
    parser.add_argument(
        '--model',
        metavar='NAME',
        help='instead of CKPT: a model of the zoo with the classes of CONFIG',
    )
    parser.add_argument(
        '--protocol',
        metavar='NAME',
        help="one of the config's protocols, such as whole, centre, "
        'uniform, views or drawn; default: what data.test says',
    )
    arguments.add_scores_arguments(parser)
    arguments.add_device_arguments(parser)
    arguments.add_engine_arguments(parser)
    arguments.add_openi_arguments(parser)


def run(args: argparse.Namespace) -> None:
    from ..evaluation.results import check_results_path

    arguments.take_named(args)
    if not args.config:
        raise ConfigError('name a CONFIG, whose test set is scored')
    cfg = arguments.load_config(args)
    arguments.apply_openi(cfg, args)
    checkpoint = arguments.checkpoint_of(args)
    if args.out:
        check_results_path(args.out)
    from ..apis.test import Tester
    from ..config_checks.checks import check_metrics, metrics_of
    from ..config_checks.protocols import apply_protocol, has_several_labels
    from ..engine.distributed import rank

    metrics = args.eval or metrics_of(cfg, 'test')
    check_metrics(metrics, 2, has_several_labels(cfg.data.test))
    if args.protocol:
        apply_protocol(cfg, args.protocol)
    evaluator = Tester(cfg, args.device, args.device_id, 'test', args.engine, args.precision)
    results = evaluator(checkpoint)
    if rank() == 0:
        arguments.present(results, metrics, args.out)
        evaluator.finish(results)
