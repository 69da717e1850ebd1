"""A network that is ready for videos: out of the model zoo, a config with its checkpoint, or an exported file."""

import os

import numpy as np

from ..averages import add_streams
from ..config import Config
from ..config_checks.protocols import pipelines
from ..errors import CheckpointError, ConfigError, I3DBoxError, spelling_hint
from ..runtimes.exported import load_exported
from ..streams import BOTH, STREAM_OF, STREAMS, check_stream
from ..weights.zoo import PREFIX
from ..weights.zoo_index import ENTRIES
from ..workers import usable_cores
from .clip_windows import ClipWindows

GEOMETRY = dict(short_side=256, size=224, method='tvl1', bound=20)  # the authors'
WINDOW = 64
EXPORTED = ('.onnx', '.mindir')
_STEPS = ('OpenClip', 'SampleFrames', 'DecodeClip', 'Resize', 'ComputeFlow', 'CenterCrop', 'PackClips')


def init_recognizer(model, checkpoint=None, device='auto', stream=None, device_id=None, **options):
    """Loads a network for `inference_recognizer` and `VideoStream`.

        init_recognizer('i3d_rgb_kinetics400')          # of the model zoo; 'i3d_kinetics400' is RGB and flow
        init_recognizer('my_config.py', 'best.ckpt')    # of one's own
        init_recognizer('best.onnx')                    # exported; needs no MindSpore

    Args:
        model (str or Config): the name of an entry of the model zoo, with or without its modality; a config; or a
            file that tools/export.py wrote.
        checkpoint (str or dict): of a config: a .ckpt, or dict(rgb=..., flow=...) of a two-stream config.
        device (str), device_id (int): 'CPU', 'Ascend' or 'auto', and which.
        stream (str): 'rgb', 'flow' or 'joint'; default: what the model is.
        **options: of an exported file: backend, threads, precision (see load_exported).

    Returns: VideoRecognizer.
    Raises: an I3DBoxError for parts that are not there or do not fit.
    """
    if stream is not None:
        check_stream(stream)
    model = model if isinstance(model, Config) else os.fspath(model)
    extension = None if isinstance(model, Config) else os.path.splitext(model)[1]
    if extension in EXPORTED:
        if checkpoint:
            raise ConfigError(f'{model} holds its weights: it goes with no checkpoint')
        return _from_exported(model, device, stream, device_id, options)
    if extension == '.ckpt' or extension != '.py' and not isinstance(model, Config) and os.path.isfile(model):
        raise ConfigError(f'{model} is a file of weights: it goes with a config (--config CONFIG --checkpoint '
                          f'{model}); files that run by themselves end in {" or ".join(EXPORTED)}')
    if options:
        raise ConfigError(f'{next(iter(options))} is for exported files ({", ".join(EXPORTED)})')
    if isinstance(model, Config) or extension == '.py':
        cfg = model if isinstance(model, Config) else Config.fromfile(model)
        if not checkpoint:
            raise ConfigError(f'{cfg.filename}: a config goes with a checkpoint')
        return _from_config(cfg, checkpoint, device, stream, device_id)
    if checkpoint:
        raise ConfigError(f'{model}: an entry of the model zoo has its own checkpoint; a checkpoint goes with a config')
    if not model.startswith(PREFIX) and (extension or os.sep in model):
        raise ConfigError(f'{model}: there is no such file. Files that run by themselves end in '
                          f'{" or ".join(EXPORTED)}; models of the zoo are {", ".join(ENTRIES)}')
    names = zoo_names(model, stream)
    from .network import plain_i3d

    cfg = plain_i3d({kind: ENTRIES[name].num_classes for kind, name in names.items()})
    checkpoints = {kind: PREFIX + name for kind, name in names.items()}
    checkpoint = checkpoints if len(names) == 2 else next(iter(checkpoints.values()))
    return _from_config(cfg, checkpoint, device, None, device_id, ' + '.join(names.values()))


def zoo_names(name, stream=None):
    """The model zoo's entries that a name stands for, by stream.

    Args:
        name (str): an entry, or an entry without its modality: 'i3d_kinetics400' is both streams.
        stream (str): 'rgb', 'flow' or 'joint': which streams of the entry's family.

    Raises: CheckpointError for what the zoo does not have.
    """
    name = name.replace(PREFIX, '', 1)
    first, *rest = name.split('_')
    own = next((part for part in rest if part in BOTH), None)
    rest = [part for part in rest if part != own]
    names = {kind: '_'.join((first, kind, *rest)) for kind in STREAMS[stream or own or 'joint']}
    missing = [entry for entry in names.values() if entry not in ENTRIES]
    if missing:
        wrong = missing[0] if name in ENTRIES or len(missing) < len(names) else name
        raise CheckpointError(f'the model zoo has no {wrong!r}.{spelling_hint(wrong, ENTRIES)} '
                              f'It has: {", ".join(ENTRIES)}')
    return names


