"""Arguments that commands share."""

from __future__ import annotations

import argparse
import inspect
import json
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..argument_checks import device_name
from ..config import Config
from ..config.shipped import find_config
from ..errors import ConfigError, DeviceError
from ..fileio import atomic_write, check_writable
from ..languages import LANGUAGES
from ..streams import STREAMS
from ..workers import usable_cores
from .argument_types import at_least, number_above, shard
from .cfg_options import DictAction

if TYPE_CHECKING:
    from ..evaluation.results import Results
    from ..inference.model_spec import ModelSpec
    from ..inference.recognizer import VideoRecognizer
    from ..preparation.pools import Pool

OPENI = ('data_url', 'multi_data_url', 'train_url', 'ckpt_url', 'result_url')


def call(function: Callable, args: argparse.Namespace, **others: Any) -> Any:
    """Calls a function with `others`, and for each other parameter with the command's argument of
    that name, which must be there. Returns what it returns.
    """
    given = {
        name: getattr(args, name)
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in others and parameter.kind != parameter.VAR_KEYWORD
    }
    return function(**given, **others)


def add_config_argument(parser: argparse.ArgumentParser, or_model: bool = False) -> None:
    """Adds the positional argument CONFIG and --cfg-options; or_model (bool): and --model, which
    may stand for it.
    """
    parser.add_argument(
        'config',
        metavar='CONFIG',
        nargs='?' if or_model else None,
        help='a config file, or the name of a shipped one',
    )
    if or_model:
        parser.add_argument(
            '--model',
            metavar='NAME',
            help='instead of CONFIG: a model of the zoo, such as i3d_rgb_kinetics400',
        )
    add_cfg_options(parser)


def add_named_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --config and --checkpoint, which name the same as CONFIG and CKPT, as in demo."""
    parser.add_argument('--config', dest='config_option', metavar='C', help='the same as CONFIG')
    parser.add_argument('--checkpoint', dest='checkpoint_option', metavar='K', help='a .ckpt')


def take_named(args: argparse.Namespace) -> None:
    """Puts what --config and --checkpoint name in the place of CONFIG and CKPT."""
    args.checkpoint = getattr(args, 'checkpoint', None)
    if args.config_option and args.config and not args.checkpoint:
        args.config, args.checkpoint = None, args.config  # the one place that is filled is CKPT's
    for name, shown in (('config', 'CONFIG'), ('checkpoint', 'CKPT')):
        option = getattr(args, f'{name}_option')
        if option and getattr(args, name):
            raise ConfigError(f'{shown} and --{name} name the same: leave one out')
        setattr(args, name, option or getattr(args, name))


def config_of(args: argparse.Namespace) -> tuple[Config, str | dict | None]:
    """Returns the Config that CONFIG, --model or a checkpoint of plain I3D names; and, where it is
    not CONFIG, the checkpoint.
    """
    from ..config.shipped import shipped_names
    from ..inference.model_spec import ModelSpec
    from ..weights.zoo_index import ENTRIES

    take_named(args)
    if args.config in ENTRIES and args.config not in shipped_names():
        raise ConfigError(f'{args.config} is a model of the zoo: --model {args.config}')
    if args.config and args.model or not (args.config or args.model or args.checkpoint):
        raise ConfigError('name a CONFIG, or a --model of the zoo')
    if args.config:
        return load_config(args), None
    if args.cfg_options:
        raise ConfigError('--cfg-options go with a CONFIG')
    if args.model and args.checkpoint:
        raise ConfigError('--model has its own checkpoint')
    spec = model_named(args.model) if args.model else ModelSpec.resolve(checkpoint=args.checkpoint)
    return spec.cfg, spec.checkpoint


def model_named(name: str) -> ModelSpec:
    """Returns the ModelSpec of the zoo that --model names; an exported file is none here."""
    from ..inference.model_spec import ModelSpec

    spec = ModelSpec.resolve(name)
    if spec.exported:
        raise ConfigError(
            f'{name} is exported; here a model of the zoo is meant. Exported files are tested by '
            'preprocess, infer and postprocess'
        )
    return spec


def add_language_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--lang',
        choices=LANGUAGES,
        help="English or Chinese; default: the system's language, where it is one of the two",
    )


def add_cfg_options(parser: argparse.ArgumentParser) -> None:
    """Adds --cfg-options."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='override values of the config, as in model.head.num_classes=51 '
        'data.train.pipeline.1.clip_len=16',
    )


