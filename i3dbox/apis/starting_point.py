"""What fine-tuning starts from: a network, and a checkpoint for each of its streams."""

from __future__ import annotations

import copy
import math
import os
from typing import Any, NamedTuple

from ..config import Config
from ..config.shipped import PREFIX as PREFIX_OF_SHIPPED
from ..config.shipped import find_config
from ..config_checks.checks import check_config, look_up
from ..errors import CheckpointError, ConfigError, DownloadError
from ..inference.model_spec import zoo_names
from ..models.endpoints import stages_of
from ..models.plain_i3d import plain_streams
from ..registry import PIPELINES
from ..streams import BOTH, MODALITIES, STREAMS, check_stream
from ..weights.checkpoint import load_checkpoint
from ..weights.fitting import checkpoint_in, fit_weights
from ..weights.zoo import PREFIX, local_path
from ..weights.zoo_index import ENTRIES

GIB = 2**30
# What a clip takes in training, against the outputs of all layers: measured, and rounded up.
KEPT_OF_OUTPUTS = 1.4


class Network(NamedTuple):
    """A network to fine-tune.

    Attributes:
        title: how to call it.
        parts: the config of its recognizer of RGB.
        clip_len, interval, size: of its clips: frames, how many apart, and pixels of a side; None
            where its config does not say.
        resize, crop: of what it is tested on: arguments of Resize and CenterCrop.
        stages: what the parameters of its stages are called first, the last stage first.
        gib: what a clip of these sizes takes when all layers train, in GiB.
        custom_imports: of its config.
        weights: that it starts from by itself: a name of the zoo, or a file.
    """

    title: str
    parts: dict
    clip_len: int | None = 64
    interval: int = 1
    size: int | None = 224
    stages: tuple[str, ...] = ()
    gib: float = 0.0
    custom_imports: Any = None
    weights: str | None = None
    resize: dict | None = None
    crop: dict = {}

    @property
    def is_i3d(self) -> bool:
        """Whether it is the authors'."""
        return plain_streams(self.model('rgb', 1)) is not None

    def model(self, stream: str, classes: int, from_scratch: bool = False) -> dict:
        """Returns the config of a stream's recognizer."""
        parts = copy.deepcopy(self.parts)
        backbone = parts['backbone']
        parts['head']['num_classes'] = classes
        if stream == 'flow':  # its channels and their mean are not those of colours
            backbone.pop('in_channels', None)
            parts.pop('data_preprocessor', None)
        if from_scratch and backbone.get('type') in SLOW_STATISTICS:
            # the moving statistics must settle within few steps
            backbone['norm'] = {**(backbone.get('norm') or {}), 'momentum': 0.9}
        parts.pop('modality', None)
        return dict(type=parts.pop('type'), modality=MODALITIES[stream], **parts)


SLOW_STATISTICS = ('InceptionI3D', 'S3D')
I3D = Network(
    'I3D',
    dict(
        type='Recognizer3D',
        backbone=dict(type='InceptionI3D'),
        head=dict(type='I3DHead', num_classes=400, dropout=0.5),
    ),
    stages=('Mixed_5', 'Mixed_4'),
    gib=2.0,
)


def choose_network(model: str | None, config: str | Config | None = None) -> Network:
    """Returns the network that a name of the zoo, or a config, means; I3D where neither names
    another.

    Raises: ConfigError for a config without a network of one stream, or of clips it does not tell.
    """
    if config is None:
        entry = ENTRIES.get((model or '').removeprefix(PREFIX))
        if entry is None or entry.config is None:
            return I3D
        config = f'{PREFIX_OF_SHIPPED}{entry.config}.py'
    cfg = config if isinstance(config, Config) else Config.fromfile(find_config(config))
    check_config(cfg, ('model',))
    where = cfg.filename or 'the config'
    parts = cfg.model.to_dict()
    parts = parts.get('rgb', parts)
    if 'type' not in parts or not all(
        isinstance(parts.get(key), dict) for key in ('backbone', 'head')
    ):
        raise ConfigError(f'{where}: finetune takes a model with a backbone and a head')
    clip_len, interval, size = _clip(look_up(cfg, 'data.train.pipeline') or (), where)
    resize, crop = _framing(look_up(cfg, 'data.val.pipeline'))
    title = os.path.splitext(os.path.basename(where))[0]
    if cfg is config:  # of an earlier call: of a stream's name
        title = parts['backbone'].get('type')
    found = Network(
        title,
        parts,
        clip_len,
        interval,
        size,
        custom_imports=cfg.get('custom_imports'),
        resize=resize,
        crop=crop,
    )
    if found.is_i3d:
        return found._replace(stages=I3D.stages, gib=I3D.gib)
    own = title if title in ENTRIES else cfg.get('load_from')
    return found._replace(weights=own if isinstance(own, str) else None)


