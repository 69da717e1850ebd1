"""Test a checkpoint on a config's test set."""

from . import arguments


def add_arguments(parser):
    arguments.add_config_argument(parser)
    parser.add_argument('checkpoint', nargs='?', metavar='CKPT', help='a .ckpt of the model')
    parser.add_argument('--rgb', metavar='CKPT', help="the RGB stream's .ckpt, for a two-stream config")
    parser.add_argument('--flow', metavar='CKPT', help="the flow stream's .ckpt, for a two-stream config")
    parser.add_argument('--out', metavar='FILE', help='write the scores of every video, .pkl or .json')
    parser.add_argument('--eval', nargs='+', metavar='METRIC',
                        help='what to print; default: top_k_accuracy mean_class_accuracy')
    arguments.add_device_arguments(parser)
    arguments.add_cfg_options(parser)


def run(args):
    from ..errors import ConfigError
    from ..evaluation.results import check_results_path

    cfg = arguments.load_config(args)
    streams = {name: path for name, path in (('rgb', args.rgb), ('flow', args.flow)) if path}
    if bool(streams) == bool(args.checkpoint) or len(streams) == 1:
        raise ConfigError('name one checkpoint, or both --rgb and --flow for a two-stream config')
    if args.out:
        check_results_path(args.out)
    from ..apis.checks import check_metrics, metrics_of
    from ..apis.test import test
    from ..engine.distributed import rank
    metrics = args.eval or metrics_of(cfg)
    check_metrics(metrics, num_classes=2)
    results = test(cfg, streams or args.checkpoint, args.device, args.device_id)
    if rank() != 0:
        return
    if results.meta['skipped']:
        print(f'{len(results.meta["skipped"])} damaged videos are not counted: {", ".join(results.meta["skipped"])}')
    print(f'{len(results.names)} videos')
    for name, value in results.evaluate(metrics).items():
        print(f'{name}: {value:.4f}')
    if args.out:
        results.save(args.out)
        print(f'scores of {len(results.names)} videos written to {args.out}')