def _from_config(cfg, checkpoint, device, stream, device_id, name=None):
    from ..config_checks.checks import check_config, classes_of
    from ..weights.loading import load_weights
    from .network import build_network

    check_config(cfg, ('model', 'runner'))
    network, runner = build_network(cfg, device, device_id)
    own = STREAM_OF[network.modality]
    stream = stream or own
    streams = dict(zip(STREAMS[own], network.streams.values()))
    absent = [kind for kind in STREAMS[stream] if kind not in streams]
    if absent:
        raise ConfigError(f'{cfg.filename}: the model is of {own}; it has no stream {absent[0]!r}')
    if isinstance(checkpoint, dict):
        absent = [kind for kind in STREAMS[stream] if kind not in checkpoint]
        if absent:
            raise ConfigError(f'the stream {absent[0]!r} has no checkpoint: name it, or ask for the other stream alone')
        checkpoint = {kind: checkpoint[kind] for kind in STREAMS[stream]}
    reports = load_weights(network, checkpoint, new_head='never')
    runner.mixed_precision(network)
    geometry, window = geometry_of(cfg, STREAMS[stream])
    recognizer = VideoRecognizer(
        name or os.path.basename(cfg.filename or 'config'), stream,
        classes_of(reports, network.num_classes) or _classes_of_data(cfg), network.num_classes, window, geometry)
    recognizer.use_network({kind: streams[kind] for kind in STREAMS[stream]}, getattr(network, 'weights', (1.0,)))
    return recognizer


def _from_exported(path, device, stream, device_id, options):
    device = {'auto': 'cpu'}.get(device, device.lower())
    model = load_exported(path, device=device, device_id=device_id or 0, **options)
    own = STREAM_OF.get(model.info.get('modality'), 'joint' if len(model.inputs) == 2 else 'rgb')
    if stream not in (None, own):
        raise ConfigError(f'{path} is of {own}, in one piece; it has no stream {stream!r}')
    spec = model.inputs[0]
    if spec.dtype != 'uint8' or spec.shape[2] != spec.shape[3]:
        raise ConfigError(f'{path} takes {spec.dtype} {" x ".join(map(str, spec.shape[1:]))}; for videos, export it '
                          'with --input uint8 and square frames')
    protocol = model.info.get('protocol') or {}
    found = {kind: protocol.get(key) for kind, key in
             (('imgs', 'test_pipeline'), ('rgb', 'rgb_test_pipeline'), ('flow', 'flow_test_pipeline'))}
    geometry, _ = _geometry({kind: steps for kind, steps in found.items() if steps}, path)
    if geometry['short_side'] is not None:
        geometry['short_side'] = max(geometry['short_side'], spec.shape[2])
    geometry.update(size=spec.shape[2], bound=protocol.get('flow_bound', geometry['bound']))
    recognizer = VideoRecognizer(os.path.basename(path), own, model.classes, model.info['output']['shape'][1],
                                 spec.shape[1], geometry)
    recognizer.use_exported(model)
    return recognizer


def geometry_of(cfg, kinds=BOTH):
    """How a config's test pipeline makes clips: (arguments of ClipWindows, frames of a clip).

    Args:
        kinds (sequence of str): the streams of a two-stream data set that count.

    Raises: ConfigError for a pipeline with other steps than those of the shipped configs, or other settings.
    """
    dataset = (cfg.get('data') or {}).get('test') or {}
    found = {kind: steps for kind, steps in pipelines(dataset).items() if steps and kind in ('imgs', *kinds)}
    return _geometry(found, cfg.filename)


def _geometry(found, where):
    answers = [_geometry_of_steps(steps, where) for steps in found.values()] or [(GEOMETRY, WINDOW)]
    flow = answers[-1]  # only its settings of flow count
    if any(answer[0][key] != flow[0][key] for answer in answers for key in ('short_side', 'size')):
        raise ConfigError(f'{where}: the test pipelines of both streams differ in the size of their frames')
    return dict(flow[0]), flow[1]


def _geometry_of_steps(steps, where):
    geometry, window, kinds = dict(GEOMETRY, short_side=None, size=None), WINDOW, []
    for step in steps:
        kind = step['type'] if isinstance(step['type'], str) else step['type'].__name__
        settings = {key: value for key, value in step.items() if key != 'type'}
        kinds.append(kind)
        if kind == 'SampleFrames':
            window = settings['clip_len']
            if settings.get('frame_interval', 1) != 1:
                raise ConfigError(f'{where}: the test pipeline leaves out frames (frame_interval); windows of a video '
                                  'take every frame')
        elif kind == 'Resize':
            scale = settings.pop('scale', None)
            geometry['short_side'] = settings.pop('short_side', max(scale) if scale and -1 in scale else None)
            if settings or geometry['short_side'] is None:
                raise ConfigError(f'{where}: for windows of a video the test pipeline resizes the short side, as in '
                                  f"dict(type='Resize', short_side=256); got {dict(step)}")
        elif kind == 'CenterCrop':
            geometry['size'] = settings['size']
        elif kind == 'ComputeFlow':
            geometry.update(settings)
    size = geometry['size']
    geometry['size'] = size[0] if isinstance(size, (list, tuple)) and len(set(size)) == 1 else size
    unknown = [kind for kind in kinds if kind not in _STEPS]
    if unknown or kinds != sorted(kinds, key=_STEPS.index) or not isinstance(geometry['size'], int):
        raise ConfigError(f'{where}: for windows of a video the test pipeline has the steps {", ".join(_STEPS)}, in '
                          f'this order, and cuts out a square; it has {", ".join(kinds)}')
    return geometry, window


