"""Networks in MindSpore: any that its parts describe, on every device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from mindspore import Tensor, nn

from ...ascend.settings import compiles_whole_graphs
from ...models.feature_network import FeatureNetwork
from ...runtimes.backends import BACKENDS
from ...streams import BOTH
from ...weights.loading import load_weights
from ..network import build_network
from .stream_network import EndpointNetwork, StreamNetwork

if TYPE_CHECKING:
    from ...config import Config
    from ...weights.fitting import LoadReport


class MindSporeEngine:
    """The network of a config, with one checkpoint after the other; see engines.build_engine."""

    name = 'mindspore'

    def __init__(self, cfg: Config, device: str = 'auto', device_id: int | None = None):
        self.recognizer, self._runner = build_network(cfg, device, device_id, initialize=False)
        self.precision = 'float32' if self._runner.device_target == 'CPU' else 'float16'
        self.version = BACKENDS[self.name].version()
        self.inputs = tuple(self.recognizer.inputs)
        self.modality = self.recognizer.modality
        self.num_classes = self.recognizer.num_classes
        self.weights = getattr(self.recognizer, 'weights', (1.0,))
        self.check_input = self.recognizer.check_input
        self.streams = mindspore_streams(self.recognizer)
        self._is_mixed = False

    def load(
        self, checkpoint: str | dict, new_head: str = 'never', streams: Sequence[str] = BOTH
    ) -> list[LoadReport]:
        """Takes a checkpoint's weights; see load_weights."""
        reports = load_weights(self.recognizer, checkpoint, new_head, streams=streams)
        if not self._is_mixed:
            self._runner.mixed_precision(self.recognizer)
            self._is_mixed = True
        return reports


def mindspore_streams(recognizer: nn.Cell) -> dict[str, MindSporeStream]:
    """Returns the streams of a recognizer, which share its parameters, by the input of each."""
    return {name: MindSporeStream(stream) for name, stream in recognizer.streams.items()}


class MindSporeStream(StreamNetwork):
    """A Recognizer3D."""

    def __init__(self, stream: nn.Cell):
        self.cell = stream
        self.modality = stream.modality
        self.channels = stream.channels
        self.num_classes = stream.num_classes
        self.average_clips = getattr(stream, 'average_clips', 'score')
        self.check_input = stream.check_input
        self.steps_have_logits = hasattr(stream.head, 'step_logits')
        if isinstance(stream.backbone, nn.SequentialCell):
            self.layers = tuple(stream.backbone.name_cells())
        if hasattr(stream.backbone, 'temporal_context'):
            self.geometry = stream.backbone.temporal_stride, stream.backbone.temporal_context

    @property
    def few_lengths(self) -> bool:
        return compiles_whole_graphs()

    def logits(self, clips: np.ndarray) -> np.ndarray:
        self.cell.set_train(False)
        return self.cell(Tensor(clips[:, None])).asnumpy()

    def upto(self, endpoint: str, pool: str = 'avg', any_length: bool = False) -> EndpointNetwork:
        return MindSporeEndpoint(FeatureNetwork(self.cell, endpoint, pool, any_length))


class MindSporeEndpoint(EndpointNetwork):
    """A FeatureNetwork."""

    def __init__(self, cell: FeatureNetwork):
        self.cell = cell
        self.pool = cell.pool

    @property
    def temporal_geometry(self) -> tuple[int, int]:
        return self.cell.temporal_geometry

    def __call__(self, clip: np.ndarray) -> np.ndarray:
        self.cell.set_train(False)
        return self.cell(Tensor(clip)).asnumpy()
