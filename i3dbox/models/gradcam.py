"""Where a network looks for a class: Grad-CAM.

Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", arXiv 1610.02391, with a time axis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mindspore import nn, ops

from ..errors import ConfigError
from .endpoints import check_endpoint
from .i3d_table import LOGITS
from .tail import Tail

if TYPE_CHECKING:
    from mindspore import Tensor


class GradCam(nn.Cell):
    """The map of a class over what a stream makes of a clip at an endpoint.

        alpha_k = mean over t, h, w of d logit / d A_k        map = relu(sum over k of alpha_k A_k)

    Only the layers behind the endpoint are differentiated. They are a network in testing: no
    dropout, batch norm by its moving statistics. The class is a Tensor, so that another one needs
    no compilation. It shares the stream's parameters.

    Args:
        stream: a Recognizer3D. endpoint: a layer of its backbone.

    Inputs: A, float32 1 x K x t x h x w, of FeatureNetwork with pool='none'; the class, int32
        scalar.
    Outputs: the map, float32 t x h x w, from 0 up; the class's logit, float32 scalar.
    Raises: ConfigError, see check_stream_for_gradcam.
    """

    def __init__(self, stream: nn.Cell, endpoint: str = 'Mixed_5c'):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        check_stream_for_gradcam(stream, endpoint)
        self.tail = Tail(stream, endpoint)
        self.head = stream.head
        self.logit_and_gradient = ops.value_and_grad(self.logit, 0, None)
        self.set_train(False)

    def logit(self, maps: Tensor, label: Tensor) -> Tensor:
        """Returns the class's logit: also where the recognizer averages clips by their softmax."""
        logits = self.head(self.tail.through_backbone(maps)).float()
        return ops.gather(logits, label, 1).sum()

    def construct(self, maps: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        logit, gradient = self.logit_and_gradient(maps, label)
        weights = gradient.mean((2, 3, 4), keep_dims=True)
        return ops.relu((weights * maps).sum(1)).squeeze(0), logit


def check_stream_for_gradcam(stream: nn.Cell, endpoint: str) -> None:
    """Raises ConfigError for a stream that cannot be taken apart at layers, and for an endpoint
    that is none of them.
    """
    backbone = stream.backbone
    if not isinstance(backbone, nn.SequentialCell):
        raise ConfigError(
            f'{type(backbone).__name__} cannot be taken apart at an endpoint: Grad-CAM is for '
            'backbones that are an nn.SequentialCell, whose layers have names'
        )
    names = list(backbone.name_cells())
    if isinstance(getattr(backbone, 'out_channels', None), (list, tuple)):
        raise ConfigError(
            f'{type(backbone).__name__} gives several maps; Grad-CAM is for backbones that give '
            'one (endpoints with one name)'
        )
    if endpoint == LOGITS:
        raise ConfigError(f'Logits have no place in the frame; endpoint is one of {_or(names)}')
    check_endpoint(endpoint, 'none', names)


def _or(names):
    return f'{", ".join(names[:-1])} or {names[-1]}' if len(names) > 1 else names[0]
