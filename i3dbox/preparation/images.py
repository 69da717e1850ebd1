"""From a video or a folder of frames to encoded images, one frame at a time: memory does not grow
with length.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..datasets.pipelines.spatial import Resize
from ..errors import DamagedSampleError
from ..flow.encoding import encode
from ..media.frame_iterator import at_rate
from ..media.video_reader import VideoReader
from ..registry import FLOW_METHODS, as_cfg

if TYPE_CHECKING:
    from .sources import Source


def rgb_images(
    source: Source,
    threads: int,
    *,
    short_side: int = 256,
    fps: float | None = None,
    quality: int = 95,
) -> Iterator[list[bytes]]:
    """Yields each frame as a list of one JPEG.

    Args:
        source: a video or a folder of RGB frames.
        threads: how many encode.
        short_side: of the images, in pixels; 0 keeps their size.
        fps: frames a second; default: all frames. By it a video's frames are repeated or left out.
        quality: of the JPEGs, 1 to 100.

    Raises:
        DamagedSampleError: (while iterating) a frame that cannot be read.
    """
    return _ordered(
        lambda frame: [_jpeg(frame, quality)], bgr_frames(source, short_side, fps), threads
    )


def flow_images(
    source: Source,
    threads: int,
    *,
    method: dict | str,
    bound: float = 20,
    short_side: int = 256,
    fps: float | None = None,
    quality: int = 95,
) -> Iterator[list[bytes]]:
    """Yields the flow from each frame to the next as a list of two JPEGs, x and y: one less than
    frames.

    Args:
        method: of FLOW_METHODS.
        bound: see flow.encoding.encode.
        source, threads, short_side, fps, quality: as in `rgb_images`. Flow is taken after the
            resize.

    Raises:
        DamagedSampleError: (while iterating) a frame that cannot be read, or a single frame.
    """
    compute = FLOW_METHODS.build(as_cfg(method))

    def make(pair):
        flow = encode(compute(*pair), bound)
        return [_jpeg(flow[..., axis], quality) for axis in (0, 1)]

    grey = (
        cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in bgr_frames(source, short_side, fps)
    )
    images = None
    for images in _ordered(make, _pairs(grey), threads):
        yield images
    if images is None:
        raise DamagedSampleError(source.name, source.path, 'a single frame has no flow')


IMAGES = {'RGB': rgb_images, 'Flow': flow_images}


def stored_images(source: Source) -> Iterator[list[bytes]]:
    """Yields each frame of a folder as a list of its images' bytes, as they are. Raises
    DamagedSampleError.
    """
    reader = source.open_folder()
    for _, images in reader.encoded(range(len(reader))):
        yield [data for _, data in images]


def bgr_frames(
    source: Source, short_side: int = 0, fps: float | None = None
) -> Iterator[np.ndarray]:
    """Yields the frames of a Source, uint8 H x W x 3, in the order of channels that OpenCV encodes.

    Arguments: as in `rgb_images`. With `fps`, times are those of the video's frames.
    """
    resize = Resize(short_side=short_side) if short_side else None
    with contextlib.closing(_open(source)) as reader:
        frames = reader if source.modality is None else _in_order(reader)
        if fps:
            rate = getattr(reader, 'fps', 0)
            if not rate > 0:
                reason = 'it has no frame rate that fps could be made of'
                raise DamagedSampleError(source.name, source.path, reason)
            frames = at_rate(frames, fps, last=1 / rate)
        shown = frame = None
        for _, image in frames:
            if image is not shown:
                shown = image
                frame = image()
                if resize:
                    frame = resize(dict(imgs=[frame]))['imgs'][0]
            yield frame


def _open(source):
    if source.modality is None:
        return VideoReader(source.path, source.name, bgr=True)
    return source.open_folder()


def _in_order(folder):
    """Yields what a VideoReader yields, of a folder of RGB frames, which knows no times."""
    first = None
    for number in range(len(folder)):
        (image,) = folder.read([number])
        first = image.shape if first is None else first
        if image.shape != first:
            sizes = [f'{width} x {height}' for height, width, _ in (image.shape, first)]
            reason = f'the size changes: frame {number + 1} is {sizes[0]}, others are {sizes[1]}'
            raise DamagedSampleError(folder.name, folder.path, reason)
        yield None, functools.partial(cv2.cvtColor, image, cv2.COLOR_RGB2BGR)


def _pairs(items):
    items = iter(items)
    for first in items:
        for second in items:
            yield first, second
            first = second


def _ordered(function, items, threads):
    """Yields what `map` does, by several threads, a few items ahead."""
    if threads < 2:
        yield from map(function, items)
        return
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        ahead = collections.deque()
        for item in items:
            ahead.append(pool.submit(function, item))
            if len(ahead) > 2 * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _jpeg(image, quality):
    return cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
