"""The layers of a network behind its frozen ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mindspore import nn

if TYPE_CHECKING:
    from mindspore import Tensor


class Tail(nn.Cell):
    """A recognizer behind an endpoint of its backbone; it shares the recognizer's parameters.

    Args:
        recognizer: a Recognizer3D whose backbone is a SequentialCell.
        endpoint: the last layer that is left out.

    Inputs: features float32 B x N x K x t x h x w: what the endpoint gives for the N clips of each
    video. Outputs: float32 B x num_classes.
    """

    inputs = ('features',)

    def __init__(self, recognizer: nn.Cell, endpoint: str):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        names = list(recognizer.backbone.name_cells())
        self.recognizer = recognizer
        self.num_classes = recognizer.num_classes
        self.first = names.index(endpoint) + 1

    def construct(self, features: Tensor) -> Tensor:
        number, *maps = features.shape[1:]
        x = self.through_backbone(features.reshape(-1, *maps))
        return self.recognizer.answer(x, number)

    def through_backbone(self, x: Tensor) -> Tensor:
        """Returns what the backbone's other layers make of an endpoint's maps, N x K x t x h x w:
        what the head takes.
        """
        for layer in self.recognizer.backbone.cell_list[self.first :]:
            x = layer(x)
        return x
