"""What a test pipeline makes of frames, for frames that come one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..datasets.pipelines import Compose
from ..datasets.pipelines.flow import ComputeFlow, grey_of
from ..datasets.pipelines.spatial import Resize, SizedCrop
from ..datasets.pipelines.stretch import Stretch
from ..errors import ConfigError
from ..registry import PIPELINES, is_of_the_package
from ..streams import MODALITIES, STREAMS, check_stream

if TYPE_CHECKING:
    from .engines.stream_network import StreamNetwork

# the authors': frames of a clip, pixels of the flow's encoding
WINDOW = 64
BOUND = 20
_FLOW = ('ComputeFlow', ComputeFlow)


class ClipSteps:
    """The steps of one stream's test pipeline that stand after DecodeClip.

    Frames come one by one, and windows of a video share most of theirs. So the first steps, as long
    as they look at one frame alone (`per_frame`), are done to each frame once; so is the flow from
    a frame to the next. What is left, from the first step that looks at a whole clip on, is done to
    each clip. What a clip becomes is what the pipeline makes of it in a test. Frames that are
    smaller than the crop are enlarged first, where the pipeline resizes none.

    Args:
        steps: of PIPELINES, a whole test pipeline.
        modality: 'RGB' or 'Flow'.
        changes: arguments of ComputeFlow that are others than the pipeline's.

    Attributes:
        clip_len (int), frame_interval (int), out_of_bound (str): of the pipeline's SampleFrames.
        flow_at_once (bool): flow is computed as frames come; else it is a step of the clip's.
        bound (float): of the flow's 8-bit encoding.
        size (tuple or None): (height, width) of the pictures, where a step says so.

    Raises:
        ConfigError: a pipeline without DecodeClip or PackClips.
    """

    def __init__(self, steps: list[dict], modality: str, changes: dict | None = None):
        names = [step['type'] for step in steps]
        kinds = [getattr(name, '__name__', name) for name in names]
        if 'DecodeClip' not in kinds or kinds[-1] != 'PackClips':
            raise ConfigError(
                'a test pipeline for videos has the step DecodeClip, and PackClips as its last; '
                f'it has {", ".join(map(str, kinds))}'
            )
        for step in steps[: kinds.index('DecodeClip')]:
            if not is_of_the_package(PIPELINES.get(step['type'])):
                raise ConfigError(
                    f'the step {step["type"]} stands before DecodeClip, where a data set chooses '
                    'frames; a video whose frames come one by one knows steps after it only'
                )
        sampling = next((step for step in steps if 'clip_len' in step), {})
        _check_sampling(sampling)
        self.clip_len = sampling.get('clip_len', WINDOW)
        self.frame_interval = sampling.get('frame_interval', 1)
        self.out_of_bound = sampling.get('out_of_bound', 'loop')
        self.modality = modality
        built, flow = _build(steps[kinds.index('DecodeClip') + 1 :], changes or {})
        self.bound = flow.bound if flow else BOUND
        self.size = _size_of(built)
        if modality != 'Flow':
            built = [step for step in built if step is not flow]
        self._frame, rest = _per_frame(built)
        self._flow = None
        self._image = []
        if flow and rest[0] is flow:
            flow.prepare()
            self._flow = flow
            self._image, rest = _per_frame(rest[1:])
        self._clip = Compose(rest)
        resizes = any(isinstance(step, (Resize, Stretch)) or _is_own(step) for step in built)
        self._filler = Resize(short_side=max(self.size)) if self.size and not resizes else None

    @property
    def flow_at_once(self) -> bool:
        return self._flow is not None

    def check(self, stream: StreamNetwork, frames: int) -> None:
        """Raises ModelError where a recognizer takes no clips of `frames` frames of these steps;
        where no step says the size, nobody knows before the first clip.
        """
        if self.size:
            shape = (1, 1, frames, *self.size, stream.channels)
            stream.check_input(np.broadcast_to(np.uint8(0), shape))

    def frame(self, image: np.ndarray) -> np.ndarray:
        """Does to a frame (uint8 H x W x 3, RGB) what is done to each alone."""
        if self._filler and min(image.shape[:2]) < min(self.size):
            image = _each([self._filler], image, self.modality)
        return _each(self._frame, image, self.modality)

    def grey(self, image: np.ndarray) -> np.ndarray:
        """Returns what `flow` takes of what `frame` made."""
        return grey_of(image)

    def flow(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Returns the flow image (uint8 H x W x 2) between two neighbours; threads may call it."""
        return _each(self._image, self._flow.between(first, second), self.modality)

    def clip(self, images: list, frame_inds: Sequence[int], name: str) -> np.ndarray:
        """Does to a clip what is done to it as a whole.

        Args:
            images: what `frame` or `flow` made; two frames for each flow image where flow is
                not computed at once.
            frame_inds (sequence of int): the clip's frames in the video.
            name: of the video, for errors.

        Returns: uint8 N x T x H x W x C; N is above 1 where the pipeline takes several crops.
        """
        results = dict(
            imgs=list(images),
            modality=self.modality,
            num_clips=1,
            clip_len=len(frame_inds),
            frame_interval=self.frame_interval,
            frame_inds=np.asarray(frame_inds),
            total_frames=max(frame_inds) + 1,
            img_shape=images[0].shape[:2],
            test_mode=True,
            rng=np.random.default_rng(0),
            name=name,
            index=0,
        )
        try:
            return self._clip(results)['imgs']
        except KeyError as error:
            raise ConfigError(
                f'a step of the test pipeline looks for results[{error}], which a clip of frames '
                f'that come one by one has not; it has {", ".join(results)}'
            ) from error


