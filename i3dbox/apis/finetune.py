"""From a folder of class folders to a tested network: split, configs, training, figures and a
report.

`prepare` does what is cheap and writes it down, `finetune` the rest. Everything lies in one
work_dir:

    split/                      classes.txt, train.txt, val.txt, left_out.txt
    i3d_rgb.py, i3d_flow.py     a config for each stream; two_stream.py for both. Those of another
                                network than I3D are rgb.py and flow.py
    rgb/, flow/                 the runs
    rgb.pkl, flow.pkl or joint.pkl, report/report.html

What is there is kept, so a second call goes on where the first one stopped.
"""

from __future__ import annotations

import os
import shutil
from typing import NamedTuple

from ..argument_checks import at_least_one
from ..config import Config
from ..config_checks.checks import check_data, look_up
from ..engine.run import last_checkpoint
from ..errors import ConfigError
from ..evaluation.results import Results
from ..models.i3d_table import MIN_INPUT
from ..preparation.checking import look_at_videos
from ..preparation.class_folders import Split, find_classes, make_split, read_split, relative
from ..reports.report import write_report
from ..reports.run_log import read_run_log
from ..reports.words import words
from ..streams import BOTH, MODALITIES, STREAMS
from ..weights.fitting import checkpoint_in
from ..workers import usable_cores
from .recipes import (
    TWO_STREAM,
    choose_recipe,
    config_name,
    config_names,
    config_text,
    write_config,
)
from .starting_point import check_weights, choose_network, choose_weights, sized
from .test import known_results, test
from .train import train

SEED = 2022


class Plan(NamedTuple):
    """What `prepare` has made.

    Attributes:
        work_dir (str). split (Split).
        configs (dict of str -> str): stream -> path of its config.
        tested (str): 'rgb', 'flow' or 'joint'. test_config (str): the config that tests it.
        trains (str): what trains, and how long, for people.
        unlisted (list of str): videos that came after the split was made.
    """

    work_dir: str
    split: Split
    configs: dict
    tested: str
    test_config: str
    trains: str
    unlisted: list


class Finetuned(NamedTuple):
    """What `finetune` has made: the newest checkpoints by stream, the test's results, and the
    report's path.
    """

    checkpoints: dict
    results: Results
    report: str


def prepare(
    folder: str,
    model: str | None = None,
    stream: str | None = None,
    work_dir: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    options: dict | None = None,
    clip_len: int | None = None,
    size: int | None = None,
    config: str | Config | None = None,
) -> Plan:
    """Splits the videos of a folder of class folders, and writes configs that train on them.

    Args:
        folder: holds a folder of videos for each class.
        model: weights to start from: a name of the zoo (see model_spec.zoo_names), a .ckpt or
            PyTorch's file, or 'none'. Two, of both streams, are joined by a comma. A flow stream
            may start from RGB's. Default: Kinetics-400's of I3D, or what `config` loads.
        stream: 'rgb', 'flow' or 'joint'; by default the model's, or 'rgb'.
        work_dir: default: work_dirs/<name of the folder>.
        epochs: default: by the number of videos.
        seed: of the split and the runs; default: 2022.
        options: as of --cfg-options, for the configs of all streams.
        clip_len, size: of clips, in frames and pixels; default: the network's, of I3D 64 and 224.
        config: of which network the weights are, a file or the name of a shipped one; default:
            that of a name of the zoo, or I3D.

    Returns: Plan.
    Raises: an I3DBoxError for a folder, model or option that cannot be used, or that an earlier
        call in this work_dir had otherwise.
    """
    _check_clip(clip_len, size)
    work_dir = work_dir or os.path.join('work_dirs', os.path.basename(os.path.abspath(folder)))
    there = _configs_in(work_dir)
    earlier = {name: Config.fromfile(path) for name, path in there.items()}
    network, weighted = _start(model, config, earlier)
    stream, weights = choose_weights(weighted, stream)
    _check_apart(folder, work_dir)
    classes = find_classes(folder)
    split_folder = os.path.join(work_dir, 'split')
    options = dict(options or {})
    if epochs is not None:
        options['total_epochs'] = epochs
    configs = {
        name: there.get(name) or os.path.join(work_dir, config_name(name, network))
        for name in STREAMS[stream]
    }
    asked = dict(folder=os.path.abspath(folder), seed=seed, clip_len=clip_len, size=size)
    for name in configs.keys() & earlier.keys():
        named = dict(model=weights[name]) if model else {}
        if config:
            named['network'] = _network_in(network.model(name, 1))
        _check_same(earlier[name], **asked, **named)
    for cfg in earlier.values():  # a new stream takes the clips and the seed of the other
        clip = clip_of(cfg)
        clip_len = clip_len or clip['clip_len']
        size = size or clip['size']
        seed = cfg.get('seed') if seed is None else seed
    seed = SEED if seed is None else seed
    new = [name for name in configs if name not in earlier]
    if new:
        network = sized(network, clip_len, size)
        _check_starts(new, weights, network, len(classes), options)
    sources = [source for found in classes.values() for source in found]
    was_there = os.path.isdir(split_folder)
    split, largest = _split(classes, sources, folder, split_folder, seed, not new)
    videos = len(split.train)

    def text_of(name: str) -> str:
        recipe = choose_recipe(videos, weights[name] is not None, largest, network=network)
        recipe = recipe if epochs is None else recipe._replace(epochs=epochs)
        return config_text(
            name, folder, len(split.classes), videos, weights[name], seed, recipe, network
        )

    try:
        for name, path in configs.items():
            write_config(path, text_of(name) if name in new else None, options, check_data)
    finally:
        if not was_there and not any(map(os.path.exists, configs.values())):
            # without a config nobody could say later of which folder and seed it is
            shutil.rmtree(split_folder, ignore_errors=True)
    joint = os.path.join(work_dir, config_name('joint'))
    test_config = joint if stream == 'joint' else configs[stream]
    if stream == 'joint':
        names = {name: os.path.basename(path) for name, path in configs.items()}
        write_config(joint, TWO_STREAM.substitute(names))
    listed = {path for path, _ in (*split.train, *split.val, *split.left_out)}
    paths = [relative(source, folder) for source in sources]
    unlisted = [path for path in paths if path not in listed]
    return Plan(work_dir, split, configs, stream, test_config, _in_words(configs), unlisted)