def _clip(steps, where):
    """Returns frames, how many apart, and the side in pixels of the clips that steps make; None
    where they do not say. Raises ConfigError for what cannot be.
    """
    found = dict(clip_len=None, frame_interval=1, size=None)
    for step in steps if isinstance(steps, (list, tuple)) else [steps]:
        if not isinstance(step, dict):
            raise ConfigError(
                f'{where}: data.train.pipeline is a list of steps, dicts with the key type; got '
                f'{str(steps)[:200]}'
            )
        scaled = dict(size=step['scale']) if 'scale' in step else {}
        found.update({key: value for key, value in {**scaled, **step}.items() if key in found})
    sides = found['size'] if isinstance(found['size'], (list, tuple)) else [found['size']]
    found['size'] = sides[0] if len(set(map(str, sides))) == 1 else None
    for key, value in found.items():
        if value is not None and (type(value) is not int or value < 1):
            raise ConfigError(
                f'{where}: {key} of data.train.pipeline is a whole number from 1 on; got {value!r}'
            )
    return found['clip_len'], found['frame_interval'], found['size']


def _framing(steps):
    """Returns what steps give Resize, and CenterCrop behind it; None and {} where they do anything
    else to the size.
    """
    steps = steps if isinstance(steps, (list, tuple)) else ()
    found = [dict(step) for step in steps if isinstance(step, dict) and _changes_size(step)]
    types = [step['type'] for step in found]
    if types not in (['Resize'], ['Resize', 'CenterCrop']):
        return None, {}
    for step in found:
        PIPELINES.build(step)
        del step['type']
    resize, crop = (*found, {})[:2]
    if resize.get('scale'):
        resize['scale'] = tuple(-1 if side == math.inf else side for side in resize['scale'])
    return resize, crop


def _changes_size(step):
    return str(step.get('type')).endswith(('Resize', 'Crop', 'Rescale'))


def sized(network: Network, clip_len: int | None, size: int | None) -> Network:
    """Returns a Network with its clips as they are asked for (None: its own), its stages and what
    it takes. One that is not I3D is built, and watched at work on a clip.

    Raises: ConfigError where the sizes are unknown, ModelError where it takes no such clips.
    """
    asked = dict(clip_len=clip_len or network.clip_len, size=size or network.size)
    for name, value in asked.items():
        if type(value) is not int:
            raise ConfigError(
                f'{network.title} says no {name} of its clips: name --{name.replace("_", "-")}'
            )
    cropped = network.crop.get('size', network.size)  # what is resized is resized for it
    share = asked['size'] / cropped if isinstance(cropped, int) else 1
    resize = _resized(network.resize, share)
    network = network._replace(**asked, resize=resize)
    if network.is_i3d:
        share = math.prod(side / own for side, own in zip(_sides(network), _sides(I3D)))
        return network._replace(gib=I3D.gib * share)
    layers, outputs = watch(network.model('rgb', 2), _sides(network))
    held = [name for name, layer in layers.items() if layer.parameters]
    return network._replace(
        stages=tuple(reversed(stages_of(held))), gib=KEPT_OF_OUTPUTS * 4 * outputs / GIB
    )


def _resized(resize, share):
    """Returns arguments of Resize for frames of `share` times the size; -1 stands for no limit."""

    def side(pixels):
        return pixels if pixels == -1 else max(1, round(pixels * share))

    if resize is None or share == 1:
        return resize
    if resize.get('short_side'):
        return dict(resize, short_side=side(resize['short_side']))
    return dict(resize, scale=tuple(map(side, resize['scale'])))


def _sides(network):
    return network.clip_len, network.size, network.size


def watch(model: dict, clip: tuple[int, int, int]) -> tuple[dict, int]:
    """Builds a recognizer and watches it at work on a clip.

    Args:
        model: its config. clip: frames, height, width.

    Returns: the models.flops.Layer of each layer of its backbone by name; and how many values all
        its layers give.
    """
    from ..models import build_recognizer
    from ..models.flops import blocks, count

    cells = count(build_recognizer(model), clip)
    start = 'backbone.'
    layers = {
        layer.name[len(start) :]: layer for layer in blocks(cells) if layer.name.startswith(start)
    }
    return layers, sum(math.prod(cell.shape) for cell in cells if cell.shape)


