"""Frechet Video Distance: the distance of generated videos from real ones in the features of I3D.

Source: Unterthiner et al., "Towards Accurate Generative Models of Video: A New Metric &
Challenges", arXiv 1812.01717, and the authors' code, google-research/frechet_video_distance.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tqdm import tqdm

from ..argument_checks import one_of
from ..averages import mean_over_steps
from ..errors import ConfigError, DamagedSampleError, DataError, I3DBoxError
from ..evaluation.frechet import FrechetDistance
from ..inference.clip_pipelines import config_pipelines
from ..inference.clip_steps import clip_steps
from ..inference.clip_windows import ClipWindows
from ..inference.engines import in_words, open_engine
from ..inference.features import LEAST, mean_of_crops
from ..media.frame_iterator import FrameIterator
from ..models.i3d_table import LOGITS
from ..plain_npy import open_npy
from ..preparation.jobs import Failure
from ..preparation.pools import reason_of
from ..preparation.sources import Source, find_videos

if TYPE_CHECKING:
    from ..inference.model_spec import ModelSpec

# What resizes frames, of a size
RESIZES = {
    'stretch': lambda size: [dict(type='Stretch', size=size)],
    'crop': lambda size: [
        dict(type='Resize', short_side=size),
        dict(type='CenterCrop', size=size),
    ],
    'pipeline': None,
    'stretch_half_pixels': lambda size: [dict(type='Stretch', size=size, half_pixels=True)],
    'crop_half_pixels': lambda size: [
        dict(type='Stretch', size=size, half_pixels=True, keep_ratio=True),
        dict(type='CenterCrop', size=size),
    ],
}
FEW = 400  # clips
_BATCH = 256  # rows of features at a time


class Protocol(NamedTuple):
    """What a public tool does: how it resizes (of RESIZES), the epsilon of its batch norms where
    that is not the network's own, and the name of its code.
    """

    resize: str
    epsilon: float | None
    code: str


LIKE = {
    'paper': Protocol('stretch', None, 'google-research/frechet_video_distance'),
    # VideoGPT, TATS and cd-fvd share a PyTorch port whose layers have PyTorch's own epsilon
    'videogpt': Protocol('crop_half_pixels', 1e-5, 'wilson1yan/VideoGPT'),
    'styleganv': Protocol('stretch_half_pixels', None, 'universome/stylegan-v'),
}


class VideoDistance(NamedTuple):
    """The distance, that of each resample (float64 array), the number of clips of each set, the
    videos that are not in it (jobs.Failure), the number of values that a clip has, and the Protocol
    that was followed, None where both sets are features; and engine and precision of the network.
    """

    value: float
    resampled: np.ndarray
    clips: dict
    failures: list
    dimensions: int
    protocol: Protocol | None
    computed: dict

    @property
    def few(self) -> bool:
        """Whether a set has fewer clips than a clip has values, whose covariance is then singular,
        or than the 400 of Kinetics: the distance is mostly owed to the number of clips.
        """
        return min(self.clips.values()) < self.enough

    @property
    def enough(self) -> int:
        """How many clips a set should have."""
        return max(self.dimensions, FEW)


def video_distance(
    real: str,
    generated: str,
    model: ModelSpec | Callable | None = None,
    frames: int = 16,
    stride: int | None = None,
    like: str = 'paper',
    resize: str | None = None,
    size: int = 224,
    fps: float | None = None,
    resamples: int = 20,
    seed: int = 0,
    device: str = 'auto',
    device_id: int | None = None,
    engine: str = 'auto',
    precision: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> VideoDistance:
    """Returns the Frechet distance between the logits of two sets of videos.

    Args:
        real, generated: folders of videos; or .npy files of videos, uint8 N x T x H x W x 3
            (RGB), or of features, float N x D, which pass by the network.
        model (ModelSpec or callable): or what returns one where videos are to be looked at; its RGB
            stream is used.
        frames: of a clip, from the beginning of each video. stride: clips begin at each
            `stride` frames; default: one clip a video.
        like: of LIKE: the tool whose figures this one is to be held against.
        resize: of RESIZES, instead of that tool's: 'stretch': to size x size whatever the shape;
            'crop': the short side, and a cut in the middle; 'pipeline': as the model's test
            pipeline does, whatever its steps, and then `size` is its own.
        fps: of folders, see FrameIterator.
        resamples, seed: of FrechetDistance.
        device, device_id, engine, precision: of engines.open_engine.
        tell: gets a line that says what computes.

    Returns: VideoDistance.
    Raises: an I3DBoxError where a set cannot be used, or has fewer than two clips. A video that
        cannot be read, or is shorter than a clip, is a failure and stops nothing.
    """
    one_of('fvd', LIKE, like=like)
    protocol = LIKE[like]._replace(**({} if resize is None else dict(resize=resize)))
    one_of('fvd', RESIZES, resize=protocol.resize)
    if frames < LEAST:
        raise ConfigError(
            f'I3D takes clips of {LEAST} frames or more, FVD of 16 or more; got {frames}'
        )
    sets = {'real': _Videos(real, fps), 'generated': _Videos(generated, fps)}
    network = clips = None
    if all(videos.are_features for videos in sets.values()):
        protocol = None
        computed = {}
    else:
        spec = model() if callable(model) else model
        if 'rgb' not in spec.streams:
            raise ConfigError('the distance takes an RGB model')
        steps = clip_steps(_pipelines(spec, protocol.resize, size), 'rgb')
        spec = _with_epsilon(spec, protocol.epsilon)
        built, streams = open_engine(spec, engine, precision, device, device_id)
        steps['rgb'].check(streams['rgb'], frames)
        built.load(spec.checkpoint, streams=spec.streams)
        tell(f'computed by {in_words(built)}')
        computed = dict(engine=built.name, precision=built.precision)
        network = _to_logits(streams['rgb'])
        clips = functools.partial(_clips, steps, frames, stride)
    distance = FrechetDistance(resamples, seed)
    failures = []
    for name, videos in sets.items():
        for source, features in videos.features(network, clips, f'{name} videos'):
            if isinstance(features, Exception):
                failures.append(Failure(source.name, source.path, reason_of(features, source)))
            else:
                try:
                    distance.update(name, features)
                except DataError as error:
                    raise DataError(f'{videos.path}: {error}') from error
    counts = {name: distance.count(name) for name in sets}
    for name, videos in sets.items():
        if counts[name] < 2:
            reason = (
                f'; the first of {len(failures)} that failed: {failures[0].path}: '
                f'{failures[0].reason}'
                if failures
                else ''
            )
            raise DataError(
                f'{videos.path}: {counts[name]} clips of {frames} frames; a distance takes two or '
                f'more{reason}'
            )
    return VideoDistance(
        distance.value,
        distance.resampled,
        counts,
        failures,
        distance.dimensions,
        protocol,
        computed,
    )


def _pipelines(spec, resize, size):
    if resize == 'pipeline':
        return config_pipelines(spec.cfg)
    return dict(imgs=[dict(type='DecodeClip'), *RESIZES[resize](size), dict(type='PackClips')])


def _with_epsilon(spec, epsilon):
    """Returns the spec with another epsilon in the batch norms of its plain I3Ds."""
    if epsilon is None:
        return spec
    cfg = copy.deepcopy(spec.cfg)
    for part in (cfg.model, *cfg.model.values()):
        backbone = part.get('backbone') if isinstance(part, dict) else None
        if backbone and backbone.get('type') != 'InceptionI3D':
            raise ConfigError(
                'that tool has another epsilon in the batch norms of InceptionI3D; the model is a '
                f'{backbone.get("type")}'
            )
        if backbone:
            backbone.norm = {**(backbone.get('norm') or {}), 'eps': epsilon}
    return dataclasses.replace(spec, cfg=cfg)


def _to_logits(stream):
    """Returns a function of a clip, N x T x H x W x 3, to its logits."""
    network = stream.upto(LOGITS)
    return lambda clip: mean_over_steps(mean_of_crops(network, clip))


class _Videos:
    """A set of videos, or of their features."""

    def __init__(self, path, fps):
        self.path = path
        self.fps = fps
        self.array = None
        if not os.path.exists(path):
            raise DataError(f'{path} does not exist')
        if os.path.isdir(path) or not path.endswith('.npy'):
            self.sources = find_videos(path)
            return
        self.array = open_npy(path)
        if not (
            self.are_features
            or self.array.dtype == np.uint8
            and self.array.ndim == 5
            and self.array.shape[4] == 3
        ):
            raise DataError(
                f'{path}: must be uint8 N x T x H x W x 3, or features, float N x D; it is '
                f'{self.array.dtype} {" x ".join(map(str, self.array.shape))}'
            )
        self.sources = [
            Source(str(number), f'{path}[{number}]') for number in range(len(self.array))
        ]

    @property
    def are_features(self):
        return self.array is not None and self.array.dtype.kind == 'f' and self.array.ndim == 2

    def features(self, network, clips, title):
        """Yields (Source or None, features N x D or what went wrong)."""
        if self.are_features:
            for start in range(0, len(self.array), _BATCH):
                yield None, self.array[start : start + _BATCH]
            return
        for number, source in enumerate(tqdm(self.sources, title, unit='video', disable=None)):
            try:
                video = (
                    FrameIterator(source.path, self.fps)
                    if self.array is None
                    else enumerate(self.array[number])
                )
                found = np.stack([network(clip) for clip in clips(video)])
                if getattr(video, 'damage', ''):  # known where it was read to its end
                    raise DamagedSampleError(source.name, source.path, video.damage)
                yield source, found
            except (I3DBoxError, OSError) as error:
                yield source, error


def _clips(steps, frames, stride, video):
    """Yields the clips of a video, N x T x H x W x 3, each `stride` frames; else the first."""
    windows = ClipWindows(steps, frames, stride, tail='drop')
    for window in itertools.islice(windows.over(video), None if stride else 1):
        if windows.count < windows.span:
            raise DataError(f'has {windows.count} frames; a clip takes {windows.span}')
        yield window.rgb
