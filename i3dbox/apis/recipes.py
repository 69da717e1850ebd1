"""Recipes for data sets of one's own: how to train on so many videos, and the config that says
so.
"""

from __future__ import annotations

import os
import string
from collections.abc import Callable
from typing import NamedTuple

from ..config import Config
from ..config.values import to_python
from ..errors import ConfigError
from ..fileio import atomic_path, atomic_write
from ..streams import MODALITIES
from ..workers import free_memory, usable_cores
from .starting_point import GIB, I3D, Network

LEAST_STEPS = 100
MOST_EPOCHS = 50
MOST_DECODED = 2 * GIB  # a whole video at its own size, in memory


class Rule(NamedTuple):
    """How to train on up to `videos` training videos: how many of the last stages (0: all layers),
    for how many epochs, at which rate, which share of the memory of all layers' training it takes
    at most, and for how many views of each clip the frozen layers are computed once (0: at each
    step)."""

    videos: float
    stages: int
    epochs: int
    lr: float
    memory: float
    views: int = 0


RULES = (
    Rule(300, 1, 10, 5e-4, 0.4, views=4),
    Rule(3000, 2, 15, 3e-4, 0.5),
    Rule(float('inf'), 0, 20, 1e-4, 1.0),
)
FROM_SCRATCH = Rule(float('inf'), 0, 40, 1e-3, 1.0)


class Recipe(NamedTuple):
    """What `choose_recipe` chose. `trains` says it in words; `frames` are arguments of SampleFrames
    for testing."""

    trains: str
    freeze: dict | None
    epochs: int
    lr: float
    batch_size: int
    num_workers: int
    frames: dict
    frozen_views: int


