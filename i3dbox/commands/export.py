"""Export a checkpoint for serving: MindIR, AIR, ONNX or OpenVINO, with a description beside it."""

from __future__ import annotations

import argparse
import functools

from ..errors import ConfigError
from . import arguments
from .argument_types import at_least


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_config_argument(parser, or_model=True)
    parser.add_argument('checkpoint', nargs='?', metavar='CKPT', help='a .ckpt of the model')
    arguments.add_named_arguments(parser)
    arguments.add_stream_arguments(parser)
    parser.add_argument(
        '--format',
        default='MINDIR',
        metavar='NAME',
        help='MINDIR (default), ONNX, OPENVINO, AIR (on Ascend), or an exporter of your own',
    )
    parser.add_argument(
        '--out',
        metavar='FILE',
        help="default: beside the checkpoint, under its name with the format's extension",
    )
    parser.add_argument(
        '--repository',
        metavar='DIR',
        help='lay the file out below DIR as Triton and OpenVINO Model Server expect it: the next '
        'version of the model --name; ONNX and OPENVINO',
    )
    parser.add_argument('--name', default='i3d', help='of the served model; default: i3d')
    parser.add_argument(
        '--batch-size',
        type=_batch_size,
        default=1,
        metavar='N',
        help="clips a call, or 'dynamic'; default: 1",
    )
    arguments.add_clip_arguments(parser)
    arguments.add_choice(
        parser,
        '--input',
        ('uint8', 'float32'),
        'uint8 (default): N x T x H x W x C, the file holds the preprocessing; '
        'float32: N x C x T x H x W, normalized as its description says',
    )
    parser.add_argument(
        '--verify',
        action='store_true',
        help='load the file in a runtime, its own where that is installed, and compare it with the '
        'network on real clips',
    )
    arguments.add_choice(
        parser, '--precision', ('float32', 'int8'), 'float32 (default), or int8 of OPENVINO'
    )
    parser.add_argument(
        '--calibrate',
        metavar='WHERE',
        help="for int8: a folder of videos, or train, val or test of the config's data; one video "
        'in four is held out, for --verify',
    )
    arguments.add_number(parser, '--clips', 'that int8 is calibrated on', default=24)
    arguments.add_device_arguments(parser)


def run(args: argparse.Namespace) -> int:
    cfg, checkpoint = arguments.config_of(args)
    if args.config:
        checkpoint = arguments.checkpoint_of(args)
    elif arguments.streams_of(args):
        raise ConfigError('--rgb and --flow go with a two-stream CONFIG')
    from ..apis.export import export, verify, verifying_runtime
    from ..exporters.repository import versioned_file, write_server_files

    args.format = _as_registered(args.format)
    if args.verify and _extension(args.format):  # before the file is made
        verifying_runtime(_extension(args.format))
    if args.repository:
        if args.out:
            raise ConfigError('--out names a file, --repository a folder of versions: one of both')
        args.out = versioned_file(args.repository, args.name, _extension(args.format))
    tell = functools.partial(print, flush=True)
    exported = arguments.call(export, args, cfg=cfg, checkpoint=checkpoint, tell=tell)
    _print(exported)
    if args.repository:
        print(f'{write_server_files(exported.path, exported.info)} for Triton')
    if not args.verify:
        return 0
    tell('comparing with the network ...')
    found = verify(exported, cfg)
    kind, limit = found.tolerance
    print(f'compared in {found.engine} with the network on {found.clips}')
    failed = 'OTHER CLASSES' if found.is_close else 'NOT EQUAL'
    print(
        f'{"verified" if found.passed else failed}: largest difference {found.absolute:.3g} '
        f'absolute, {found.relative:.3g} relative (allowed: {limit:g} {kind}), '
        f'{found.median:.3g} in the median; {"the same" if found.same_top5 else "ANOTHER"} top 5'
        f'; the same first class in {found.same_first} of {found.number}'
        + (f', and in {found.sure} the network was sure of another' if found.sure else '')
    )
    if not found.passed:
        print(f'{exported.path} stays, to be looked at; do not serve it')
    return 0 if found.passed else 1


def _as_registered(name):
    """Returns the name of an exporter as it is registered: 'onnx' is ONNX."""
    from ..registry import EXPORTERS

    return {known.lower(): known for known in EXPORTERS.names()}.get(name.lower(), name)


def _extension(name):
    from ..registry import EXPORTERS

    return getattr(EXPORTERS.get(name), 'extension', None)


def _print(exported):
    import os

    from ..exporters.sidecar import weights_path

    info = exported.info
    beside = weights_path(exported.path)
    files = [exported.path, *([beside] if beside and os.path.isfile(beside) else [])]
    opset = info.get('onnx', {}).get('opset')
    print(
        f'{" and ".join(files)}: {info["format"]}{f", opset {opset}" if opset else ""}, '
        f'{sum(map(os.path.getsize, files)) / 1e6:.1f} MB'
    )
    for spec in (*info['inputs'], info['output']):
        sizes = ' x '.join('N' if size is None else str(size) for size in spec['shape'])
        print(f'  {spec["name"]}: {spec["dtype"]} {sizes}')
    print(f'{exported.path}.json describes it')


def _batch_size(text):
    if text == 'dynamic':
        return None
    try:
        return at_least(1)(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"a whole number from 1, or 'dynamic'; got {text!r}"
        ) from None
