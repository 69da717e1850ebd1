"""MindRecord shards out of videos or folders of frames; media.packed_frames describes and reads
them.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import shutil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import DamagedSampleError, DataError, I3DBoxError, first_line
from ..fileio import atomic_write, make_public, scratch_folder
from .extraction import keep_settings
from .images import IMAGES, stored_images
from .jobs import Failure, run_jobs
from .pools import reason_of
from .sources import shard as part_of

if TYPE_CHECKING:
    from .pools import Pool
    from .sources import Source

SETTINGS = 'pack.json'
RECORD_SIZE = 8 << 20  # a record ends after the frame that reaches this many bytes
PAGE_SIZE = 16 << 20  # the most that a record may have
HEADER_SIZE = 1 << 20


class Shard(NamedTuple):
    """A part of a pack: its name, the path of its file, and the Sources that it holds."""

    name: str
    path: str
    sources: tuple[Source, ...]


class Packing(NamedTuple):
    """What `pack` did: numbers of shards made and present, of frames, and the failures (list of
    jobs.Failure).
    """

    made: int
    present: int
    frames: int
    failures: list[Failure]


def pack(
    modality: str,
    sources: list[Source],
    out: str,
    workers: int | Pool,
    videos_per_shard: int = 128,
    part: tuple[int, int] = (1, 1),
    **settings,
) -> Packing:
    """Writes sources into MindRecord shards in the folder `out`.

    The images of folders of frames are taken as they are. A shard appears when it is whole; those
    that are there are left, unless a video in them had failed.

    Args:
        modality: 'RGB' or 'Flow'.
        sources: all that the pack is to hold.
        out: the folder.
        workers: see jobs.run_jobs.
        videos_per_shard: how many videos share a file.
        part: which shards to make, see sources.shard.
        **settings: for videos, of images.rgb_images or images.flow_images.

    Returns:
        Packing.

    Raises:
        DataError: `out` was begun with other settings or sources; the disk is full.
    """
    names = '\n'.join(source.name for source in sources).encode('utf-8', 'surrogateescape')
    keep_settings(
        out,
        dict(
            modality=modality,
            videos=len(sources),
            names=hashlib.sha256(names).hexdigest()[:16],
            videos_per_shard=videos_per_shard,
            **settings,
        ),
        SETTINGS,
    )
    groups = [sources[i : i + videos_per_shard] for i in range(0, len(sources), videos_per_shard)]
    shards = [
        Shard(f'{modality.lower()}-{number:05d}-of-{len(groups):05d}', '', tuple(group))
        for number, group in enumerate(groups, 1)
    ]
    shards = part_of(
        [shard._replace(path=os.path.join(out, f'{shard.name}.mindrecord')) for shard in shards],
        part,
    )
    missing = [
        shard
        for shard in shards
        if not os.path.exists(shard.path) or os.path.exists(_failed(shard))
    ]
    work = functools.partial(_pack, modality, settings)
    done = run_jobs(work, missing, workers, 'packing', 'shard', out)
    failures = done.failures + [failure for failed in done.results.values() for failure in failed]
    return Packing(len(done.results), len(shards) - len(missing), done.frames, failures)


def _pack(modality, settings, shard, threads):
    """Writes one shard; returns (number of frames, list of Failure)."""
    from mindspore.mindrecord import FileWriter  # takes seconds to import

    frames = 0
    failures = []
    folder, file = os.path.split(shard.path)
    with scratch_folder(shard.path) as temporary:
        if os.path.exists(shard.path) and not os.path.exists(_failed(shard)):
            return 0, []  # another process was quicker
        writer = FileWriter(os.path.join(temporary, file))  # the file's name is written into it
        writer.set_header_size(HEADER_SIZE)
        writer.set_page_size(PAGE_SIZE)
        integer = dict(type='int32')
        writer.add_schema(
            dict(
                name=dict(type='string'),
                start=integer,
                frames=integer,
                last=integer,
                images=dict(type='bytes'),
            ),
            modality,
        )
        writer.add_index(['name', 'start', 'frames', 'last'])
        for source in shard.sources:
            try:
                source.name.encode()
                for record in _records(source.name, _images(modality, source, threads, settings)):
                    with _told_of_a_full_disk(shard.path):
                        writer.write_raw_data([record])
                    frames += record['frames']
            except DamagedSampleError as error:
                failures.append(Failure(source.name, source.path, reason_of(error, source)))
            except UnicodeEncodeError:
                failures.append(
                    Failure(
                        source.name,
                        source.path,
                        'its name is no UTF-8, as names in MindRecord must be',
                    )
                )
        if frames == 0:
            raise DataError(
                f'none of its {len(shard.sources)} videos can be read; {failures[0].path}: '
                f'{failures[0].reason}'
            )
        with _told_of_a_full_disk(shard.path):
            writer.commit()
        with contextlib.suppress(FileNotFoundError):
            # what was there before goes first, so that both files are always of one make
            os.remove(shard.path)
        if failures:
            atomic_write(
                _failed(shard), json.dumps([failure.name for failure in failures], indent=1) + '\n'
            )
        for name in (f'{file}.db', file):
            make_public(os.path.join(temporary, name))
            os.replace(os.path.join(temporary, name), os.path.join(folder, name))
        if not failures:
            with contextlib.suppress(FileNotFoundError):
                os.remove(_failed(shard))
    return frames, failures


@contextlib.contextmanager
def _told_of_a_full_disk(path):
    """Makes MindRecord's error of a disk that is full the system's, which says so."""
    try:
        yield
    except RuntimeError as error:
        if shutil.disk_usage(os.path.dirname(path)).free < PAGE_SIZE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path) from error
        raise


def _images(modality, source, threads, settings):
    """Yields a source's images; whatever a damaged file makes OpenCV raise is its own damage, not
    the shard's.
    """
    try:
        yield from (
            stored_images(source)
            if source.modality
            else IMAGES[modality](source, threads, **settings)
        )
    except (I3DBoxError, OSError):
        raise
    except Exception as error:
        raise DamagedSampleError(
            source.name, source.path, f'{type(error).__name__}: {first_line(error)}'
        ) from error


def _records(name, images_of_frames):
    """Yields records out of frames' images. Only the last one of a video says `last`, so that
    readers can tell a video that failed half-way.
    """
    images = []
    start = 0
    frames = 0
    for frame in images_of_frames:
        if sum(map(len, images)) >= RECORD_SIZE:
            yield _record(name, start, frames, images, last=0)
            images = []
            start += frames
            frames = 0
        images += frame
        frames += 1
    yield _record(name, start, frames, images, last=1)


def _record(name, start, frames, images, last):
    table = np.array([len(images), *map(len, images)], '<u4').tobytes()
    return dict(name=name, start=start, frames=frames, last=last, images=b''.join([table, *images]))


def _failed(shard):
    """Returns the file that says which videos of a shard failed."""
    return f'{os.path.splitext(shard.path)[0]}.failed.json'
