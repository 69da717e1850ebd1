"""Both streams in one graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mindspore import nn

from ...averages import add_streams_in_graph
from ...errors import ModelError
from ...registry import RECOGNIZERS
from ...streams import BOTH, MODALITIES

if TYPE_CHECKING:
    import numpy as np
    from mindspore import Tensor


@RECOGNIZERS.register
class TwoStreamRecognizer(nn.Cell):
    """Adds the logits of an RGB and a flow recognizer.

    Args:
        rgb, flow (dict): of RECOGNIZERS.
        weights (pair of float): of the two streams' logits; (1, 1) in the paper.

    Inputs: rgb uint8 B x N x T x H x W x 3, flow uint8 B x N x T x H x W x 2.
    Outputs: float32 B x num_classes.
    """

    inputs = BOTH
    modality = 'RGB+Flow'

    def __init__(self, rgb: dict, flow: dict, weights: Sequence[float] = (1.0, 1.0)):
        super().__init__()
        self.rgb = RECOGNIZERS.build(rgb, modality='RGB')
        self.flow = RECOGNIZERS.build(flow, modality='Flow')
        for name, stream in self.streams.items():
            if stream.modality != MODALITIES[name]:
                raise ModelError(
                    f'model.{name} must have the modality {MODALITIES[name]!r}; it has '
                    f'{stream.modality!r}'
                )
        if self.rgb.num_classes != self.flow.num_classes:
            raise ModelError(
                f'the streams differ in their classes: {self.rgb.num_classes} in rgb, '
                f'{self.flow.num_classes} in flow'
            )
        averages = [getattr(stream, 'average_clips', 'score') for stream in self.streams.values()]
        if len({how == 'sigmoid' for how in averages}) == 2:
            raise ModelError(f"average_clips: 'sigmoid' is of both streams or none; got {averages}")
        if len(weights) != 2:
            raise ModelError(f'weights are two numbers, for rgb and flow; got {weights}')
        self.weights = tuple(float(weight) for weight in weights)
        self.num_classes = self.rgb.num_classes

    @property
    def streams(self) -> dict[str, nn.Cell]:
        """The recognizers of single streams, by the input that each takes."""
        return {'rgb': self.rgb, 'flow': self.flow}

    def construct(self, rgb: Tensor, flow: Tensor) -> Tensor:
        return add_streams_in_graph(self.rgb(rgb), self.flow(flow), self.weights)

    def classify(self, rgb: Tensor, flow: Tensor) -> Tensor:
        """Scores clips that are preprocessed already, one per video; see Recognizer3D."""
        return add_streams_in_graph(self.rgb.classify(rgb), self.flow.classify(flow), self.weights)

    def check_input(self, rgb: np.ndarray, flow: np.ndarray) -> None:
        """Raises ModelError where a batch does not suit the network."""
        self.rgb.check_input(rgb)
        self.flow.check_input(flow)
