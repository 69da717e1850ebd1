"""A recognizer as it is served: one clip per row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mindspore import nn

from ..errors import ExportError
from ..streams import BOTH

if TYPE_CHECKING:
    from mindspore import Tensor


def clip_network(recognizer: nn.Cell, float_input: bool = False) -> nn.Cell:
    """Returns the Cell that is exported; it shares the recognizer's parameters.

    Args:
        recognizer: of RECOGNIZERS. Its `inputs` are ('imgs',) or ('rgb', 'flow').
        float_input: without the preprocessing.

    Inputs of the Cell: uint8 N x T x H x W x C each, or with float_input float32 N x C x T x H x W
    in [-1, 1].
    Outputs: float32 N x num_classes, what the recognizer gives for a video of that one clip.
    Raises: ExportError for a recognizer of other inputs, or with float_input one without
        `classify`.
    """
    kind = {('imgs',): OneStream, BOTH: TwoStreams}.get(tuple(recognizer.inputs))
    if kind is None:
        raise ExportError(
            f'{type(recognizer).__name__} takes {", ".join(recognizer.inputs)}; a recognizer '
            'that takes imgs, or rgb and flow, can be exported'
        )
    for part in (recognizer, *recognizer.streams.values()):
        if float_input and not hasattr(part, 'classify'):
            raise ExportError(
                f'{type(part).__name__} has no classify, for prepared clips: export it for uint8'
            )
    return kind(recognizer, float_input).set_train(False)


class OneStream(nn.Cell):
    """One recognizer of `imgs`."""

    def __init__(self, recognizer: nn.Cell, float_input: bool):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.recognizer = recognizer
        self.float_input = float_input

    def construct(self, imgs: Tensor) -> Tensor:
        if self.float_input:
            return self.recognizer.classify(imgs)
        return self.recognizer(imgs.expand_dims(1))


class TwoStreams(OneStream):
    """A recognizer of `rgb` and `flow`."""

    def construct(self, rgb: Tensor, flow: Tensor) -> Tensor:
        if self.float_input:
            return self.recognizer.classify(rgb, flow)
        return self.recognizer(rgb.expand_dims(1), flow.expand_dims(1))
