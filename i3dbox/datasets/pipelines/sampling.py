"""Which frames of a video a clip takes."""

from __future__ import annotations

import math

import numpy as np

from ...argument_checks import above_zero, at_least_one, one_of
from ...errors import ConfigError
from ...registry import PIPELINES


@PIPELINES.register
class SampleFrames:
    """Chooses the frames of one or several clips.

    Needs: total_frames, test_mode, rng; with target_fps, fps.
    Writes: frame_inds (int64 array of num_clips * clip_len, clip after clip), clip_len,
    frame_interval, num_clips.

    A clip spans (clip_len - 1) * frame_interval + 1 frames. Its place is by `mode`:

    - 'random': anywhere, each clip on its own. For training; in test mode the same as 'uniform'.
    - 'segments': one in each of num_clips equal parts of the video (mmaction2's way in training);
      in test mode the same as 'uniform'.
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
        temporal_jitter (bool): in training each frame is taken up to frame_interval - 1 later, by
            chance.
        keep_tail_frames (bool): of 'segments': parts of a length that is no whole number reach to
            the video's end; else they are rounded down.
        target_fps (float): of videos: the frames that a video of this rate would have, the nearest
            before; default: the frames as they are.

    Attributes:
        varies (tuple of str): what differs from video to video: 'clip_len', 'num_clips', or
            nothing.

    Raises:
        ConfigError: an argument that is none of the above; (when called) target_fps, and no rate.
    """

    needs = ('total_frames', 'test_mode', 'rng')
    modes = ('random', 'segments', 'drawn', 'centre', 'uniform', 'dense', 'whole')

    def __init__(
        self,
        clip_len: int,
        frame_interval: int = 1,
        num_clips: int = 1,
        mode: str = 'random',
        out_of_bound: str = 'loop',
        temporal_jitter: bool = False,
        keep_tail_frames: bool = False,
        target_fps: float | None = None,
    ):
        mode = 'centre' if mode == 'center' else mode
        at_least_one(
            'SampleFrames', clip_len=clip_len, frame_interval=frame_interval, num_clips=num_clips
        )
        one_of('SampleFrames', self.modes, mode=mode)
        one_of('SampleFrames', ('loop', 'repeat_last'), out_of_bound=out_of_bound)
        if num_clips > 1 and mode in ('centre', 'dense', 'whole'):
            raise ConfigError(f'SampleFrames: mode {mode!r} takes no num_clips; got {num_clips}')
        if keep_tail_frames and mode != 'segments':
            raise ConfigError("SampleFrames: keep_tail_frames is for the mode 'segments'")
        if target_fps is not None:
            above_zero('SampleFrames', target_fps=target_fps)
        self.clip_len = clip_len
        self.frame_interval = frame_interval
        self.num_clips = num_clips
        self.mode = mode
        self.out_of_bound = out_of_bound
        self.temporal_jitter = temporal_jitter
        self.keep_tail_frames = keep_tail_frames
        self.target_fps = target_fps
        self.varies = {'whole': ('clip_len',), 'dense': ('num_clips',)}.get(mode, ())

    def __call__(self, results: dict) -> dict:
        total = results['total_frames']
        by_chance = self.mode in ('random', 'segments')
        mode = 'uniform' if by_chance and results['test_mode'] else self.mode
        interval = self.frame_interval * self._rate(results)
        clip_len = self.clip_len
        if mode == 'whole':
            clip_len = max(clip_len, math.ceil(total / interval))
        inside = (np.arange(clip_len) * interval).astype(np.int64)
        last = max(total - (inside[-1] + 1), 0)  # the last place where a clip can start
        starts = self._starts(mode, last, total, int(clip_len * interval), results['rng'])
        inds = starts[:, None] + inside
        if self.temporal_jitter and not results['test_mode']:
            inds += (results['rng'].random(inds.shape) * self.frame_interval).astype(np.int64)
        inds = inds % total if self.out_of_bound == 'loop' else np.minimum(inds, total - 1)
        results.update(
            frame_inds=inds.reshape(-1),
            clip_len=clip_len,
            frame_interval=self.frame_interval,
            num_clips=len(starts),
        )
        return results

    def _rate(self, results):
        """Returns how many frames of the video stand for one."""
        if self.target_fps is None:
            return 1
        if not results.get('fps'):
            raise ConfigError(
                'SampleFrames: target_fps is for videos that say their rate; prepare others by '
                '`i3dbox frames --fps N`'
            )
        return results['fps'] / self.target_fps

    def _starts(self, mode, last, total, step, rng):
        if mode == 'segments':
            return self._in_segments(total, step, rng)
        if mode in ('random', 'drawn'):
            # scaled rather than drawn as integers, so that the RGB and flow of a sample, which may
            # differ by a frame, start at the same place
            return (rng.random(self.num_clips) * (last + 1)).astype(np.int64)
        if mode == 'dense':
            return np.minimum(np.arange(-(-last // step) + 1) * step, last)
        if mode == 'uniform' and self.num_clips > 1:
            return np.linspace(0, last, self.num_clips).round().astype(np.int64)
        return np.array([last // 2 if mode in ('uniform', 'centre') else 0])

    def _in_segments(self, total, step, rng):
        """Returns a start in each of num_clips equal parts of the places that there are. Where
        there are fewer of these than clips, anywhere, in order; of a video with no more frames than
        clips, evenly, without chance, as mmaction2 does.
        """
        room = total - step + 1
        drawn = rng.random(self.num_clips)
        part = room / self.num_clips if self.keep_tail_frames else room // self.num_clips
        if part > 0:
            begin = np.arange(self.num_clips) * part
            return (begin + drawn * part).astype(np.int64)
        if 0 < room and total <= self.num_clips:
            even = np.around(np.arange(self.num_clips) * (room / self.num_clips))
            return np.minimum(even, room - 1).astype(np.int64)
        return np.sort((drawn * max(room, 1)).astype(np.int64))


@PIPELINES.register
class DenseSampleFrames(SampleFrames):
    """Chooses clips within a range of the video, as mmaction2 does (TSM's dense sampling).

    Needs: total_frames, test_mode, rng.
    Writes: frame_inds, clip_len, frame_interval, num_clips.

    In training num_clips clips stand sample_range // num_clips frames apart, from a random place
    on. In test mode they do so from num_sample_positions places that are spread evenly, so that
    there are num_clips * num_sample_positions of them.

    Args:
        clip_len, frame_interval, num_clips, out_of_bound, temporal_jitter: of SampleFrames.
        sample_range (int): frames that the clips' first frames stand within.
        num_sample_positions (int): places in test mode.

    Raises:
        ConfigError: an argument below 1.
    """

    def __init__(
        self,
        clip_len: int,
        frame_interval: int = 1,
        num_clips: int = 1,
        sample_range: int = 64,
        num_sample_positions: int = 10,
        out_of_bound: str = 'loop',
        temporal_jitter: bool = False,
    ):
        super().__init__(
            clip_len,
            frame_interval,
            num_clips,
            out_of_bound=out_of_bound,
            temporal_jitter=temporal_jitter,
        )
        at_least_one(
            'DenseSampleFrames',
            sample_range=sample_range,
            num_sample_positions=num_sample_positions,
        )
        self.sample_range = sample_range
        self.num_sample_positions = num_sample_positions

    def _starts(self, mode, last, total, step, rng):
        most = max(0, total - self.sample_range)
        places = [int(rng.random() * max(most, 1))]
        if mode == 'uniform':  # in test mode
            places = np.linspace(0, most, self.num_sample_positions, dtype=int)
        offsets = np.arange(self.num_clips) * (self.sample_range // self.num_clips)
        return (np.array(places)[:, None] + offsets).reshape(-1) % total


@PIPELINES.register
class UniformSample:
    """Takes one frame of each of clip_len equal parts of the video, as mmaction2 does: a clip spans
    the whole video.

    Needs: total_frames, test_mode, rng.
    Writes: frame_inds, clip_len, frame_interval (1), num_clips.

    In training the frame is drawn, in test mode clip k of num_clips takes that at the share
    (k + 1) / (num_clips + 1) of the part.

    Args:
        clip_len (int): frames of a clip.
        num_clips (int): clips in test mode; in training there is one.

    Raises:
        ConfigError: an argument below 1.
    """

    needs = ('total_frames', 'test_mode', 'rng')

    def __init__(self, clip_len: int, num_clips: int = 1):
        at_least_one('UniformSample', clip_len=clip_len, num_clips=num_clips)
        self.clip_len = clip_len
        self.num_clips = num_clips

    def __call__(self, results: dict) -> dict:
        part = (results['total_frames'] - 1) / self.clip_len
        borders = np.round(part * np.arange(self.clip_len + 1)).astype(np.int64)
        begin, end = borders[:-1], borders[1:]
        if results['test_mode']:
            clips = 1 + np.arange(self.num_clips)
            inside = (part / (self.num_clips + 1) * clips).astype(np.int64)
            inds = begin + inside[:, None]
        else:
            inds = begin + (results['rng'].random((1, self.clip_len)) * (end - begin + 1)).astype(
                int
            )
        results.update(
            frame_inds=inds.reshape(-1),
            clip_len=self.clip_len,
            frame_interval=1,
            num_clips=len(inds),
        )
        return results