def _configs_in(work_dir):
    """Returns the paths of the configs that earlier calls wrote into a work_dir, by stream."""
    paths = {
        stream: [os.path.join(work_dir, name) for name in config_names(stream)] for stream in BOTH
    }
    return {name: path for name in BOTH for path in reversed(paths[name]) if os.path.exists(path)}


def _start(model, config, earlier):
    """Returns the Network that is meant, and what its weights are called (None: I3D's own)."""
    if config is None and model in (None, 'none') and earlier:
        config = next(iter(earlier.values()))  # the network of the other stream
        network = choose_network(model, config)
        if network.is_i3d or model:
            return network, model
        return network, checkpoint_in(config.get('load_from'))[0] or 'none'
    network = choose_network(model, config)
    if model is None and not network.is_i3d and network.weights is None:
        raise ConfigError(
            f'{network.title} is another network than I3D: --model names its weights, or none'
        )
    return network, network.weights if model is None else model


def _check_starts(streams, weights, network, classes, options):
    """Raises CheckpointError or DownloadError for weights that streams cannot start from."""
    changed = any(key.split('.')[0] == 'model' for key in options)
    for name in streams:
        model = None if changed else network.model(name, classes)
        check_weights(options.get('load_from', weights[name]), MODALITIES[name], model)


def _split(classes, sources, folder, split_folder, seed, planned):
    """Returns the Split, made where there is none yet, and the bytes of the largest video, decoded:
    0 where videos need not be looked at, as all is planned.
    """
    split = read_split(split_folder)
    if split is not None and planned:
        return split, 0
    sizes, problems = look_at_videos(sources, usable_cores())
    if split is None:
        split = make_split(classes, folder, problems, seed)
        try:
            split.write(split_folder)
        except FileExistsError as error:
            raise ConfigError(
                f'{split_folder} is being made by another call: the same command goes on when that '
                'has ended'
            ) from error
    pixels = (frames * width * height for frames, width, height in sizes.values())
    return split, 3 * max(pixels, default=0)


