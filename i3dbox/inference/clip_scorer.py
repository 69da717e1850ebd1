"""What a network says of the clips of a video, whether of one length or of any."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from mindspore import Tensor

from ..ascend.settings import compiles_whole_graphs
from ..averages import average_clips, mean_over_steps
from ..errors import ConfigError
from ..models.feature_network import LOGITS, FeatureNetwork
from .long_clips import cut_whole, least_frames

if TYPE_CHECKING:
    from mindspore import nn

# Where a graph leaves no length open: clips are cut to a multiple of this many frames, and windows
# have this length, so that eight graphs will do.
MULTIPLE = 32
FIXED_FRAMES = 256
MAX_FRAMES = 512  # takes 3.7 GB for I3D at 224 x 224 on a CPU; 64 frames take 1.2 GB


class ClipScorer:
    """Scores videos with one stream, clip by clip, so that neither the number of a video's clips
    nor their length costs a compilation or the memory.

    Clips of one length pass through the stream itself, as many at a time as there are videos. Clips
    of any length pass one at a time through a graph whose length is left open (FeatureNetwork). One
    longer than `max_frames` is cut into windows that overlap by all that a time step can depend on;
    the logits of the steps, and so their mean, are those of the whole clip.

    Where MindSpore compiles whole graphs (Ascend 910A), lengths are not left open: a clip loses
    what is above a multiple of MULTIPLE frames, and windows have FIXED_FRAMES.

    The open graph and the windows are for networks whose head has `step_logits`, and whose backbone
    states `temporal_stride` and `temporal_context`, as I3D's do. Other heads have a graph compiled
    for each length, and other backbones take a long clip whole.

    Args:
        stream: a Recognizer3D.
        any_length: whether clips differ in length.
        max_frames: the longest clip that is taken whole.

    Raises:
        ConfigError: where no time step fits into max_frames with all that it depends on.
    """

    def __init__(self, stream: nn.Cell, any_length: bool = False, max_frames: int | None = None):
        self.stream = stream
        self.any_length = any_length
        self.network = stream
        # a backbone that states nothing takes any clip whole
        self.geometry = (1, 0)
        self.max_frames = math.inf
        self.few_lengths = any_length and compiles_whole_graphs()
        if any_length and hasattr(stream.backbone, 'temporal_context'):
            self.geometry = stream.backbone.temporal_stride, stream.backbone.temporal_context
            self.max_frames = max_frames or (FIXED_FRAMES if self.few_lengths else MAX_FRAMES)
            if self.max_frames < least_frames(*self.geometry):
                raise ConfigError(
                    f'evaluation.max_frames must be at least {least_frames(*self.geometry)} for '
                    f'{type(stream.backbone).__name__}; got {self.max_frames}'
                )
        if any_length and hasattr(stream.head, 'step_logits'):
            self.network = FeatureNetwork(stream, LOGITS, any_length=not self.few_lengths)

    def __call__(self, imgs: np.ndarray) -> np.ndarray:
        """Scores clips, uint8 B x N x T x H x W x C -> float32 B x classes: the N clips of each
        video, averaged.
        """
        self.network.set_train(False)
        videos, number = imgs.shape[:2]
        clips = imgs.reshape(videos * number, 1, *imgs.shape[2:])
        if self.any_length:
            logits = np.stack([self._whole(clip) for clip in clips])
        else:
            logits = np.concatenate(
                [self._forward(clips[i : i + videos]) for i in range(0, len(clips), videos)]
            )
        return average_clips(logits.reshape(videos, number, -1), self.stream.average_clips)

    def _forward(self, clips):
        return self.network(Tensor(clips)).asnumpy()

    def _whole(self, clip):
        """Scores one clip, uint8 1 x T x H x W x C -> float32 classes."""
        if self.network is self.stream:
            return self._forward(clip[None])[0]
        length = clip.shape[1]
        if self.few_lengths:
            length -= length % MULTIPLE if length > MULTIPLE else 0
        frames, _, cuts = cut_whole(
            length, self.max_frames, *self.geometry, shortest=not self.few_lengths
        )
        clip = clip[:, :length]
        steps = [
            self._forward(clip[:, start : start + frames])[0, :, first:last]
            for start, first, last in cuts
        ]
        return mean_over_steps(np.concatenate(steps, axis=1))
