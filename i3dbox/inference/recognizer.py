"""A network that is ready for videos: out of the model zoo, a config with its checkpoint, or an
exported file.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..argument_checks import device_name
from ..averages import add_streams, average_clips
from ..config_checks.checks import classes_of
from ..errors import ConfigError, I3DBoxError, ModelError, RegistryError
from ..runtimes.exported import load_exported
from ..streams import STREAM_OF, STREAMS
from ..workers import usable_cores
from .clip_pipelines import config_pipelines, exported_pipelines
from .clip_scorer import ClipScorer
from .clip_steps import clip_steps
from .clip_windows import ClipWindows
from .engines import in_words, open_engine
from .model_spec import EXPORTED, ModelSpec
from .recognize import inference_recognizer

if TYPE_CHECKING:
    from mindspore import nn

    from ..config import Config
    from ..runtimes.exported import ExportedModel
    from .engines.stream_network import StreamNetwork
    from .recognize import Prediction


def init_recognizer(
    model: str | Config,
    checkpoint: str | dict | None = None,
    device: str = 'auto',
    stream: str | None = None,
    device_id: int | None = None,
    engine: str = 'auto',
    precision: str | None = None,
    threads: int | None = None,
    backend: str | None = None,
) -> VideoRecognizer:
    """Loads a network for `inference_recognizer` and `VideoStream`.

        init_recognizer('i3d_rgb_kinetics400')        # of the model zoo
        init_recognizer('i3d_kinetics400')            # RGB and flow
        init_recognizer('my_config.py', 'best.ckpt')  # of one's own
        init_recognizer('best.onnx')                  # exported; needs no MindSpore

    Args:
        model: the name of an entry of the model zoo, with or without its modality;
            a config; or a file that tools/export.py wrote. See ModelSpec.
        checkpoint: of a config: a .ckpt, or dict(rgb=..., flow=...) of a two-stream
            config.
        device, device_id: 'CPU', 'Ascend' or 'auto', and which.
        stream: 'rgb', 'flow' or 'joint'; default: what the model is.
        engine: what computes: 'mindspore', 'openvino', 'onnxruntime'; default: the fastest that is
            installed and can. Of an exported file it is the backend of load_exported.
        precision: 'float32' (the default on a CPU) or 'bfloat16'; of an exported file see
            load_exported.
        threads: of an exported file, see load_exported.
        backend: another word for engine.

    Returns: VideoRecognizer.
    Raises: an I3DBoxError for parts that are not there or do not fit.
    """
    spec = ModelSpec.resolve(model, checkpoint=checkpoint, stream=stream)
    return load_recognizer(spec, device, device_id, backend or engine, precision, threads)


def load_recognizer(
    spec: ModelSpec,
    device: str = 'auto',
    device_id: int | None = None,
    engine: str = 'auto',
    precision: str | None = None,
    threads: int | None = None,
    window: int | None = None,
) -> VideoRecognizer:
    """Loads what a ModelSpec names; arguments, result and errors are those of init_recognizer.

    Args:
        window: frames of the clips to come, where they are known: whether the network takes them
            is told before its weights are read.
    """
    if spec.exported:
        return _from_exported(spec, device, device_id, engine, precision, threads)
    device = device_name(device)
    if device not in ('auto', 'CPU', 'Ascend'):
        raise ConfigError(f"device is 'auto', 'CPU' or 'Ascend'; got {device!r}")
    if threads is not None:
        raise ConfigError(f'threads is for exported files ({", ".join(EXPORTED)})')
    built, streams = open_engine(spec, engine, precision, device, device_id)
    pipelines = config_pipelines(spec.cfg)
    if window:
        for name, steps in clip_steps(pipelines, spec.stream).items():
            steps.check(streams[name], window)
    reports = built.load(spec.checkpoint, streams=spec.streams)
    return NetworkRecognizer(
        spec.name,
        spec.stream,
        classes_of(reports, built.num_classes, spec.cfg) or _classes_of_data(spec.cfg),
        built.num_classes,
        pipelines,
        streams,
        built.weights,
        (spec.cfg.get('evaluation') or {}).get('max_frames'),
        in_words(built),
        functools.partial(_cells, spec, device, device_id),
    )


def _cells(spec, device, device_id):
    """Returns the Recognizer3D of each stream of a ModelSpec, in MindSpore, by its name."""
    from .network import load_network

    network, _ = load_network(spec, device, device_id)
    found = {STREAM_OF[cell.modality]: cell for cell in network.streams.values()}
    return {name: found[name] for name in spec.streams}


def _from_exported(spec, device, device_id, engine, precision, threads):
    device = {'auto': 'cpu'}.get(device, device.lower())
    model = load_exported(spec.exported, engine, device, device_id or 0, threads, precision)
    own = STREAM_OF.get(model.info.get('modality'), 'joint' if len(model.inputs) == 2 else 'rgb')
    if spec.streams and spec.stream != own:
        raise ConfigError(
            f'{spec.exported} is of {own}, in one piece; it has no stream {spec.stream!r}'
        )
    taken = model.inputs[0]
    if taken.dtype != 'uint8':
        raise ConfigError(
            f'{spec.exported} takes {taken.dtype} {" x ".join(map(str, taken.shape[1:]))}; for '
            'videos, export it with --input uint8'
        )
    return ExportedRecognizer(spec.name, own, model)


def _classes_of_data(cfg):
    """Returns the class names of the config's test set, as far as they can be known."""
    from ..registry import DATASETS

    part = (cfg.get('data') or {}).get('test') or {}
    part = part.get('rgb') or part
    if not part.get('type'):
        return None
    classes = getattr(DATASETS.get(part['type']), 'classes', None)
    try:
        return (
            classes
            if isinstance(classes, (list, tuple))
            else DATASETS.build(part, test_mode=True).classes
        )
    except (I3DBoxError, OSError):  # the data set is not on this machine
        return None