def clip_steps(pipelines: dict, stream: str, changes: dict | None = None) -> dict[str, ClipSteps]:
    """Returns the ClipSteps of each single stream of a stream.

    Args:
        pipelines: the test pipeline (list of dict) of 'rgb' and 'flow', or 'imgs' for both.
        stream: 'rgb', 'flow' or 'joint'. changes: see ClipSteps.
    """
    check_stream(stream)
    return {
        kind: ClipSteps(pipelines.get(kind) or pipelines['imgs'], MODALITIES[kind], changes)
        for kind in STREAMS[stream]
    }


def _build(steps, changes):
    """Returns the steps (list of dict), built, and the ComputeFlow among them or None.

    A pipeline of prepared flow has none, and here there is a video: then it stands after the
    resizing, as in the recipes. Where a user's own step may compute flow, none is added.
    """
    built = [
        PIPELINES.build(dict(step, **changes) if step['type'] in _FLOW else step) for step in steps
    ]
    flow = next((step for step in built if isinstance(step, ComputeFlow)), None)
    if flow is None and not any(map(_is_own, built)):
        flow = ComputeFlow(**changes)
        index = next(n for n, step in enumerate(built) if not isinstance(step, Resize))
        built.insert(index, flow)
    return built, flow


def _per_frame(steps):
    """Splits steps into those in front that look at one frame alone, and the rest."""
    count = 0
    while count < len(steps) and _is_per_frame(type(steps[count])):
        count += 1
    return steps[:count], steps[count:]


def _is_per_frame(kind):
    """Whether a step looks at one frame alone. A subclass that does something of its own has to say
    so again.
    """
    for part in kind.__mro__:
        if 'per_frame' in vars(part):
            return vars(part)['per_frame']
        if any(callable(value) for value in vars(part).values()):
            return False
    return False


def _is_own(step):
    """Whether a step is of the user's own."""
    return not is_of_the_package(type(step))


def _check_sampling(step):
    """Raises ConfigError for a step whose clips are no windows of neighbouring frames."""
    if getattr(step.get('type'), '__name__', step.get('type')) == 'UniformSample':
        raise ConfigError(
            'UniformSample takes frames from all over a video, and windows of a stream are of '
            'neighbours: test videos by `i3dbox test`'
        )
    if step.get('target_fps'):
        raise ConfigError(
            "SampleFrames' target_fps is for data sets; frames that come one by one are taken at "
            '--fps N'
        )


def _each(steps, image, modality):
    for step in steps:
        results = dict(imgs=[image], num_clips=1, modality=modality, test_mode=True, rng=None)
        image = step(results)['imgs'][0]
    return image


def _size_of(steps):
    sized = [step for step in steps if isinstance(getattr(step, 'size', None), tuple)]
    crops = [step for step in sized if isinstance(step, SizedCrop)]
    return (crops or sized)[-1].size[::-1] if sized else None
