"""A model, of the zoo or from files, and the features that it finds in a video."""

from typing import NamedTuple

from ..config import Config
from ..config_checks.checks import check_config
from ..errors import ConfigError
from ..models.feature_network import LOGITS, FeatureNetwork
from ..models.i3d_table import HEAD_WEIGHT
from ..streams import BOTH, STREAMS
from ..weights.checkpoint import load_checkpoint
from ..weights.loading import load_weights
from ..weights.zoo import PREFIX
from .feature_settings import complete
from .features import LEAST, VideoFeatures
from .network import build_network, plain_i3d
from .recognizer import zoo_names


class Model(NamedTuple):
    """A model to be loaded here or in another process.

    Attributes:
        cfg (Config): `model` and `runner` are needed.
        checkpoint (str or dict): as for `apis.test.test`.
        streams (tuple): which of 'rgb' and 'flow' are used.
    """

    cfg: Config
    checkpoint: object
    streams: tuple


def find_model(names=(), cfg=None, checkpoint=None, stream=None):
    """Returns the Model that names of the zoo, or a config and a checkpoint, describe.

    Args:
        names (sequence of str): of the zoo; one, or one a stream; without a modality, as
            'i3d_kinetics400', both.
        cfg (Config): of the model; default: I3D, with as many classes as the checkpoint has.
        checkpoint (str or dict): a .ckpt, or dict(rgb=..., flow=...).
        stream (str): 'rgb', 'flow' or 'joint'; default: all that the model has.

    Raises: ConfigError or CheckpointError where they do not fit together.
    """
    if bool(names) == bool(checkpoint) or names and cfg is not None:
        raise ConfigError(
            'name a model of the zoo, or one of each stream (--model), or a checkpoint '
            '(--checkpoint, or '
            '--rgb and --flow), and its config where it is not plain I3D'
        )
    if names:
        entries = [entry for name in names for entry in zoo_names(name).items()]
        checkpoint = {kind: f'{PREFIX}{entry}' for kind, entry in entries}
        if len(checkpoint) < len(entries):
            raise ConfigError(f'{" and ".join(names)} are of one stream: name one model of each')
    if cfg is None and not isinstance(checkpoint, dict):
        checkpoint = {_stream_of(checkpoint): checkpoint}
    if cfg is not None:
        check_config(cfg, ('model', 'runner'))
    available = BOTH
    if cfg is not None and cfg.model.type != 'TwoStreamRecognizer':
        available = (cfg.model.get('modality', 'RGB').lower(),)
    wanted = available
    if isinstance(checkpoint, dict):
        available = tuple(name for name in available if name in checkpoint)
    streams = available or wanted if stream is None else STREAMS[stream]
    if not streams or not set(streams) <= set(available):
        raise ConfigError(
            f'{stream or "the config"} takes a checkpoint of {" and one of ".join(streams)}; there '
            f'is '
            f'{"one of " + " and one of ".join(available) if available else "none that fits"}'
        )
    if isinstance(checkpoint, dict):
        checkpoint = {name: checkpoint[name] for name in streams}
    if cfg is None:
        cfg = plain_i3d({name: _classes_of(path) for name, path in checkpoint.items()})
    if cfg.model.type != 'TwoStreamRecognizer' and isinstance(checkpoint, dict):
        checkpoint = checkpoint[streams[0]]
    return Model(cfg, checkpoint, streams)


def _stream_of(path):
    return load_checkpoint(path)[2].get('modality', 'RGB').lower()


def _classes_of(path):
    head = load_checkpoint(path)[0].get(HEAD_WEIGHT)
    return 1 if head is None else len(head)


def load_streams(model, device='auto', device_id=None, new_head='if_needed'):
    """Loads a Model. Returns {'rgb': Recognizer3D, 'flow': ...} of its streams.

    Args:
        new_head (str): of load_weights: 'never' where logits are wanted.
        device (str), device_id (int): where MindSpore works.
    """
    recognizer, runner = build_network(model.cfg, device, device_id)
    load_weights(recognizer, model.checkpoint, new_head)
    runner.mixed_precision(recognizer)
    found = {
        name if name in BOTH else recognizer.modality.lower(): stream
        for name, stream in recognizer.streams.items()
    }
    return {name: found[name] for name in model.streams}


class FeatureExtractor:
    """The features of one video after the other, by one network a stream.

        extract = FeatureExtractor(find_model(['i3d_rgb_kinetics400']), window=16)
        features = [row for start, end, row in extract('a.mp4')]

    Args:
        model (Model): of find_model. device, device_id: of load_streams. threads (int): that
            compute flow.
        max_frames (int): see VideoFeatures. **settings: of features.DEFAULTS.

    Raises: an I3DBoxError for settings that the model cannot do.
    """

    def __init__(self, model, device='auto', device_id=None, threads=2, max_frames=192, **settings):
        settings = complete(settings)
        self.model = model
        streams = load_streams(
            model, device, device_id, 'never' if settings['endpoint'] == LOGITS else 'if_needed'
        )
        networks = {
            name: FeatureNetwork(
                stream, settings['endpoint'], settings['pool'], settings['window'] == 0
            )
            for name, stream in streams.items()
        }
        for stream in streams.values():
            stream.check_input(
                _Shape(
                    (
                        1,
                        1,
                        settings['window'] or LEAST,
                        settings['size'],
                        settings['size'],
                        stream.channels,
                    )
                )
            )
        self.features = VideoFeatures(
            networks,
            max_frames=max_frames,
            threads=threads,
            **{key: value for key, value in settings.items() if key not in ('endpoint', 'pool')},
        )

    def __call__(self, source):
        """Yields (start, end, row) of a video, see VideoFeatures.rows."""
        return self.features.rows(source)


class _Shape(NamedTuple):
    shape: tuple