def finetune(
    plan: Plan,
    device: str = 'auto',
    device_id: int | None = None,
    engine: str = 'auto',
    precision: str | None = None,
    language: str = 'en',
) -> Finetuned:
    """Trains each stream of a Plan, tests them, and writes the report. Returns Finetuned.

    Runs go on from their newest checkpoint; scores of the same checkpoint and config are not
    computed again. The last checkpoint of a run is the one that counts: to choose the best would
    need videos that are not tested with.

    Args:
        device, device_id, engine, precision: of train and test.
        language: of the report, one of languages.LANGUAGES.
    """
    if not isinstance(plan, Plan):
        raise ConfigError(f'plan is what prepare returns; got {type(plan).__name__}')
    logs = {}
    checkpoints = {}
    configs = {name: Config.fromfile(path) for name, path in plan.configs.items()}
    # a copy of its own, as training completes its config
    tested = Config.fromfile(plan.test_config)
    for cfg in (*configs.values(), tested) if plan.tested == 'joint' else configs.values():
        check_data(cfg)  # what is tested with, too, before anything is trained
    for name, cfg in configs.items():
        resume = last_checkpoint(cfg.work_dir)
        train(cfg, resume, device, device_id, True, engine, precision)
        checkpoints[name] = last_checkpoint(cfg.work_dir)
        logs[MODALITIES[name]] = read_run_log(cfg.work_dir)
    file = os.path.join(plan.work_dir, f'{plan.tested}.pkl')
    checkpoint = checkpoints if plan.tested == 'joint' else checkpoints[plan.tested]
    results = known_results(file, checkpoint, dict(config_text=tested.pretty_text))
    if results is None:
        results = test(tested, checkpoint, device, device_id, 'test', engine, precision)
        results.save(file)
    split = plan.split
    say = words(language)
    notes = [
        say(
            '{train} videos trained, {test} others were tested with. The figures are of the last '
            'checkpoints; none was chosen by them. They are of whole videos; the dots of the '
            'curves are of the clip in the middle of each.',
            train=len(split.train),
            test=len(split.val),
        )
    ]
    if split.left_out:
        names = ', '.join(path for path, _ in split.left_out)
        left_out = '{number} unreadable videos were left out: {names}'
        notes.append(say(left_out, number=len(split.left_out), names=names))
    page = write_report(
        os.path.join(plan.work_dir, 'report'),
        logs,
        results.by_stream(),
        notes=notes,
        language=language,
    )
    return Finetuned(checkpoints, results, page)


def _check_apart(folder, work_dir):
    inside = os.path.realpath(work_dir) + os.sep
    if inside.startswith(os.path.realpath(folder) + os.sep):
        raise ConfigError(
            f'the work dir {work_dir} lies in {folder}, whose folders are classes: '
            'name another --work-dir'
        )


def _check_clip(clip_len, size):
    named = (('clip_len', clip_len), ('size', size))
    for (name, value), least in zip(named, MIN_INPUT):
        if value is not None:
            at_least_one('finetune', **{name: value})
            if value < least:
                raise ConfigError(f'{name} is at least {least}; got {value}')


def clip_of(cfg: Config) -> dict[str, int | None]:
    """Returns clip_len and size of the clips that a config trains on; None where it says that
    otherwise than `prepare` did.
    """
    steps = {step.get('type'): step for step in look_up(cfg, 'data.train.pipeline') or ()}
    found = dict(
        clip_len=steps.get('SampleFrames', {}).get('clip_len'),
        size=steps.get('RandomCrop', {}).get('size'),
    )
    return {name: value if isinstance(value, int) else None for name, value in found.items()}


def _check_same(cfg, **asked):
    """Raises ConfigError where a config of an earlier call is of another folder, seed, model or
    clip than `asked` for. A seed, clip_len and size of None, asked for or there, are any."""
    there = dict(
        folder=look_up(cfg, 'data.train.data_prefix'),
        seed=cfg.get('seed'),
        model=cfg.get('load_from'),
        network=_network_in(cfg.model),
        **clip_of(cfg),
    )
    for what, value in asked.items():
        any_will_do = what in ('seed', 'clip_len', 'size') and None in (value, there[what])
        if there[what] != value and not any_will_do:
            raise ConfigError(
                f'{cfg.filename}, from an earlier call, has {there[what]} as its {what}; now it is '
                f'{value}. Another --work-dir starts anew'
            )


def _network_in(model):
    """Returns what tells a network from others: its backbone, but for how its statistics move."""
    return {key: value for key, value in model['backbone'].items() if key != 'norm'}


def _in_words(configs):
    texts = []
    for name, path in configs.items():
        cfg = Config.fromfile(path)
        which = look_up(cfg, 'freeze.finetune_prefixes')
        start, crosses = checkpoint_in(cfg.get('load_from'))
        texts.append(
            f'{MODALITIES[name]}: {", ".join(which) if which else "all layers"} for '
            f'{cfg.total_epochs} {"epoch" if cfg.total_epochs == 1 else "epochs"}'
            f' in batches of {cfg.data.batch_size}, from {start or "scratch"}'
            + (' (of RGB; the first filters become their mean over colours)' if crosses else '')
        )
    return '\n'.join(texts)
