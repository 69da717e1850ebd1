"""One stream: preprocessing, backbone and head in one graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mindspore import nn

from ...averages import HOW, average_clips_in_graph
from ...errors import ModelError
from ...registry import BACKBONES, HEADS, RECOGNIZERS
from ...streams import CHANNELS
from ..clip_shape import check_clip_shape
from ..normalization import normalization_of
from ..preprocess import Preprocess

if TYPE_CHECKING:
    import numpy as np
    from mindspore import Tensor


@RECOGNIZERS.register
class Recognizer3D(nn.Cell):
    """Recognises actions in clips of one modality.

    Args:
        backbone (dict): of BACKBONES; `in_channels` follows the modality.
        head (dict): of HEADS; `in_channels` follows the backbone.
        modality (str): 'RGB' or 'Flow'.
        average_clips (str): how the N clips of a video become one answer: 'score' (mean of the
            logits, the authors' way), 'prob' (log of the mean of the softmax), or 'sigmoid'
            (log-odds of the mean of the sigmoid), for classes that are each there or not.
        data_preprocessor (dict): mean and std of the values from 0 to 255, a number or one a
            channel; default: the backbone's own, for I3D and for flow 127.5 both, which is [-1, 1].

    Inputs: uint8 B x N x T x H x W x C. Outputs: float32 B x num_classes.
    """

    inputs = ('imgs',)

    def __init__(
        self,
        backbone: dict,
        head: dict,
        modality: str = 'RGB',
        average_clips: str = 'score',
        data_preprocessor: dict | None = None,
    ):
        super().__init__()
        if modality not in CHANNELS:
            raise ModelError(f"modality is 'RGB' or 'Flow'; got {modality!r}")
        if average_clips not in HOW:
            raise ModelError(
                f'average_clips is one of {", ".join(map(repr, HOW))}; got {average_clips!r}'
            )
        self.modality = modality
        self.average_clips = average_clips
        self.channels = CHANNELS[modality]
        self.normalization = normalization_of(
            dict(backbone=backbone, modality=modality, data_preprocessor=data_preprocessor)
        )
        self.preprocess = Preprocess(self.normalization)
        self.backbone = BACKBONES.build(backbone, in_channels=self.channels)
        channels = self.backbone.out_channels
        given = head.get('in_channels') if isinstance(head, dict) else None
        if isinstance(channels, int) and given not in (None, channels):
            raise ModelError(
                f'head.in_channels is {given}, and the backbone gives {channels}: leave it out'
            )
        self.head = HEADS.build(head, in_channels=channels)
        self.num_classes = self.head.num_classes

    @property
    def streams(self) -> dict[str, nn.Cell]:
        """The recognizers of single streams, by the input that each takes."""
        return {'imgs': self}

    def construct(self, imgs: Tensor) -> Tensor:
        return self.classify(self.preprocess(imgs), imgs.shape[1])

    def classify(self, clips: Tensor, number: int = 1) -> Tensor:
        """Scores clips that are preprocessed already, float32 (B * number) x C x T x H x W ->
        B x num_classes.
        """
        return self.answer(self.backbone(clips), number)

    def answer(self, maps: Tensor, number: int = 1) -> Tensor:
        """Scores what the backbone makes of clips, (B * number) x K x t x h x w ->
        B x num_classes.
        """
        logits = self.head(maps).float().reshape(-1, number, self.num_classes)
        return average_clips_in_graph(logits, self.average_clips)

    def check_input(self, imgs: np.ndarray) -> None:
        """Raises ModelError where a batch (shape B x N x T x H x W x C) does not suit the
        network.
        """
        least = getattr(self.backbone, 'min_input', (1, 1, 1))
        check_clip_shape(imgs.shape, self.modality, least, type(self.backbone).__name__)
        if hasattr(self.backbone, 'check_clip'):
            self.backbone.check_clip(*imgs.shape[2:5])
