"""Any network in OpenVINO or onnxruntime: MindSpore exports it, once for each shape of clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...exporters.onnx import ONNXExporter
from ...models.clip_network import clip_network
from ...models.feature_network import FeatureNetwork
from ...runtimes.backends import BACKENDS, RunOptions, build_backend
from ...streams import BOTH
from .graph_cache import digest_of, kept_file
from .mindspore_engine import MindSporeEngine, MindSporeStream
from .stream_network import EndpointNetwork

if TYPE_CHECKING:
    from mindspore import nn

    from ...config import Config
    from ...weights.fitting import LoadReport


class ExportedEngine(MindSporeEngine):
    """The network of a config, run by a runtime; see engines.build_engine."""

    def __init__(self, cfg: Config, name: str, precision: str, device_id: int | None = None):
        super().__init__(cfg, 'CPU', device_id)
        self.name = name
        self.precision = precision
        self.version = BACKENDS[name].version()
        self._text = repr(cfg.model)
        self.streams = {
            part: ExportedStream(stream.cell, name, precision)
            for part, stream in self.streams.items()
        }

    def load(
        self, checkpoint: str | dict, new_head: str = 'never', streams: Sequence[str] = BOTH
    ) -> list[LoadReport]:
        reports = super().load(checkpoint, new_head, streams)
        digest = digest_of({p.name: p.asnumpy() for p in self.recognizer.get_parameters()})
        for stream in self.streams.values():
            stream.made_of = self._text, digest
        return reports


class ExportedStream(MindSporeStream):
    """A Recognizer3D, exported."""

    few_lengths = True

    def __init__(self, stream: nn.Cell, name: str, precision: str):
        super().__init__(stream)
        self._name = name
        self._precision = precision
        self._logits = ExportedEndpoint(self, clip_network(stream), 'clips', 'avg')
        self.made_of = ()

    def logits(self, clips: np.ndarray) -> np.ndarray:
        return np.concatenate([self._logits(clip[None]) for clip in clips])

    def upto(self, endpoint: str, pool: str = 'avg', any_length: bool = False) -> EndpointNetwork:
        return ExportedEndpoint(self, FeatureNetwork(self.cell, endpoint, pool), endpoint, pool)

    def build(self, network: nn.Cell, what: str, clip: np.ndarray) -> object:
        """Exports a Cell for clips of this shape, unless that is done; returns its backend."""

        def make(path: str) -> None:
            ONNXExporter().export(network, dict(imgs=clip), path)

        path = kept_file((self.made_of, self.modality, what, clip.shape, str(clip.dtype)), make)
        options = RunOptions(precision=self._precision)
        return build_backend(self._name, path, [dict(name='imgs')], options)


class ExportedEndpoint(EndpointNetwork):
    """A Cell that takes clips, in a runtime: built for a shape when it comes first."""

    def __init__(self, stream: ExportedStream, network: nn.Cell, what: str, pool: str):
        self.pool = pool
        self._stream = stream
        self._network = network
        self._what = f'{what} {pool}'
        self._built = {}

    @property
    def temporal_geometry(self) -> tuple[int, int]:
        return self._network.temporal_geometry

    def __call__(self, clip: np.ndarray) -> np.ndarray:
        key = self._stream.made_of, clip.shape, str(clip.dtype)
        if key not in self._built:
            self._built = {old: made for old, made in self._built.items() if old[0] == key[0]}
            self._built[key] = self._stream.build(self._network, self._what, clip)
        return self._built[key].run([np.ascontiguousarray(clip)])