class VideoRecognizer:
    """A network that is ready for videos; made by `init_recognizer`.

    Attributes:
        name (str): of the model. stream (str): 'rgb', 'flow' or 'joint'.
        classes (list of str): in the order of the scores; 'class 0', ... where nothing names them.
        pipelines (dict): of each stream, or of 'imgs': how clips are made, see ClipSteps.
        window (int), interval (int): frames of a clip that the network is for, and from one of them
            to the next.
        fixed (bool): whether clips have `window` frames and no other number, as those of exported
            files.
        average (dict): by part of what `score` returns: of averages.HOW, how clips become one
            answer.
        weights (dict): of each part in the sum.
        engine (str): what computes, as in 'openvino 2026.4.0, float32'.
    """

    fixed = False
    engine = ''

    def __init__(
        self, name: str, stream: str, classes: list[str], num_classes: int, pipelines: dict
    ):
        self.name = name
        self.stream = stream
        self.pipelines = pipelines
        self.classes = list(classes or (f'class {label}' for label in range(num_classes)))
        if len(self.classes) != num_classes:
            raise ConfigError(
                f'{name}: the data set has {len(self.classes)} classes, the model {num_classes}'
            )
        self._steps = clip_steps(pipelines, stream)
        steps = next(iter(self._steps.values()))
        self.window = steps.clip_len
        self.interval = steps.frame_interval

    @property
    def several(self) -> bool:
        """Whether several classes may be there at once, each with a probability of its own."""
        return 'sigmoid' in self.average.values()

    @property
    def bound(self) -> float:
        """The bound of the flow's 8-bit encoding."""
        return self._steps.get('flow', next(iter(self._steps.values()))).bound

    def stride(self, window: int) -> int:
        """Returns the frames from one window to the next by default: half of what one spans."""
        return max(window * self.interval // 2, 1)

    def __call__(self, source: Any, **options) -> Prediction | list[Prediction]:
        """Recognises what happens in a video, see inference_recognizer."""
        return inference_recognizer(self, source, **options)

    def check(self, window: int) -> None:
        """Raises an I3DBoxError where the network takes no clips of `window` frames."""

    def cutter(
        self,
        window: int | None = None,
        stride: int | None = None,
        method: str | dict | None = None,
        **options,
    ) -> ClipWindows:
        """Returns the ClipWindows that makes this network's clips; see there for the arguments.

        Args:
            window: frames of a clip; 0: the whole video.
            method: of flow, instead of the pipeline's.
        """
        steps = self._steps
        if method is not None:
            steps = clip_steps(self.pipelines, self.stream, dict(method=method))
        options = {'threads': usable_cores(), **options}
        if window == 0:
            return ClipWindows(steps, None, **options)
        window = self.window if window is None else window
        self.check(window)
        stride = self.stride(window) if stride is None else stride
        return ClipWindows(steps, window, stride, **options)

    @property
    def streams(self) -> dict[str, StreamNetwork]:
        """The networks of single streams, by 'rgb' and 'flow'. Raises ConfigError for an exported
        file, whose network cannot be looked into.
        """
        raise ConfigError(
            f'{self.name} is exported, in one piece, and cannot be looked into: name the model of '
            'the zoo, or the config and checkpoint, that it came from'
        )

    @property
    def cells(self) -> dict[str, nn.Cell]:
        """The same in MindSpore, Recognizer3Ds that can be differentiated: loaded once more where
        another engine computes. Raises as `streams`.
        """
        return self.streams

    def score(
        self, clips: dict[str, np.ndarray], any_length: bool = False
    ) -> dict[str, np.ndarray]:
        """Scores a clip.

        Args:
            clips: 'rgb', 'flow' or both: uint8 N x T x H x W x C of N crops.
            any_length: T differs from clip to clip; a network then compiles once for all.

        Returns: dict of float32 arrays, classes long: by stream, or of an exported file by what it
            is.
        """
        raise NotImplementedError

    def join(self, scores: dict[str, np.ndarray]) -> np.ndarray:
        """Returns the sum of the parts of `score`, weighted: float32, classes long."""
        return add_streams(scores.values(), [self.weights[name] for name in scores])


class NetworkRecognizer(VideoRecognizer):
    """A VideoRecognizer of an engine's streams.

    Args:
        name, stream, classes, num_classes, pipelines, engine: of VideoRecognizer.
        streams: a StreamNetwork by stream. weights: of their sum.
        max_frames: of ClipScorer.
        load_cells: returns what `cells` is, for streams that another engine computes.
    """

    def __init__(
        self,
        name: str,
        stream: str,
        classes: list[str] | None,
        num_classes: int,
        pipelines: dict,
        streams: dict,
        weights: Sequence[float],
        max_frames: int | None = None,
        engine: str = '',
        load_cells: Callable[[], dict[str, nn.Cell]] | None = None,
    ):
        super().__init__(name, stream, classes, num_classes, pipelines)
        self.engine = engine
        self._load_cells = load_cells
        self._max_frames = max_frames
        self._streams = streams
        self._scorers = {}
        self.weights = dict(zip(streams, weights if len(streams) > 1 else (1.0,)))
        self.average = {name: stream.average_clips for name, stream in streams.items()}

    @property
    def streams(self) -> dict[str, StreamNetwork]:
        return self._streams

    @functools.cached_property
    def cells(self) -> dict[str, nn.Cell]:
        found = {name: getattr(part, 'cell', None) for name, part in self._streams.items()}
        if any(cell is None for cell in found.values()):
            found = self._load_cells()
        for cell in found.values():
            cell.set_train(False)
        return found

    def check(self, window: int) -> None:
        for name, stream in self._streams.items():
            try:
                self._steps[name].check(stream, window)
            except ModelError as error:
                raise ConfigError(str(error).replace('the pipeline gives', 'got')) from error

    def score(
        self, clips: dict[str, np.ndarray], any_length: bool = False
    ) -> dict[str, np.ndarray]:
        if any_length not in self._scorers:
            self._scorers[any_length] = {
                name: ClipScorer(part, any_length, self._max_frames)
                for name, part in self._streams.items()
            }
        return {
            name: scorer(clips[name][None])[0] for name, scorer in self._scorers[any_length].items()
        }


class ExportedRecognizer(VideoRecognizer):
    """A VideoRecognizer of a file that tools/export.py wrote.

    Args:
        name, stream: of VideoRecognizer. model.
    """

    fixed = True

    def __init__(self, name: str, stream: str, model: ExportedModel):
        num_classes = model.info['output']['shape'][1]
        try:
            pipelines = exported_pipelines(model)
            super().__init__(name, stream, model.classes, num_classes, pipelines)
        except RegistryError as error:
            raise ConfigError(
                f'{name}: {error} An exported file imports nothing: name the config that does, too '
                '(--config CONFIG), or import the module first'
            ) from error
        self.engine = model.engine
        self._model = model
        self.weights = {stream: 1.0}
        self.average = {stream: model.average_clips}

    def check(self, window: int) -> None:
        if window != self.window:
            raise ConfigError(
                f'{self.name} takes windows of {self.window} frames, which are built in; got '
                f'{window}'
            )

    def score(
        self, clips: dict[str, np.ndarray], any_length: bool = False
    ) -> dict[str, np.ndarray]:
        logits = self._model(*[clips[name] for name in STREAMS[self.stream]])
        return {self.stream: average_clips(logits[None], self.average[self.stream])[0]}
