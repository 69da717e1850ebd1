"""What a user named: a model of the zoo, a config with its checkpoints, checkpoints, or a file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from ..config import Config
from ..config.shipped import PREFIX as PREFIX_OF_SHIPPED
from ..config.shipped import find_config, shipped_names
from ..config_checks.checks import check_config
from ..errors import CheckpointError, ConfigError
from ..models.i3d_table import HEAD_WEIGHT
from ..streams import BOTH, MODALITIES, STREAMS, check_stream
from ..weights.checkpoint import load_checkpoint
from ..weights.zoo import PREFIX, classes_of_entry, names_hint
from ..weights.zoo_index import ENTRIES

EXPORTED = ('.onnx', '.mindir', '.xml')
RUNNERS = dict(CPU=dict(type='CPURunner'), Ascend=dict(type='Ascend910Runner'))
WAYS = (
    'name a model of the zoo, or one of each stream (--model), or a checkpoint (--checkpoint, or '
    '--rgb and --flow), and its config where it is not plain I3D'
)


@dataclasses.dataclass
class ModelSpec:
    """A model as it was named, before it is loaded: here, or in another process.

        ModelSpec.resolve('i3d_kinetics400')                       # of the zoo: RGB and flow
        ModelSpec.resolve(config='my.py', checkpoint='best.ckpt')
        ModelSpec.resolve(checkpoint=dict(rgb='a.ckpt', flow='b.ckpt'))     # plain I3D
        ModelSpec.resolve('best.onnx')                             # exported

    Attributes:
        name (str): how to call it.
        streams (tuple): which of 'rgb' and 'flow' are used; of an exported file those that were
            asked for, or none, as it says itself what it is of.
        cfg (Config): its `model` and `runner` are needed; None for an exported file.
        checkpoint (str or dict): a .ckpt or zoo://NAME, or one by stream; None for an exported
            file.
        exported (str): the file that tools/export.py wrote, or None.
    """

    name: str
    streams: tuple
    cfg: Config | None = None
    checkpoint: str | dict | None = None
    exported: str | None = None

    @classmethod
    def resolve(
        cls,
        model: str | Config | Sequence[str] = (),
        config: str | Config | None = None,
        checkpoint: str | dict | None = None,
        stream: str | None = None,
    ) -> ModelSpec:
        """Finds out what is meant. Weights are downloaded when they are loaded.

        Args:
            model (str, Config or sequence of str): a name of the zoo, with or without its modality,
                or one a stream; or an exported file; or a config.
            config: of the checkpoints, a file or the name of a shipped one;
                default: I3D, of as many classes as they have. With an exported file: what imports
                the steps of its pipeline that are a user's own.
            checkpoint: a .ckpt, or dict(rgb=..., flow=...).
            stream: 'rgb', 'flow' or 'joint'; default: all that there is.

        Raises: ConfigError or CheckpointError for what is not there or does not go together.
        """
        if stream is not None:
            check_stream(stream)
        names = _as_list(model)
        if len(names) == 1 and (_is_config(names[0]) or checkpoint and names[0] in shipped_names()):
            (config,) = names
            names = []
        names = [os.fspath(name) for name in names]
        if not names and not checkpoint:
            where = getattr(config, 'filename', config)
            raise ConfigError(
                WAYS if config is None else f'{where}: a config goes with a checkpoint'
            )
        if not names:
            return cls._of_files(config, checkpoint, stream)
        if len(names) == 1 and names[0].endswith(EXPORTED):
            if checkpoint:
                raise ConfigError(f'{names[0]} holds its weights: it goes with no checkpoint')
            if config is not None and not isinstance(config, Config):
                # it imports the steps of its pipeline that are a user's own
                Config.fromfile(find_config(config))
            return cls(os.path.basename(names[0]), STREAMS.get(stream, ()), exported=names[0])
        for name in names:
            _check_name(name)
        if checkpoint or config is not None:
            raise ConfigError(
                f'{names[0]}: an entry of the model zoo has its own checkpoint and config; a '
                f'checkpoint goes with a config ({WAYS})'
            )
        return cls._of_names(names, stream)

    @classmethod
    def _of_names(cls, names, stream):
        if len(names) == 1:
            entries = zoo_names(names[0], stream)
        else:
            pairs = [pair for name in names for pair in zoo_names(name).items()]
            entries = dict(pairs)
            if len(entries) < len(pairs):
                raise ConfigError(
                    f'{" and ".join(names)} are of one stream: name one model of each'
                )
            entries = {
                kind: entries[kind] for kind in _chosen(stream, tuple(entries), 'the models')
            }
        recipes = {ENTRIES[name].config for name in entries.values()}
        if recipes == {None}:
            cfg = plain_i3d({kind: ENTRIES[name].num_classes for kind, name in entries.items()})
        elif len(entries) == 1:
            cfg = Config.fromfile(find_config(f'{PREFIX_OF_SHIPPED}{recipes.pop()}'))
        else:
            raise ConfigError(
                f'{" and ".join(names)}: both streams of a network other than plain I3D take a '
                'config of both (--config, --rgb, --flow)'
            )
        checkpoints = {kind: PREFIX + name for kind, name in entries.items()}
        return cls(' + '.join(entries.values()), tuple(entries), cfg, _one_or_dict(checkpoints))

    @classmethod
    def _of_files(cls, config, checkpoint, stream):
        if config is None:
            if not isinstance(checkpoint, dict):
                meta = load_checkpoint(checkpoint)[2]
                checkpoint = {meta.get('modality', 'RGB').lower(): checkpoint}
            own = tuple(kind for kind in BOTH if kind in checkpoint)
            streams = _chosen(stream, own, 'the model')
            checkpoint = {kind: checkpoint[kind] for kind in streams}
            cfg = plain_i3d({kind: _classes_of(path) for kind, path in checkpoint.items()})
            return cls(
                ' + '.join(map(os.path.basename, checkpoint.values())),
                streams,
                cfg,
                _one_or_dict(checkpoint),
            )
        cfg = config if isinstance(config, Config) else Config.fromfile(find_config(config))
        check_config(cfg, ('model', 'runner'))
        both = set(BOTH) <= set(cfg.model)
        own = BOTH if both else (cfg.model.get('modality', 'RGB').lower(),)
        name = os.path.basename(cfg.filename or 'config')
        if isinstance(checkpoint, dict):
            for kind in checkpoint:
                if kind not in own:
                    raise ConfigError(
                        f'{cfg.filename or "the config"} is of {own[0]} alone; --{kind} names a '
                        'checkpoint of another stream'
                    )
            own = tuple(kind for kind in own if kind in checkpoint)
        streams = _chosen(stream, own, f'{cfg.filename or "the config"} with its checkpoints')
        if isinstance(checkpoint, dict):
            checkpoint = {kind: checkpoint[kind] for kind in streams}
            if not both:
                checkpoint = checkpoint[streams[0]]
        return cls(name, streams, cfg, checkpoint)

    def check_open(self) -> None:
        """Raises ConfigError for an exported file, whose network cannot be looked into."""
        if self.exported:
            raise ConfigError(
                f'{self.exported} is exported, in one piece: for its features, figures or another '
                'export, name the model of the zoo, or the config and checkpoint, that it came from'
            )

    @property
    def known_classes(self) -> list[str] | None:
        """The class names that are known before weights are read: those of the zoo's entries."""
        several = isinstance(self.checkpoint, dict)
        path = next(iter(self.checkpoint.values())) if several else self.checkpoint or ''
        return classes_of_entry(path) if path.startswith(PREFIX) else None

    @property
    def stream(self) -> str:
        """'rgb', 'flow' or 'joint'."""
        return 'joint' if len(self.streams) == 2 else self.streams[0]


