"""Plain I3D as a graph in OpenVINO or onnxruntime. Needs no MindSpore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...averages import mean_over_steps
from ...exporters.i3d_graph import INPUT
from ...models.clip_shape import check_clip_shape
from ...models.endpoints import check_endpoint
from ...models.i3d_table import ENDPOINTS, LOGITS, MIN_INPUT, temporal_geometry
from ...models.plain_i3d import plain_streams
from ...runtimes.backends import BACKENDS, RunOptions, build_backend
from ...streams import BOTH
from ...weights.fitting import checkpoints_by_stream, fit_weights
from .graph_cache import cached_graph
from .stream_network import EndpointNetwork, StreamNetwork

if TYPE_CHECKING:
    from ...config import Config
    from ...models.plain_i3d import PlainI3D
    from ...weights.fitting import LoadReport


class GraphEngine:
    """The plain I3D of a config, with one checkpoint after the other; see engines.build_engine.

    Args:
        cfg (Config): its `model` is one of plain_streams.
        name: of a runtime that runs ONNX. precision: that it has.
    """

    def __init__(self, cfg: Config, name: str, precision: str):
        self.name = name
        self.precision = precision
        self.version = BACKENDS[name].version()
        self._plain = plain_streams(cfg.model)
        first = next(iter(self._plain.values()))
        self.inputs = tuple(self._plain)
        both = len(self.inputs) == 2
        self.modality = 'RGB+Flow' if both else first.modality
        self.num_classes = first.num_classes
        self.weights = tuple(cfg.model.get('weights') or (1.0, 1.0)) if both else (1.0,)
        self.streams = {
            stream: GraphStream(plain, name, precision) for stream, plain in self._plain.items()
        }

    def check_input(self, *arrays: np.ndarray) -> None:
        """Raises ModelError where a batch of each input does not suit the network."""
        for stream, imgs in zip(self.streams.values(), arrays):
            stream.check_input(imgs)

    def load(
        self, checkpoint: str | dict, new_head: str = 'never', streams: Sequence[str] = BOTH
    ) -> list[LoadReport]:
        """Takes a checkpoint's weights; see load_weights."""
        reports = []
        found = checkpoints_by_stream(checkpoint, self.inputs, new_head, streams)
        for stream, path in found.items():
            parts = {stream: ''} if stream else self._prefixes()
            shapes = {
                prefix + name: shape
                for part, prefix in parts.items()
                for name, shape in self._plain[part].shapes.items()
            }
            modality = self._plain[stream].modality if stream else self.modality
            arrays, report = fit_weights(path, shapes, modality, new_head)
            reports.append(report)
            for part, prefix in parts.items():
                self.streams[part].take(
                    {
                        name[len(prefix) :]: array
                        for name, array in arrays.items()
                        if name.startswith(prefix)
                    }
                )
        return reports

    def _prefixes(self):
        """Returns what stands before the names of each stream's parameters in a whole
        checkpoint.
        """
        if self.inputs == BOTH:
            return {stream: f'{stream}.' for stream in BOTH}
        return {self.inputs[0]: ''}


class GraphStream(StreamNetwork):
    """A PlainI3D whose weights `take` brings. Clips pass through one by one, so that a score
    depends on no batch.
    """

    steps_have_logits = True
    layers = tuple(ENDPOINTS)

    def __init__(self, plain: PlainI3D, name: str, precision: str):
        self._plain = plain
        self._name = name
        self._precision = precision
        self.parameters = {}
        self.modality = plain.modality
        self.channels = plain.channels
        self.num_classes = plain.num_classes
        self.average_clips = plain.average_clips
        self.geometry = temporal_geometry()
        self._logits = self.upto(LOGITS)

    def take(self, parameters: dict[str, np.ndarray]) -> None:
        """Takes the parameters of a network, by the names of i3d_table.parameter_shapes."""
        self.parameters = parameters

    def check_input(self, imgs: np.ndarray) -> None:
        check_clip_shape(imgs.shape, self.modality, MIN_INPUT, 'InceptionI3D')

    def logits(self, clips: np.ndarray) -> np.ndarray:
        rows = [mean_over_steps(self._logits(clip[None])[0]) for clip in clips]
        return np.stack(rows).astype(np.float32)

    def upto(self, endpoint: str, pool: str = 'avg', any_length: bool = False) -> EndpointNetwork:
        check_endpoint(endpoint, pool, ENDPOINTS)
        return GraphEndpoint(self, endpoint, pool)

    def build(self, endpoint: str, pool: str, dtype: str) -> Any:
        """Builds the graph up to an endpoint, with the parameters of now, in its runtime."""
        path = cached_graph(self.parameters, endpoint, pool, self._plain.epsilon, dtype)
        options = RunOptions(precision=self._precision)
        return build_backend(self._name, path, [dict(name=INPUT)], options)


class GraphEndpoint(EndpointNetwork):
    """A graph of exporters.i3d_graph, built when it is called first, and again when its stream has
    taken other parameters, or for clips of another dtype.
    """

    def __init__(self, stream: GraphStream, endpoint: str, pool: str):
        self.pool = pool
        self.temporal_geometry = temporal_geometry('Mixed_5c' if endpoint == LOGITS else endpoint)
        self._stream = stream
        self._endpoint = endpoint
        self._made_of = None, None
        self._backend = None

    def __call__(self, clip: np.ndarray) -> np.ndarray:
        made_of = self._stream.parameters, str(clip.dtype)
        if self._made_of[0] is not made_of[0] or self._made_of[1] != made_of[1]:
            self._backend = None  # first, or there would be two in memory
            self._backend = self._stream.build(self._endpoint, self.pool, made_of[1])
            self._made_of = made_of
        return self._backend.run([np.ascontiguousarray(clip)])