def _classes_of_data(cfg):
    """The class names of the config's test set, as far as they can be known."""
    from ..registry import DATASETS

    part = (cfg.get('data') or {}).get('test') or {}
    part = part.get('rgb') or part
    if not part.get('type'):
        return None
    classes = getattr(DATASETS.get(part['type']), 'classes', None)
    try:
        return classes if isinstance(classes, (list, tuple)) else DATASETS.build(part, test_mode=True).classes
    except (I3DBoxError, OSError):  # the data set is not on this machine
        return None


class VideoRecognizer:
    """A network that is ready for videos; made by `init_recognizer`.

    Attributes:
        name (str): of the model. stream (str): 'rgb', 'flow' or 'joint'.
        classes (list of str): in the order of the scores; 'class 0', ... where nothing names them.
        window (int): frames of a clip that the network is for.
        geometry (dict): short_side, size, method, bound: how ClipWindows makes clips.
        fixed (bool): whether clips have `window` frames and no other number, as those of exported files.
        average (dict): by part of what `score` returns: 'score' or 'prob', how clips become one answer.
        weights (dict): of each part in the sum.
    """

    def __init__(self, name, stream, classes, num_classes, window, geometry):
        self.name, self.stream, self.window, self.geometry = name, stream, window, geometry
        self.classes = list(classes) if classes else [f'class {label}' for label in range(num_classes)]
        if len(self.classes) != num_classes:
            raise ConfigError(f'{name}: the data set has {len(classes)} classes, the model {num_classes}')
        self._streams, self._model, self._scorers = {}, None, {}

    def use_network(self, streams, weights):
        """Takes the recognizers of single streams, by name, and their weights in the sum."""
        self._streams, self.fixed = streams, False
        self.weights = dict(zip(streams, weights)) if len(streams) > 1 else dict.fromkeys(streams, 1.0)
        self.average = {name: getattr(stream, 'average_clips', 'score') for name, stream in streams.items()}

    def use_exported(self, model):
        """Takes an ExportedModel."""
        self._model, self.fixed = model, True
        logs = model.info['output'].get('values', '').startswith('log-prob')
        self.weights, self.average = {self.stream: 1.0}, {self.stream: 'prob' if logs else 'score'}

    def check(self, window):
        """Raises an I3DBoxError where the network takes no clips of `window` frames."""
        from ..errors import ModelError

        if self.fixed and window != self.window:
            raise ConfigError(f'{self.name} takes windows of {self.window} frames, which are built in; got {window}')
        size = self.geometry['size']
        for stream in self._streams.values():
            try:
                stream.check_input(np.broadcast_to(np.uint8(0), (1, 1, window, size, size, stream.channels)))
            except ModelError as error:
                raise ConfigError(str(error).replace('the pipeline gives', 'got')) from error

    def cutter(self, window=None, stride=None, **options):
        """The ClipWindows that makes this network's clips; see there for the arguments."""
        window = window or self.window
        self.check(window)
        options = {'threads': usable_cores(), **self.geometry, **options}
        return ClipWindows(self.stream, window, stride or max(window // 2, 1), **options)

    def score(self, rgb=None, flow=None, any_length=False):
        """Scores a clip.

        Args:
            rgb, flow (array): uint8 T x H x W x C, as far as the stream needs them.
            any_length (bool): T differs from clip to clip; a network then compiles once for all.

        Returns: dict of float32 arrays, classes long: by stream, or of an exported file by what it is.
        """
        clips = {name: clip for name, clip in (('rgb', rgb), ('flow', flow)) if name in STREAMS[self.stream]}
        if self._model is not None:
            return {self.stream: self._model(*[clip[None] for clip in clips.values()])[0]}
        if any_length not in self._scorers:
            from .clip_scorer import ClipScorer
            self._scorers[any_length] = {name: ClipScorer(part, any_length) for name, part in self._streams.items()}
        return {name: scorer(clips[name][None, None])[0] for name, scorer in self._scorers[any_length].items()}

    def join(self, scores):
        """The sum of the parts of `score`, weighted: float32, classes long."""
        return add_streams(scores.values(), [self.weights[name] for name in scores])
