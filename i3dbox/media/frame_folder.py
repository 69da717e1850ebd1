"""Reading frames that were extracted to a folder of images, RGB or optical flow."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np

from ..errors import DamagedSampleError
from .frame_names import (
    FIRST,
    KNOWN,
    FrameNames,
    check_template,
    known_names,
    likely_names,
    several_names,
)

_RGB = getattr(cv2, 'IMREAD_COLOR_RGB', None)  # since OpenCV 4.11


class EncodedFrames:
    """Frames that are stored as images, by number, with the interface of VideoReader.

    A subclass sets `path`, `name`, `modality`, `_length` and implements `_fetch`.
    """

    def __len__(self):
        return self._length

    def close(self) -> None:
        """Does nothing: there is nothing to close."""

    def read(self, frame_inds: Sequence[int]) -> list[np.ndarray]:
        """Reads frames.

        Args:
            frame_inds: 0 <= index < len(self), in any order, repeats allowed.

        Returns:
            uint8 arrays, H x W x 3 (RGB) or H x W x 2 (flow x, y), in the order of
            `frame_inds`. A repeated index gives the same array again, so frames are not to be
            written to.

        Raises:
            IndexError: an index outside the folder.
            DamagedSampleError: an image is missing, cannot be read or has another size than the
                rest.
        """
        frame_inds = np.asarray(frame_inds, dtype=np.int64).tolist()
        frames = {}
        shape = None
        for index, images in self.encoded(dict.fromkeys(frame_inds)):
            planes = []
            for where, data in images:
                planes.append(self._decode(where, data))
                shape = shape or planes[0].shape
                if planes[-1].shape != shape:
                    sizes = [
                        f'{width} x {height}' for height, width in (planes[-1].shape[:2], shape[:2])
                    ]
                    raise self._damaged(
                        where, f'this image is {sizes[0]}, others of the clip are {sizes[1]}'
                    )
            frames[index] = planes[0] if len(planes) == 1 else cv2.merge(planes)
        return [frames[index] for index in frame_inds]

    def encoded(self, frame_inds: Iterable[int]) -> Iterator[tuple[int, list[tuple[str, bytes]]]]:
        """Yields (index, [(where, data), ...]) for the frames' images as they are stored: one for
        RGB, for flow x and y. Raises IndexError, DamagedSampleError: see `read`.
        """
        frame_inds = list(frame_inds)
        if frame_inds and not 0 <= min(frame_inds) <= max(frame_inds) < self._length:
            raise IndexError(
                f'{self.path} has {self._length} frames; '
                f'asked for {min(frame_inds)} to {max(frame_inds)}'
            )
        for index, images in self._fetch(frame_inds):
            for where, data in images:
                # some versions of OpenCV fill up a truncated JPEG with grey
                if not data or data.startswith(b'\xff\xd8') and data.rfind(b'\xff\xd9') < 0:
                    raise self._damaged(
                        where, 'this image is truncated' if data else 'this image is empty'
                    )
            yield index, images

    def _fetch(self, frame_inds):
        """Yields (index, [(where, data), ...])."""
        raise NotImplementedError

    def _decode(self, where, data):
        buffer = np.frombuffer(data, np.uint8)
        if self.modality == 'Flow':
            image = cv2.imdecode(buffer, cv2.IMREAD_GRAYSCALE)
        else:
            image = cv2.imdecode(buffer, cv2.IMREAD_COLOR if _RGB is None else _RGB)
        if image is None:
            raise self._damaged(where, 'this is no image that OpenCV can read')
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if image.ndim == 3 and _RGB is None else image

    def _damaged(self, path, reason):
        return DamagedSampleError(self.name, path, reason)


class FrameFolder(EncodedFrames):
    """The frames of one folder.

    A flow frame is a pair of 8-bit grey images, x and y.

    Args:
        path: the folder.
        modality: 'RGB' or 'Flow'.
        filename_tmpl: a format string for the images' names. RGB: of the number, as in
            mmaction's 'img_{:05}.jpg'. Flow: of 'x' or 'y' and the number, in this order, as in
            mmaction's 'flow_{}_{:05}.jpg' or the original's 'image_{1:05d}{0}.jpg'. Default: what
            the images in the folder are called.
        start_index: number of the first image; default: 0 or 1, whichever is there.
        total_frames: how many there are; default: what the file `n_frames` in the folder
            says, or else the images are counted. A count of RGB frames may stand for flow, which
            has one fewer.
        name: the sample's, for errors; default: the folder's.
        recount: count the images, whatever `n_frames` says.
        offset: images at the start that are left out.

    Raises:
        ConfigError: a modality or template that names no images.
        DamagedSampleError: from here and from `read`, for an image that is missing or cannot be
            read, or for images of several names.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        modality: str = 'RGB',
        filename_tmpl: str | None = None,
        start_index: int | None = None,
        total_frames: int | None = None,
        name: str | None = None,
        recount: bool = False,
        offset: int = 0,
    ):
        self.path = os.fspath(path)
        self.name = name or os.path.basename(os.path.normpath(self.path))
        self.modality = modality
        check_template(modality, filename_tmpl)
        if not os.path.isdir(self.path):
            raise self._damaged(self.path, 'there is no such folder of frames')
        names = self._look(filename_tmpl, start_index)
        self.names = names._replace(start_index=names.start_index + offset)
        stated = total_frames or (None if recount else self._n_frames())
        self._length = self._check_last(stated) if stated else self._count()

    def _fetch(self, frame_inds):
        for index in frame_inds:
            yield index, [(path, self._read_file(path)) for path in self._files(index)]

    def _look(self, template, start):
        """Returns the FrameNames of the folder, of which two parts are given or None."""
        if template and start is not None:
            return FrameNames(self.modality, template, start)
        found = known_names(self.modality, _Entries(self.path), template, start)
        if found or template:
            return found or FrameNames(self.modality, template, 1)
        likely = likely_names(self.modality, os.listdir(self.path))
        if not likely:
            return FrameNames(self.modality, KNOWN[self.modality][0], 1 if start is None else start)
        if len(likely) > 1:
            said = several_names(self.modality, likely)
            raise self._damaged(self.path, f'{said}; filename_tmpl says which')
        first = likely[0].start_index
        if first not in (FIRST if start is None else (start,)):
            raise self._damaged(
                os.path.join(self.path, likely[0].of(0)[0]),
                f'this is the first image there is; if that is right, start_index={first} says so',
            )
        return likely[0]

    def _files(self, index):
        return [os.path.join(self.path, name) for name in self.names.of(index)]

    def _read_file(self, path):
        try:
            with open(path, 'rb') as file:  # cv2.imread cannot open every name on every system
                return file.read()
        except FileNotFoundError:
            raise self._damaged(path, 'this frame is missing') from None
        except OSError as error:
            raise self._damaged(path, f'cannot be opened: {error.strerror}') from error

    def _n_frames(self):
        path = os.path.join(self.path, 'n_frames')
        try:
            with open(path, encoding='utf-8') as file:
                text = file.read().strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise self._damaged(path, f'cannot be read: {error}') from error
        if not text.isdecimal() or len(text) > 9 or int(text) == 0:
            raise self._damaged(path, f'expected the number of frames; it says {text[:40]!r}')
        return int(text)

    def _check_last(self, stated):
        lengths = (stated, stated - 1) if self.modality == 'Flow' and stated > 1 else (stated,)
        for length in lengths:
            if all(map(os.path.exists, self._files(length - 1))):
                return length
        raise self._damaged(
            self._files(lengths[-1] - 1)[0],
            f'this frame is missing: the folder should hold {stated} frames',
        )

    def _count(self):
        there = set(os.listdir(self.path))
        length = 0
        while there.issuperset(self.names.of(length)):
            length += 1
        # A gap is looked across as far as there are files.
        rest = range(length, length + len(there) + 1)
        if any(not there.isdisjoint(self.names.of(index)) for index in rest):
            missing = next(name for name in self.names.of(length) if name not in there)
            raise self._damaged(
                os.path.join(self.path, missing),
                'this frame is missing, though others beside or behind it are there',
            )
        if length == 0:
            raise self._damaged(
                self.path, f'the folder holds no frames; expected {self.names.of(0)[0]} ...'
            )
        return length


class _Entries:
    """What is in a folder, asked for one by one."""

    def __init__(self, path):
        self.path = path

    def __contains__(self, name):
        return os.path.exists(os.path.join(self.path, name))