def choose_weights(
    model: str | None, stream: str | None = None
) -> tuple[str, dict[str, str | None]]:
    """Returns the stream, and stream -> checkpoint (zoo://NAME, a path, or None) for 'rgb', 'flow'
    or both.

    Arguments: as of finetune.prepare. Raises: ConfigError, CheckpointError.
    """
    if stream is not None:
        check_stream(stream)
    model = model or f'i3d_{"flow" if stream == "flow" else "rgb"}_kinetics400'
    if model == 'none':
        return stream or 'rgb', dict.fromkeys(STREAMS[stream or 'rgb'])
    if stream == 'joint' and ',' in model:
        files = model.split(',')
        if len(files) != 2:
            raise ConfigError(
                f'--model names two checkpoints for both streams, as in rgb.ckpt,flow.ckpt; got '
                f'{model}'
            )
        return stream, {
            name: choose_weights(file, name)[1][name] for name, file in zip(BOTH, files)
        }
    if os.path.isfile(model):
        return _own_weights(model, stream)
    name = model.removeprefix(PREFIX)
    entry = ENTRIES.get(name)
    if entry and (entry.config or (entry.modality, stream) == ('RGB', 'flow')):
        # there is none of flow, or it is not wanted
        stream = stream or 'rgb'
        starts = dict(rgb=PREFIX + name)
        starts['flow'] = dict(type='cross_modality', checkpoint=starts['rgb'])
        return stream, {kind: starts[kind] for kind in STREAMS[stream]}
    if entry and stream in MODALITIES and entry.modality != MODALITIES[stream]:
        raise ConfigError(f'{model} is of {entry.modality}; --stream says {stream}')
    try:
        names = zoo_names(model, stream)
    except CheckpointError as error:
        raise CheckpointError(
            f'--model {model} is no file, and {error}; none trains from scratch'
        ) from None
    return stream or ('joint' if len(names) == 2 else next(iter(names))), {
        kind: PREFIX + name for kind, name in names.items()
    }


def _own_weights(path, stream):
    modality = load_checkpoint(path)[2].get('modality')
    if stream == 'joint' and modality != 'RGB':
        raise ConfigError(
            f'both streams need two checkpoints, as in --model rgb.ckpt,flow.ckpt; got {path}'
        )
    stream = stream or ('flow' if modality == 'Flow' else 'rgb')
    path = os.path.abspath(path)
    starts = dict(rgb=path, flow=path)
    if modality == 'RGB':
        starts['flow'] = dict(type='cross_modality', checkpoint=path)
    return stream, {name: starts[name] for name in STREAMS[stream]}


def check_weights(checkpoint: str | dict | None, modality: str, model: dict | None = None) -> None:
    """Fetches and reads a checkpoint (None: nothing to do), so that what is wrong with it shows
    early.

    Args:
        modality: of the stream that takes it. model: the config of its recognizer.

    Raises: DownloadError, CheckpointError.
    """
    if checkpoint is None:
        return
    source, crosses = checkpoint_in(checkpoint)
    taken = 'RGB' if crosses else modality
    try:
        path = local_path(source)
    except DownloadError as error:
        raise DownloadError(
            f'{error}. Training also starts from a .ckpt (--model FILE), or from scratch '
            '(--model none); flow, from weights of RGB (--stream flow --model i3d_rgb_kinetics400)'
        ) from error
    found = load_checkpoint(path)[2].get('modality', taken)
    if found != taken:
        raise CheckpointError(f'{source} was trained on {found}; the stream takes {taken}')
    if model is not None:
        try:
            fit_weights(checkpoint, _shapes(model), modality)
        except CheckpointError as error:
            named = '. Weights of another network than I3D go with --config, which names it'
            raise CheckpointError(f'{error}{named if plain_streams(model) else ""}') from error


def _shapes(model):
    """Returns the shapes of a recognizer's parameters by name."""
    plain = plain_streams(model)
    if plain:
        return plain['imgs'].shapes
    from ..models import build_recognizer

    recognizer = build_recognizer(model, initialize=False)
    return {p.name: tuple(p.shape) for p in recognizer.get_parameters()}