def plain_i3d(classes: dict) -> Config:
    """Returns the Config of the authors' network.

    Args:
        classes: the number of classes by stream, of one or both.
    """
    parts = {
        name: dict(
            type='Recognizer3D',
            modality=MODALITIES[name],
            backbone=dict(type='InceptionI3D'),
            head=dict(type='I3DHead', num_classes=number),
        )
        for name, number in classes.items()
    }
    both = len(parts) == 2
    model = dict(parts, type='TwoStreamRecognizer') if both else next(iter(parts.values()))
    return Config(dict(model=model, runner=RUNNERS))


def zoo_names(name: str, stream: str | None = None) -> dict[str, str]:
    """Returns the model zoo's entries that a name stands for, by stream.

    Args:
        name: an entry, or an entry without its modality: 'i3d_kinetics400' is both streams.
        stream: 'rgb', 'flow' or 'joint': which streams of the entry's family.

    Raises: CheckpointError for what the zoo does not have; ConfigError for a stream that an entry
        is not of.
    """
    name = name.replace(PREFIX, '', 1)
    if name in ENTRIES and ENTRIES[name].config:  # of one stream, whose name does not say which
        kind = ENTRIES[name].modality.lower()
        if stream in (None, kind):
            return {kind: name}
        raise ConfigError(f'{name} is of {kind} alone; --stream says {stream}')
    first, *rest = name.split('_')
    own = next((part for part in rest if part in BOTH), None)
    rest = [part for part in rest if part != own]
    names = {kind: '_'.join((first, kind, *rest)) for kind in STREAMS[stream or own or 'joint']}
    missing = [entry for entry in names.values() if entry not in ENTRIES]
    if not missing:
        return names
    family = ('_'.join((first, kind, *rest)) for kind in BOTH)
    there = [entry for entry in family if entry in ENTRIES]
    wrong = missing[0] if there else name
    at_hand = f' Of that pair there is {there[0]!r} alone.' if there else ''
    raise CheckpointError(
        f'the model zoo has no {wrong!r}.{at_hand}{names_hint(wrong, zoo_models())}'
    )