def add_device_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --device and --device-id."""
    parser.add_argument(
        '--device',
        type=_device,
        choices=('auto', 'CPU', 'Ascend'),
        default='auto',
        help='default: Ascend where there is one',
    )
    add_number(parser, '--device-id', 'which Ascend device', low=0)


def _device(text):
    try:
        return device_name(text)
    except DeviceError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_engine_arguments(parser: argparse.ArgumentParser, exported: bool = False) -> None:
    """Adds --engine and --precision: what computes; exported (bool): an exported file, too, for
    which there are more, and --backend is another name of it.
    """
    more = ('mindspore_lite',) if exported else ()
    parser.add_argument(
        '--engine',
        *(('--backend',) if exported else ()),
        default='auto',
        choices=('auto', 'mindspore', 'openvino', 'onnxruntime', *more),
        help='what computes on a CPU; default: the fastest that is installed and can',
    )
    parser.add_argument(
        '--precision',
        choices=('float32', 'bfloat16', 'int8', *(('float16',) if exported else ())),
        help='default: float32; bfloat16 is faster where the CPU has it (openvino), and keeps '
        'three digits; int8 is built into files that were exported so',
    )


def add_stream_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --rgb and --flow: the checkpoints of a two-stream config."""
    parser.add_argument(
        '--rgb', metavar='CKPT', help="the RGB stream's .ckpt, for a two-stream config"
    )
    parser.add_argument(
        '--flow', metavar='CKPT', help="the flow stream's .ckpt, for a two-stream config"
    )


def streams_of(args: argparse.Namespace) -> dict[str, str]:
    """Returns the checkpoints that --rgb and --flow name, by stream."""
    return {name: path for name, path in (('rgb', args.rgb), ('flow', args.flow)) if path}


def checkpoint_of(args: argparse.Namespace) -> str | dict:
    """Returns the one checkpoint, or dict(rgb=..., flow=...), that the arguments name."""
    streams = streams_of(args)
    named = [streams, args.checkpoint, getattr(args, 'model', None)]
    if sum(map(bool, named)) != 1 or len(streams) == 1:
        alone = f'; there is --{" and --".join(streams)} alone' if len(streams) == 1 else ''
        raise ConfigError(
            f'name one checkpoint, or both --rgb and --flow for a two-stream config{alone}'
        )
    return streams or args.checkpoint or model_named(args.model).checkpoint


def add_backend_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --backend, --device, --device-id, --threads, --precision and --description, as
    load_exported takes them.
    """
    add_choice(
        parser,
        '--backend',
        ('auto', 'mindspore', 'mindspore_lite', 'onnxruntime', 'openvino'),
        'what runs the file; default: the first that is installed and fits',
    )
    add_choice(parser, '--device', ('cpu', 'ascend', 'cuda', 'gpu'), 'default: cpu')
    add_number(parser, '--device-id', 'which of several', low=0, default=0)
    add_number(parser, '--threads', "of the CPU; default: the runtime's choice")
    parser.add_argument(
        '--precision', choices=('float32', 'bfloat16', 'float16'), help="default: the runtime's"
    )
    parser.add_argument(
        '--description',
        metavar='FILE',
        help='the .json of the file that another tool has converted',
    )


def add_openi_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the words that OpenI starts its tasks with; `apply_openi` hands them to the config."""
    group = parser.add_argument_group(
        'on OpenI', 'addresses of object storage; see `i3dbox docs deployment`'
    )
    for name in OPENI:
        group.add_argument(f'--{name}', metavar='URL')
    # the original's; the addresses will do
    group.add_argument('--openI', action='store_true', help=argparse.SUPPRESS)


def apply_openi(cfg: Config, args: argparse.Namespace) -> None:
    """Gives the config's OpenIHook the addresses of the command line; adds the hook where there is
    none.
    """
    urls = {name: getattr(args, name) for name in OPENI if getattr(args, name)}
    if urls:
        hooks = cfg.get('hooks') or []
        others = [hook for hook in hooks if hook.get('type') != 'OpenIHook']
        own = next((hook for hook in hooks if hook not in others), dict(type='OpenIHook'))
        cfg.hooks = [*others, dict(own, **urls)]


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --model, --config, --cfg-options, --checkpoint, --rgb and --flow: a trained model, of
    the zoo or one's own.
    """
    parser.add_argument(
        '--model',
        nargs='+',
        default=[],
        metavar='NAME',
        help='a model of the zoo, such as '
        'i3d_rgb_kinetics400; i3d_kinetics400, or two names, for both streams',
    )
    parser.add_argument(
        '--config',
        metavar='C',
        help="the config of your own checkpoints, a file or a shipped one's "
        'name; default: plain I3D with their number of classes',
    )
    add_cfg_options(parser)
    parser.add_argument('--checkpoint', metavar='K', help='a .ckpt')
    add_stream_arguments(parser)


def model_of(args: argparse.Namespace, stream: str | None = None) -> dict:
    """Arguments of ModelSpec.resolve: the model that the arguments name, and `stream`."""
    streams = streams_of(args)
    if streams and args.checkpoint:
        raise ConfigError(
            'name one checkpoint (--checkpoint), or one of each stream (--rgb, --flow), not both'
        )
    if not args.config and args.cfg_options:
        raise ConfigError('--cfg-options change a config: they go with one')
    return dict(
        model=args.model,
        config=load_config(args) if args.config else None,
        checkpoint=streams or args.checkpoint,
        stream=stream,
    )


def add_recognizer_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --model, --config, --checkpoint, --rgb, --flow and --stream: a trained model, or an
    exported file.
    """
    parser.add_argument(
        '--model',
        metavar='NAME',
        help='of the model zoo (`i3dbox download` lists them; i3d_kinetics400 is both streams), '
        'or a file that `i3dbox export` wrote',
    )
    parser.add_argument(
        '--config', metavar='CONFIG', help='a config file, or the name of a shipped one'
    )
    parser.add_argument('--checkpoint', metavar='CKPT', help='its .ckpt')
    add_stream_arguments(parser)
    parser.add_argument('--stream', choices=tuple(STREAMS), help='default: what the model is')