def choose_recipe(
    videos: int,
    from_weights: bool,
    largest: int = 0,
    cores: int | None = None,
    memory: int | None = None,
    network: Network = I3D,
) -> Recipe:
    """Returns the recipe for a number of training videos; docs/finetune.md states the rule.

    Args:
        videos: that train.
        from_weights: whether there are weights to start from.
        largest: bytes of the largest video, decoded.
        cores, memory: of this machine, in bytes; by default what it has.
        network: of starting_point.sized.

    Returns: Recipe.
    """
    cores = cores or usable_cores()
    memory = memory or free_memory() or 4 * GIB
    rule = next(rule for rule in RULES if videos <= rule.videos) if from_weights else FROM_SCRATCH
    fitting = int(memory / 2 / GIB / (rule.memory * network.gib))
    batch_size = max(1, min(8, max(2, videos // 8), fitting))
    steps_per_epoch = max(1, videos // batch_size)
    epochs = max(rule.epochs, min(MOST_EPOCHS, -(-LEAST_STEPS // steps_per_epoch)))
    stages = sorted(network.stages[: rule.stages])
    freeze = None
    if from_weights:  # small batches would spoil the statistics that the weights bring
        freeze = dict(finetune_prefixes=['head', *stages]) if stages else {}
        freeze['freeze_norm'] = True
    whole = network.is_i3d and largest <= MOST_DECODED
    return Recipe(
        in_words(['the head', *stages]) if stages else 'all layers',
        freeze,
        epochs,
        rule.lr,
        batch_size,
        min(cores, 8),
        dict(mode='whole') if whole else dict(mode='uniform', num_clips=4),
        rule.views if stages else 0,
    )


def in_words(parts: list[str]) -> str:
    """Joins what trains: 'the head, Mixed_4 and Mixed_5'."""
    *others, last = parts
    return f'{", ".join(others)} and {last}' if others else last


CONFIG = string.Template('''\
"""The $title stream of $network on $classes classes; made by `i3dbox finetune`.

$videos training videos, $start: $trains train.
What is read stands in split/: lists of `path label` below data_prefix. It runs by itself:

    i3dbox train $name --validate --resume        (or python tools/train.py, as for all commands)
    i3dbox test $name $stream/epoch_$epochs.ckpt
"""

${imports}model = dict(
    $model)
load_from = $load_from  # None: from scratch
freeze = $freeze
frozen_views = $frozen_views  # the frozen layers are computed once, for so many clips of each video; 0: at each step

$sizes  # frames and pixels
videos = dict(
    type='VideoDataset',
    modality='$title',
    data_prefix=$folder,
    classes='{{fileDirname}}/split/classes.txt')
data = dict(
    batch_size=$batch_size,
    num_workers=$num_workers,
    val_loader=dict(batch_size=1),
    test_loader=dict(batch_size=1),
    train=dict(videos, ann_file='{{fileDirname}}/split/train.txt', pipeline=[
        dict(type='OpenClip'),
        dict(type='SampleFrames', clip_len=_clip_len$every),  # from anywhere in the video; a shorter one is looped
        dict(type='DecodeClip'),
        $resize,
        dict(type='ComputeFlow'),  # TV-L1, for the flow stream; nothing for RGB
        dict(type='RandomCrop', size=_size),
        dict(type='Flip', flip_ratio=0.5),  # 0 where left and right make classes
        dict(type='PackClips'),
    ]),
    # while training: one clip from the middle of each video
    val=dict(videos, ann_file='{{fileDirname}}/split/val.txt', pipeline=[
        dict(type='OpenClip'),
        dict(type='SampleFrames', clip_len=_clip_len$every, mode='centre'),
        dict(type='DecodeClip'),
        $resize,
        dict(type='ComputeFlow'),
        dict(type='CenterCrop', size=_size$crop),
        dict(type='PackClips'),
    ]),
    # at the end: the same videos, $protocol; unreadable ones are left out and listed
    test=dict(videos, ann_file='{{fileDirname}}/split/val.txt', damaged='skip', pipeline=[
        dict(type='OpenClip'),
        dict(type='SampleFrames', clip_len=_clip_len$every$frames),
        dict(type='DecodeClip'),
        $resize,
        dict(type='ComputeFlow'),
        dict(type='CenterCrop', size=_size$crop),
        dict(type='PackClips'),
    ]))

loss = dict(type='CrossEntropyLoss')
optimizer = dict(type='Adam', lr=$lr)
schedule = dict(type='CosineLR', warmup_epochs=0.5)
total_epochs = $epochs
seed = $seed
runner = dict(
    CPU=dict(type='CPURunner'),
    Ascend=dict(type='Ascend910Runner', amp_level='O3', loss_scale='dynamic', sink_size=50))
hooks = [
    dict(type='LoggerHook', interval=$log_interval),
    dict(type='CheckpointHook', interval=1, max_keep_ckpts=2),
]
evaluation = dict(interval=$interval, metrics=['top_k_accuracy', 'mean_class_accuracy'])
protocols = dict(
    whole=dict(frames=dict(mode='whole')),
    centre=dict(frames=dict(mode='centre')),
    uniform=dict(frames=dict(mode='uniform', num_clips=4)),
    views=dict(frames=dict(mode='uniform', num_clips=10), crop=dict(type='ThreeCrop'), average_clips='prob'),
    drawn=dict(frames=dict(mode='drawn')))
work_dir = '{{fileDirname}}/$stream'
''')

TWO_STREAM = string.Template('''\
"""Both streams, for testing and the demo; made by `i3dbox finetune`. The logits are added with equal weights.

    i3dbox test two_stream.py --rgb rgb/CKPT --flow flow/CKPT        (or python tools/test.py)
"""

from i3dbox.config import Config as _Config

_base_ = './$rgb'
_flow = _Config.fromfile('{{fileDirname}}/$flow')

rgb = {{_base_.model}}
model = dict(_delete_=True, type='TwoStreamRecognizer', rgb=rgb, flow=_flow.model, weights=(1, 1))
video = {{_base_.data.test}}
data = dict(test=dict(_delete_=True, type='TwoStreamDataset', damaged='skip', rgb=video, flow=_flow.data.test))
''')


def config_text(
    stream: str,
    folder: str,
    classes: int,
    videos: int,
    load_from: str | None,
    seed: int,
    recipe: Recipe,
    network: Network = I3D,
) -> str:
    """Returns the text of a stream's config, which stands beside its split/.

    Args:
        stream: 'rgb' or 'flow'.
        folder: of class folders. classes, videos: how many classes and training videos
            it holds.
        load_from: a checkpoint, zoo://NAME or None.
        seed: of the run.
        recipe (Recipe): how to train.
        network (Network): of starting_point.sized.
    """
    whole = recipe.frames['mode'] == 'whole'
    model = network.model(stream, classes, from_scratch=load_from is None)
    imports = network.custom_imports
    sizes, resize = _sizes_and_resize(network)
    too_large = ', as some are too large to be scored whole'
    return CONFIG.substitute(
        recipe._asdict(),
        title=MODALITIES[stream],
        stream=stream,
        name=config_name(stream, network),
        network=network.title,
        model=',\n    '.join(f'{key}={to_python(value, key)}' for key, value in model.items()),
        imports='' if imports is None else f'custom_imports = {to_python(imports, "imports")}\n',
        clip_len=network.clip_len,
        every=f', frame_interval={network.interval}' if network.interval > 1 else '',
        size=network.size,
        classes=classes,
        videos=videos,
        folder=repr(os.path.abspath(folder)),
        load_from=repr(load_from),
        seed=seed,
        start='from weights' if load_from else 'from scratch',
        sizes=sizes,
        resize=resize,
        crop=_further({key: value for key, value in network.crop.items() if key != 'size'}),
        freeze=to_python(recipe.freeze, 'freeze'),
        protocol='whole' if whole else f'by 4 clips each{too_large if network.is_i3d else ""}',
        frames=_further(recipe.frames),
        log_interval=max(1, min(20, videos // recipe.batch_size)),
        interval=max(1, recipe.epochs // 5),
    )


def _sizes_and_resize(network):
    """Returns the line of a config's sizes, and the step that resizes: as the network's own config
    has it, and without one as the authors of I3D have it.
    """
    sizes, values = '_clip_len, _size', [network.clip_len, network.size]
    resize = network.resize or dict(short_side=round(network.size * 256 / 224))
    if 'short_side' in resize:
        sizes += ', _short_side'
        values.append(resize['short_side'])
        others = {key: value for key, value in resize.items() if key != 'short_side'}
        step = f"dict(type='Resize', short_side=_short_side{_further(others)})"
    else:
        step = f"dict(type='Resize'{_further(resize)})"
    return f'{sizes} = {", ".join(map(str, values))}', step


def _further(arguments):
    return ''.join(f', {key}={value!r}' for key, value in arguments.items())


def config_name(stream: str, network: Network = I3D) -> str:
    """Returns the name of a stream's config, or of both streams' for 'joint'."""
    if stream == 'joint':
        return 'two_stream.py'
    of_i3d, of_others = config_names(stream)
    return of_i3d if network.is_i3d else of_others


def config_names(stream: str) -> tuple[str, str]:
    """Returns the names that a stream's config may have: of I3D, and of other networks."""
    return f'i3d_{stream}.py', f'{stream}.py'


def write_config(
    path: str, text: str | None, options: dict | None = None, check: Callable | None = None
) -> None:
    """Writes a config to `path`, unless there is one, and puts `options` into it.

    What is there stays, hand-made changes included; options that change something become lines at
    its end.

    Args:
        text: of the config, where there is none yet.
        options: as of --cfg-options.
        check: is called with the config that options would make, and raises what is
            wrong with it: a line that does not fit would stop every later call.

    Raises: ConfigError for options that do not fit.
    """
    made = not os.path.exists(path)
    if made:
        atomic_write(path, text)
    try:
        before = Config.fromfile(path)
        wanted = Config.fromfile(path, options)
        if wanted == before:
            return
        if check:
            check(wanted)
    except BaseException:
        if made:  # a call that comes to nothing binds no later one
            os.remove(path)
        raise
    with open(path, encoding='utf-8') as file:
        text = file.read()
    lines = [line for key, value in options.items() for line in _assignments(before, key, value)]
    with atomic_path(path) as temporary:
        atomic_write(temporary, '\n'.join([text, '# from --cfg-options', *lines, '']))
        try:
            right = Config.fromfile(temporary) == wanted
        except ConfigError:
            right = False
        if not right:  # such as an entry of a tuple: the whole config then, plainly
            atomic_write(temporary, wanted.pretty_text)


def _assignments(cfg, key, value):
    """Lines of Python that do at the end of a config what the option key=value does."""
    first, *rest = key.split('.')
    if first not in cfg:
        return [f'{first} = {to_python(_nested(rest, value), key)}']
    return _below(cfg[first], first, rest, value, key)


def _below(node, target, parts, value, key):
    if parts:
        is_list = isinstance(node, (list, tuple))
        part = int(parts[0]) if is_list else parts[0]
        if not is_list and (not isinstance(node, dict) or part not in node):
            return [f'{target}[{part!r}] = {to_python(_nested(parts[1:], value), key)}']
        return _below(node[part], f'{target}[{part!r}]', parts[1:], value, key)
    if isinstance(node, dict) and isinstance(value, dict):
        return [
            line for name, item in value.items() for line in _below(node, target, [name], item, key)
        ]
    return [] if node == value else [f'{target} = {to_python(value, key)}']


def _nested(parts, value):
    for part in reversed(parts):
        value = {part: value}
    return value