def zoo_models() -> list[str]:
    """Returns the names that stand for models: the zoo's entries, and its pairs of both streams,
    such as 'i3d_kinetics400'.
    """
    pairs = [
        name.replace('_rgb', '') for name in ENTRIES if name.replace('_rgb', '_flow') in ENTRIES
    ]
    return [*ENTRIES, *(pair for pair in pairs if pair not in ENTRIES)]


def _as_list(model):
    model = () if model is None else model
    several = isinstance(model, (list, tuple))
    for name in model if several else [model]:
        if not isinstance(name, (str, os.PathLike)) and (several or not isinstance(name, Config)):
            raise ConfigError(f'a model is named by a str; got {name!r}. You can {WAYS}')
    return list(model) if several else [model]


def _is_config(model):
    return isinstance(model, Config) or os.path.splitext(model)[1] == '.py'


def _check_name(name):
    """Raises ConfigError for a path where a name of the zoo is meant."""
    extension = os.path.splitext(name)[1]
    if extension == '.ckpt' or os.path.isfile(name):
        raise ConfigError(
            f'{name} is a file of weights: it goes with a config (--config CONFIG --checkpoint '
            f'{name}); files that run by themselves end in {" or ".join(EXPORTED)}'
        )
    if not name.startswith(PREFIX) and (extension or os.sep in name):
        raise ConfigError(
            f'{name}: there is no such file. Files that run by themselves end in '
            f'{" or ".join(EXPORTED)}; `i3dbox download --list` shows the models of the zoo'
        )


def _chosen(stream, own, what):
    """Returns the single streams of `stream`, all of which must be among `own`."""
    streams = own if stream is None else STREAMS[stream]
    absent = [kind for kind in streams if kind not in own]
    if absent or not streams:
        at_hand = f'there is {" and ".join(own)} alone' if own else 'there is none that fits'
        raise ConfigError(
            f'{what}: {stream or "it"} takes a checkpoint of '
            f'{" and one of ".join(streams or BOTH)}; {at_hand}'
        )
    return tuple(streams)


def _one_or_dict(checkpoints):
    return checkpoints if len(checkpoints) == 2 else next(iter(checkpoints.values()))


def _classes_of(path):
    head = load_checkpoint(path)[0].get(HEAD_WEIGHT)
    return 1 if head is None else len(head)