def recognizer_of(args: argparse.Namespace, named: dict | None = None) -> VideoRecognizer:
    """Returns the VideoRecognizer that the arguments name, and prints what computes; named: what
    `model_of` has said already.
    """
    named = named or model_of(args, args.stream)
    from ..inference.model_spec import ModelSpec
    from ..inference.recognizer import load_recognizer

    recognizer = load_recognizer(
        ModelSpec.resolve(**named),
        args.device,
        args.device_id,
        args.engine,
        args.precision,
        window=getattr(args, 'window', None),
    )
    print(f'{recognizer.name}, computed by {recognizer.engine}', flush=True)
    return recognizer


def check_different(paths: list[str]) -> None:
    """Raises ConfigError where a file or folder is named twice."""
    paths = [os.path.realpath(path) for path in paths]
    twice = [path for path in paths if paths.count(path) > 1]
    if twice:
        raise ConfigError(f'{twice[0]} is named twice')


def split_name(item: str) -> tuple[str, str]:
    """Returns ('NAME', path) of NAME=path, ('', path) of a path, which may hold a '=' itself."""
    name, equals, path = item.partition('=')
    return (
        ('', item)
        if not equals or os.path.exists(item) or not name or os.sep in name
        else (name, path)
    )


def add_scores_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --out and --eval; `present` does what they ask for."""
    parser.add_argument(
        '--out', metavar='FILE', help='write the scores of every video, .pkl or .json'
    )
    add_metrics_argument(parser)


def present(results: Results, metrics: list | None, out: str | None) -> None:
    """Prints figures of results, and writes their scores where --out says."""
    from ..evaluation.tables import print_results

    if out:  # before anything that could fail
        results.save(out)
    print_results(results, metrics)
    if out:
        print(f'scores of {len(results.names)} videos written to {out}')


def add_metrics_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --eval."""
    parser.add_argument(
        '--eval',
        nargs='+',
        metavar='METRIC',
        help='figures to print, of top_k_accuracy, '
        'mean_class_accuracy, per_class, confusion_matrix, calibration_error, '
        'mean_average_precision, mmit_mean_average_precision, bootstrap '
        '(intervals) '
        "and your own; default: the config's, or the first two",
    )


def add_subset_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --subset."""
    add_choice(parser, '--subset', ('train', 'val', 'test'), "which of the config's data sets")


def add_fps_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --fps."""
    add_number(parser, '--fps', 'frames a second; default: every frame', above=0, high=1000)


def add_image_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --short-side, --fps and --quality: how images are made of videos."""
    add_number(
        parser,
        '--short-side',
        'resize the short side to it, in pixels; 0: keep the size',
        low=0,
        default=256,
    )
    add_fps_argument(parser)
    add_number(parser, '--quality', 'of the JPEGs, 1 to 100', high=100, default=95)


def image_settings(args: argparse.Namespace) -> dict:
    """Returns what `add_image_arguments` has added, by name."""
    return dict(short_side=args.short_side, fps=args.fps, quality=args.quality)


def add_flow_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --method and --bound: how flow is computed."""
    parser.add_argument(
        '--method',
        default='tvl1',
        help='of flow: tvl1 (default), dis, farneback, or tvl1_opencv, '
        'which is the reference and slow',
    )
    add_number(parser, '--bound', 'flow is cut to [-N, N] pixels per frame', above=0, default=20)


def check_method(method: str | None) -> None:
    """Raises RegistryError for a --method that there is not, also where no flow is computed."""
    from ..registry import FLOW_METHODS

    if method:
        FLOW_METHODS.get(method)


def add_frame_arguments(
    parser: argparse.ArgumentParser, modality: str | None = None, what: str = 'of the frames'
) -> None:
    """Adds --modality (default: `modality`), --filename-tmpl and --start-index: what folders of
    frames hold.
    """
    parser.add_argument(
        '--modality',
        choices=('RGB', 'Flow'),
        default=modality,
        help=f'{what}; default: {modality or "what is found, RGB of videos"}',
    )
    add_frame_name_arguments(parser)


