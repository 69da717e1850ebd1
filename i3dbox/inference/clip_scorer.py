"""What a network says of the clips of a video, whether of one length or of any."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..averages import average_clips, mean_over_steps
from ..errors import ConfigError
from ..models.i3d_table import LOGITS
from .long_clips import cut_whole, least_frames

if TYPE_CHECKING:
    from .engines.stream_network import StreamNetwork

# Where a graph leaves no length open: clips are cut to a multiple of this many frames, and windows
# have this length, so that eight graphs will do.
MULTIPLE = 32
FIXED_FRAMES = 256
MAX_FRAMES = 512  # takes 3.7 GB for I3D at 224 x 224 on a CPU; 64 frames take 1.2 GB


class ClipScorer:
    """Scores videos with one stream, clip by clip, so that neither the number of a video's clips
    nor their length costs a compilation or the memory.

    Clips of one length pass through the stream itself, as many at a time as there are videos. Clips
    of any length pass one at a time through a graph whose length is left open. One
    longer than `max_frames` is cut into windows that overlap by all that a time step can depend on;
    the logits of the steps, and so their mean, are those of the whole clip.

    Where MindSpore compiles whole graphs (Ascend 910A), lengths are not left open: a clip loses
    what is above a multiple of MULTIPLE frames, and windows have FIXED_FRAMES.

    The open graph and the windows are for networks whose head has `step_logits`, and whose backbone
    states `temporal_stride` and `temporal_context`, as I3D's do. Other heads have a graph compiled
    for each length, and other backbones take a long clip whole.

    Args:
        stream: of an engine.
        any_length: whether clips differ in length.
        max_frames: the longest clip that is taken whole.

    Raises:
        ConfigError: where no time step fits into max_frames with all that it depends on.
    """

    def __init__(
        self, stream: StreamNetwork, any_length: bool = False, max_frames: int | None = None
    ):
        self.stream = stream
        self.any_length = any_length
        self.network = None
        # a backbone that states nothing takes any clip whole
        self.geometry = (1, 0)
        self.max_frames = math.inf
        self.few_lengths = any_length and stream.few_lengths
        if any_length and stream.geometry:
            self.geometry = stream.geometry
            self.max_frames = max_frames or (FIXED_FRAMES if self.few_lengths else MAX_FRAMES)
            if self.max_frames < least_frames(*self.geometry):
                raise ConfigError(
                    f'evaluation.max_frames must be at least {least_frames(*self.geometry)} for '
                    f'this network; got {self.max_frames}'
                )
        if any_length and stream.steps_have_logits:
            self.network = stream.upto(LOGITS, any_length=not self.few_lengths)

    def __call__(self, imgs: np.ndarray) -> np.ndarray:
        """Scores clips, uint8 B x N x T x H x W x C -> float32 B x classes: the N clips of each
        video, averaged.
        """
        videos, number = imgs.shape[:2]
        clips = imgs.reshape(videos * number, *imgs.shape[2:])
        if self.any_length:
            logits = np.stack([self._whole(clip) for clip in clips])
        else:
            logits = np.concatenate(
                [self.stream.logits(clips[i : i + videos]) for i in range(0, len(clips), videos)]
            )
        return average_clips(logits.reshape(videos, number, -1), self.stream.average_clips)

    def _whole(self, clip):
        """Scores one clip, uint8 T x H x W x C -> float32 classes."""
        if self.network is None:
            return self.stream.logits(clip[None])[0]
        length = len(clip)
        if self.few_lengths:
            length -= length % MULTIPLE if length > MULTIPLE else 0
        frames, _, cuts = cut_whole(
            length, self.max_frames, *self.geometry, shortest=not self.few_lengths
        )
        clip = clip[None, :length]
        steps = [
            self.network(clip[:, start : start + frames])[0, :, first:last]
            for start, first, last in cuts
        ]
        return mean_over_steps(np.concatenate(steps, axis=1))
