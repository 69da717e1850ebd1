"""Which frames of a video a clip takes."""

from __future__ import annotations

import numpy as np

from ...argument_checks import at_least_one, one_of
from ...errors import ConfigError
from ...registry import PIPELINES


@PIPELINES.register
class SampleFrames:
    """Chooses the frames of one or several clips.

    Needs: total_frames, test_mode, rng (in the modes 'random' and 'drawn').
    Writes: frame_inds (int64 array of num_clips * clip_len, clip after clip), clip_len,
    frame_interval, num_clips.

    A clip spans (clip_len - 1) * frame_interval + 1 frames. Its place is by `mode`:

    - 'random': anywhere, each clip on its own. For training; in test mode the same as 'uniform'.
    - 'drawn': as 'random', in test mode too: the testing of many public scripts, for comparison
      with them.
    - 'centre' (or 'center'): one clip in the middle.
    - 'uniform': num_clips spread evenly, the first at the start, the last at the end; a single one
      is in the middle.
    - 'dense': clips of frames frame_interval apart, one after the other, from start to end; the
      last is moved back so as to end with the video. Their number depends on the video.
    - 'whole': one clip of all frames, frame_interval apart, however long (the paper's test); at
      least clip_len frames.

    The modes 'centre', 'dense' and 'whole' know themselves how many clips they take.

    Args:
        clip_len (int): frames of a clip.
        frame_interval (int): step between a clip's frames; 1 takes every frame.
        num_clips (int): clips of a sample.
        mode (str): see above.
        out_of_bound (str): videos shorter than the span: 'loop' starts them again (the paper),
            'repeat_last' holds the last frame.

    Attributes:
        varies (tuple of str): what differs from video to video: 'clip_len', 'num_clips', or
            nothing.

    Raises:
        ConfigError: an argument that is none of the above.
    """

    needs = ('total_frames', 'test_mode', 'rng')
    modes = ('random', 'drawn', 'centre', 'uniform', 'dense', 'whole')

    def __init__(
        self,
        clip_len: int,
        frame_interval: int = 1,
        num_clips: int = 1,
        mode: str = 'random',
        out_of_bound: str = 'loop',
    ):
        mode = 'centre' if mode == 'center' else mode
        at_least_one(
            'SampleFrames', clip_len=clip_len, frame_interval=frame_interval, num_clips=num_clips
        )
        one_of('SampleFrames', self.modes, mode=mode)
        one_of('SampleFrames', ('loop', 'repeat_last'), out_of_bound=out_of_bound)
        if num_clips > 1 and mode not in ('random', 'drawn', 'uniform'):
            raise ConfigError(f'SampleFrames: mode {mode!r} takes no num_clips; got {num_clips}')
        self.clip_len = clip_len
        self.frame_interval = frame_interval
        self.num_clips = num_clips
        self.mode = mode
        self.out_of_bound = out_of_bound
        self.varies = {'whole': ('clip_len',), 'dense': ('num_clips',)}.get(mode, ())

    def __call__(self, results: dict) -> dict:
        total = results['total_frames']
        mode = 'uniform' if self.mode == 'random' and results['test_mode'] else self.mode
        clip_len = self.clip_len
        if mode == 'whole':
            clip_len = max(clip_len, -(-total // self.frame_interval))
        span = (clip_len - 1) * self.frame_interval + 1
        last = max(total - span, 0)  # the last place where a clip can start
        starts = self._starts(mode, last, clip_len * self.frame_interval, results['rng'])
        inds = starts[:, None] + np.arange(clip_len) * self.frame_interval
        inds = inds % total if self.out_of_bound == 'loop' else np.minimum(inds, total - 1)
        results.update(
            frame_inds=inds.reshape(-1),
            clip_len=clip_len,
            frame_interval=self.frame_interval,
            num_clips=len(starts),
        )
        return results

    def _starts(self, mode, last, step, rng):
        if mode in ('random', 'drawn'):
            # scaled rather than drawn as integers, so that the RGB and flow of a sample, which may
            # differ by a frame, start at the same place
            return (rng.random(self.num_clips) * (last + 1)).astype(np.int64)
        if mode == 'dense':
            return np.minimum(np.arange(-(-last // step) + 1) * step, last)
        if mode == 'uniform' and self.num_clips > 1:
            return np.linspace(0, last, self.num_clips).round().astype(np.int64)
        return np.array([last // 2 if mode in ('uniform', 'centre') else 0])