def add_frame_name_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --filename-tmpl and --start-index."""
    parser.add_argument(
        '--filename-tmpl',
        metavar='T',
        help="names of a folder's images, as img_{:05}.jpg, flow_{}_{:05}.jpg (mmaction's), "
        'image_{1:05d}{0}.jpg; default: found by looking',
    )
    add_number(parser, '--start-index', 'of the first image; default: found by looking', low=0)


def modalities_of(args: argparse.Namespace) -> tuple[str, ...]:
    """Returns the modalities of frames that are looked for."""
    if args.filename_tmpl and not args.modality:
        raise ConfigError('with --filename-tmpl, say by --modality what it names')
    return (args.modality,) if args.modality else ('RGB', 'Flow')


def add_worker_arguments(parser: argparse.ArgumentParser, what: str = 'processes') -> None:
    """Adds --workers, --ray and --shard: who works on what. `what` (str): the workers are."""
    add_number(
        parser,
        '--workers',
        f'{what}; default: one a core. With --ray: the CPUs that a task takes',
    )
    add_ray_argument(parser)
    parser.add_argument(
        '--shard',
        type=shard,
        default=(1, 1),
        metavar='I/N',
        help='only the I-th of N parts, as for one of N machines',
    )


def add_ray_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --ray."""
    parser.add_argument(
        '--ray',
        metavar='ADDRESS',
        help='work on the machines of a Ray cluster, which share the folders: auto, HOST:PORT, or '
        'local for this one alone; see `i3dbox docs distributed`',
    )


def pool_of(args: argparse.Namespace, network: bool = False) -> int | Pool:
    """Returns who works: the processes that --workers says, or the cluster that --ray names;
    network: on a network.
    """
    cpus = getattr(args, 'workers', None)
    if args.ray is None:
        return cpus or usable_cores()
    from ..preparation.ray_pool import RayPool

    return RayPool(args.ray, cpus, network, network and args.device == 'Ascend')


def add_clip_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --clip-len and --size: of a clip."""
    add_number(
        parser, '--clip-len', "frames of a clip; default: the config's test pipeline's, else 64"
    )
    add_number(
        parser,
        '--size',
        "width and height, or one number for both; default: the test pipeline's, else 224",
        nargs='+',
    )


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --json."""
    parser.add_argument('--json', metavar='FILE', help='also write the figures there')


def check_json(args: argparse.Namespace) -> None:
    """Raises ConfigError where --json names a file that cannot be written."""
    if args.json:
        check_writable(args.json)


def write_json(path: str | None, figures: dict) -> None:
    """Writes figures to `path` where --json names one."""
    if path:
        atomic_write(path, json.dumps(figures, indent=1) + '\n')
        print(f'figures written to {path}')


def add_choice(
    parser: argparse.ArgumentParser, name: str, choices: tuple[str, ...], help: str
) -> None:
    """Adds an option that takes one of several words, by default the first, which is added to the
    help unless that speaks of it.
    """
    if 'default' not in help:
        help = f'{help}; default: {choices[0]}'
    parser.add_argument(name, choices=choices, default=choices[0], help=help)


def add_number(
    parser: argparse.ArgumentParser,
    name: str,
    help: str,
    low: int = 1,
    high: float = math.inf,
    above: float | None = None,
    default: float | None = None,
    **options,
) -> None:
    """Adds an option that takes a number.

    Args:
        name (str), help (str): of the option; the default is added to the help unless that speaks
            of it.
        low (int), high (int): it is a whole number of [low, high].
        above (float): it is any number above that, and at most `high`, instead.
        **options: of add_argument.
    """
    if default is not None and 'default' not in help:
        help = f'{help}; default: {default}'
    kind = at_least(low, high) if above is None else number_above(above, high)
    parser.add_argument(name, type=kind, metavar='N', default=default, help=help, **options)


def load_config(args: argparse.Namespace) -> Config:
    """Returns the Config that `args.config` and `args.cfg_options` describe.

    A relative path that does not exist is looked up among the shipped configs, with or without
    `configs/` before it and `.py` after it.

    Raises:
        ConfigError: no such config, or one that cannot be used.
    """
    from ..media.folder_index import rooted

    cfg = Config.fromfile(find_config(args.config), getattr(args, 'cfg_options', None))
    if cfg.get('data_root') is not None:
        found = rooted(cfg.get('data'))
        if not found and 'data_root' in (getattr(args, 'cfg_options', None) or {}):
            raise ConfigError(
                f'{cfg.filename}: data_root is for data sets that have one, and none of them has'
            )
        for part in found:
            part['data_root'] = cfg.data_root
    return cfg
