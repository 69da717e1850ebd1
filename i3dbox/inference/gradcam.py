"""Where a network looks in a video for a class: Grad-CAM, window by window."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError, spelling_hint
from ..media.frame_iterator import FrameIterator
from .clip_windows import MAX_WHOLE
from .recognize import Total, bar, check_recognizer, recognize_windows

if TYPE_CHECKING:
    from ..models.gradcam import GradCam
    from .clip_windows import Window
    from .engines.stream_network import EndpointNetwork
    from .recognizer import VideoRecognizer

MOST_BYTES = 1 << 30  # of clips; with frames and maps it comes to twice that
_KEPT = weakref.WeakKeyDictionary()  # by recognizer and endpoint: what _parts returns


@dataclasses.dataclass(eq=False)
class StreamHeat:
    """What one stream saw, and where it looked.

    Attributes:
        heat (array): float32 F x H x W, from 0 to 1, the largest of the video; all 0 where nothing
            speaks for the class.
        frames (array): uint8 F x H x W x C as the network sees them: RGB, or 8-bit flow to the next
            frame. Several crops of a frame stand side by side.
    """

    heat: np.ndarray
    frames: np.ndarray


@dataclasses.dataclass(eq=False)
class VideoHeat:
    """Where a network looked in a video for a class.

    Attributes:
        name (str): of the class. label (int): its number.
        score (float): its logit for the video, the mean over the windows; of both streams the
            weighted sum. probability (float): of the softmax.
        streams (dict of StreamHeat): by 'rgb' and 'flow'.
        times (list of float): of the F frames, in seconds. fps (float): 0 where unknown.
        endpoint (str). bound (float): of the flow's 8-bit encoding.
        damage (str): what is wrong with the file, '' for nothing.
    """

    name: str
    label: int
    score: float
    probability: float
    streams: dict[str, StreamHeat]
    times: list
    fps: float
    endpoint: str
    bound: float
    damage: str = ''


def find_heat(
    recognizer: VideoRecognizer,
    source: Any,
    class_name: str | int | None = None,
    endpoint: str | None = None,
    progress: bool = False,
) -> VideoHeat:
    """Finds where a network looks in a video for a class.

    The windows are those that `demo` scores: as many frames as the network is for, half of that
    from one to the next. A frame has the mean of the maps of its windows. The clips of the video
    are held in memory, up to MAX_WHOLE frames.

    Args:
        recognizer: of init_recognizer.
        source: a file that FFmpeg reads, frames, or a FrameIterator.
        class_name: a class's name or number; default: the surest of the whole video.
        endpoint: a layer of the backbone; default: its last with places, of I3D Mixed_5c.
        progress: show a bar, on a terminal.

    Raises: ConfigError for an exported file, and an endpoint or class that the model lacks, before
        a frame is read; DamagedSampleError for a video that cannot be read.
    """
    check_recognizer(recognizer)
    endpoint = endpoint or _last_layer(recognizer)
    parts = _parts(recognizer, endpoint)
    label = None if class_name is None else label_of(class_name, recognizer.classes)
    frames = source if isinstance(source, FrameIterator) else FrameIterator(source)
    times, windows, answer = _answer(recognizer, frames, progress)
    label = answer.top(1)[0].label if label is None else label
    return VideoHeat(
        recognizer.classes[label],
        label,
        float(answer.scores[label]),
        float(answer.probabilities[label]),
        {name: _heat_of(name, windows, len(times), *both, label) for name, both in parts.items()},
        times,
        frames.fps,
        endpoint,
        recognizer.bound,
        frames.damage,
    )


def _last_layer(recognizer):
    backbone = next(iter(recognizer.cells.values())).backbone
    layers = [*backbone.name_cells()]
    return getattr(backbone, 'last_map', layers[-1] if layers else '')


def _parts(recognizer, endpoint):
    """Returns of each stream the network up to the endpoint and the GradCam behind it, which are
    kept: another class or video needs no compilation.
    """
    cells = recognizer.cells  # of an exported file this is an error
    from ..models.gradcam import GradCam

    kept = _KEPT.setdefault(recognizer, {})
    if endpoint not in kept:
        cams = {name: GradCam(cell, endpoint) for name, cell in cells.items()}
        streams = recognizer.streams
        kept[endpoint] = {name: (streams[name].upto(endpoint, 'none'), cams[name]) for name in cams}
    return kept[endpoint]


def label_of(wanted: str | int, classes: list[str]) -> int:
    """Returns the number of a class that is named by its name or number. Raises ConfigError where
    there is none.
    """
    if wanted in classes:
        return classes.index(wanted)
    try:
        number = int(wanted)
    except (TypeError, ValueError):
        raise ConfigError(
            f'the model has no class {wanted!r}.{spelling_hint(wanted, classes)} It has '
            f'{_some(classes)}; a number from 0 to {len(classes) - 1} will do, too'
        ) from None
    if not 0 <= number < len(classes):
        raise ConfigError(f'a class is a number from 0 to {len(classes) - 1}; got {number}')
    return number


def _some(classes, most=8):
    more = f' and {len(classes) - most} more' if len(classes) > most else ''
    return f'{", ".join(classes[:most])}{more}'


def _answer(recognizer, frames, progress):
    """Returns the times of the frames, the Windows, and the Prediction to all of them."""
    times, windows = [], []
    total = Total(recognizer, frames.name)
    with bar(frames, progress) as shown:

        def watch(time, frame):
            if len(times) == MAX_WHOLE:
                raise ConfigError(
                    f'{frames.path} has more than {MAX_WHOLE} frames, whose maps are held in '
                    'memory: cut the video'
                )
            times.append(time)
            shown.update()

        held = 0
        for window, answer in recognize_windows(recognizer, frames, watch=watch):
            held += sum(clip.nbytes for clip in (window.rgb, window.flow) if clip is not None)
            if held > MOST_BYTES:
                raise ConfigError(
                    f'{frames.path}: its clips take more than {MOST_BYTES >> 20} MB, and are held '
                    'in memory: cut the video, or take smaller or fewer crops'
                )
            windows.append(window)
            total.add(answer)
    return times, windows, total.answer


def _heat_of(
    name: str,
    windows: list[Window],
    total: int,
    network: EndpointNetwork,
    cam: GradCam,
    label: int,
) -> StreamHeat:
    """Returns the StreamHeat of `total` frames."""
    heat = frames = None
    counts = np.zeros(total, np.int32)
    for window in windows:
        clip, places = getattr(window, name), window.places[name]
        if clip.shape[1] != len(places):
            raise ConfigError(
                f'a step of the test pipeline makes {clip.shape[1]} images of {len(places)}: where '
                'they stand in the video is not known'
            )
        maps = [resized(found, clip.shape[1:4]) for found in maps_of(clip, network, cam, label)]
        if heat is None:
            side = clip.shape[2], clip.shape[0] * clip.shape[3]
            heat = np.zeros((total, *side), np.float32)
            frames = np.zeros((total, *side, clip.shape[4]), np.uint8)
        np.add.at(heat, places, np.concatenate(maps, axis=2))
        np.add.at(counts, places, 1)
        frames[places] = np.concatenate(list(clip), axis=2)
    # frames that no clip holds are as the one before: those that a frame_interval leaves out, and
    # the last one, of flow
    heat /= np.maximum(counts, 1)[:, None, None]
    known = np.flatnonzero(counts)
    if len(known) < total:
        before = known[np.maximum(np.searchsorted(known, np.arange(total), 'right') - 1, 0)]
        heat, frames = heat[before], frames[before]
    largest = heat.max()
    if largest > 0:
        heat /= largest
    return StreamHeat(heat, frames)


def maps_of(
    clip: np.ndarray, network: EndpointNetwork, cam: GradCam, label: int
) -> Iterator[np.ndarray]:
    """Yields the map of each crop, uint8 N x T x H x W x C -> float32 t x h x w each."""
    from mindspore import Tensor
    from mindspore import dtype as mstype

    for crop in clip:
        maps = np.ascontiguousarray(network(crop[None]), np.float32)
        yield cam(Tensor(maps), Tensor(label, mstype.int32))[0].asnumpy()


def resized(maps: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Interpolates linearly between the middles of cells (PyTorch's 'trilinear', align_corners
    False), float32 t x h x w -> T x H x W.
    """
    for axis, size in enumerate(shape):
        old = maps.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
        left = np.minimum(at.astype(int), max(old - 2, 0))
        share = np.zeros((size, old), np.float32)
        share[np.arange(size), left] = 1 - (at - left)
        share[np.arange(size), np.minimum(left + 1, old - 1)] += at - left
        maps = np.moveaxis(np.tensordot(share, maps, (1, axis)), 0, axis)
    return maps
