"""What a network says of the clips of a video, whether of one length or of any."""

import numpy as np
from mindspore import Tensor, nn
from mindspore import dtype as mstype

from ..errors import ConfigError
from ..models.heads.i3d_head import mean_over_steps
from .results import average_clips

MAX_FRAMES = 512  # takes 3.7 GB for I3D at 224 x 224 on a CPU; 64 frames take 1.2 GB


class ClipScorer:
    """Scores videos with one stream, clip by clip, so that neither the number of a video's clips nor their length
    costs a compilation or the memory.

    Clips of one length pass through the stream itself, as many at a time as there are videos. Clips of any length
    pass one at a time through a graph whose length is left open (StepLogits). One longer than `max_frames` is cut
    into windows that overlap by all that a time step can depend on; the logits of the steps, and so their mean, are
    those of the whole clip.

    The open graph and the windows are for networks whose head has `step_logits`, and whose backbone states
    `temporal_stride` and `temporal_context`, as I3D's do. Other heads have a graph compiled for each length, and
    other backbones take a long clip whole.

    Args:
        stream (Cell): a Recognizer3D.
        any_length (bool): whether clips differ in length.
        max_frames (int): the longest clip that is taken whole.

    Raises:
        ConfigError: where no time step fits into max_frames with all that it depends on.
    """

    def __init__(self, stream, any_length=False, max_frames=MAX_FRAMES):
        if any_length and hasattr(stream.backbone, 'temporal_context'):
            least = (2 * stream.backbone.temporal_context + 2) * stream.backbone.temporal_stride - 1
            if max_frames < least:
                raise ConfigError(f'evaluation.max_frames must be at least {least} for '
                                  f'{type(stream.backbone).__name__}; got {max_frames}')
        self.stream, self.any_length, self.max_frames = stream, any_length, max_frames
        self.network = StepLogits(stream) if any_length and hasattr(stream.head, 'step_logits') else stream

    def __call__(self, imgs):
        """uint8 B x N x T x H x W x C -> float32 B x classes: the N clips of each video, averaged."""
        self.network.set_train(False)
        videos, number = imgs.shape[:2]
        clips = imgs.reshape(videos * number, 1, *imgs.shape[2:])
        if self.any_length:
            logits = np.stack([self._whole(clip[None]) for clip in clips])
        else:
            logits = np.concatenate([self._forward(clips[i:i + videos]) for i in range(0, len(clips), videos)])
        return average_clips(logits.reshape(videos, number, -1), self.stream.average_clips)

    def _forward(self, clips):
        return self.network(Tensor(clips)).asnumpy()

    def _whole(self, clip):
        if self.network is self.stream:
            return self._forward(clip)[0]
        backbone = self.stream.backbone
        cuts = [(0, None, 0, None)]
        if hasattr(backbone, 'temporal_context'):
            cuts = windows(clip.shape[2], self.max_frames, backbone.temporal_stride, backbone.temporal_context)
        steps = [self._forward(clip[:, :, start:stop])[0, :, first:last] for start, stop, first, last in cuts]
        return mean_over_steps(np.concatenate(steps, axis=1))


class StepLogits(nn.Cell):
    """The logits of each time step of a clip, by one graph for all lengths and sizes.

    Inputs: uint8 1 x 1 x T x H x W x C. Outputs: float32 1 x classes x time steps.
    """

    def __init__(self, stream):
        super().__init__(auto_prefix=False)
        self.preprocess, self.backbone, self.head = stream.preprocess, stream.backbone, stream.head
        self.set_inputs(Tensor(shape=[1, 1, None, None, None, stream.channels], dtype=mstype.uint8))

    def construct(self, clip):
        return self.head.step_logits(self.backbone(self.preprocess(clip))).float()


def windows(frames, max_frames, stride, context):
    """Cuts a clip so that each of its time steps can be computed from one window as from the whole.

    A window begins at a multiple of the stride and has a length that leaves the same remainder as the clip's, as
    "same" padding depends on both. The steps whose context crosses its ends are left to its neighbours.

    Args:
        frames (int): of the clip.
        max_frames (int): of a window; at least (2 * context + 2) * stride - 1.
        stride (int): frames a step. context (int): steps on either side that a step may depend on.

    Returns:
        list of (start, stop, first, last): the window's frames, and which of its steps to keep.
    """
    if frames <= max_frames:
        return [(0, frames, 0, None)]
    rest = frames % stride
    kept = (max_frames - rest) // stride - 2 * context
    steps, cuts = -(-frames // stride), []
    for step in range(0, steps, kept):
        begin, end = max(step - context, 0), min(step + kept, steps)
        stop = min((end + context) * stride + rest, frames)
        cuts.append((begin * stride, stop, step - begin, end - begin))
    return cuts
