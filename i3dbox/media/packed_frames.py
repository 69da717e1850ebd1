"""Reading frames out of MindRecord shards, which tools/data/pack.py writes.

A record is a run of frames of one video. Its fields: `name`, the video's; `start`, the number of
its first frame, from 0; `frames`, how many; `last`, 1 in a video's last record; and `images`,
bytes: the number of images (one per frame, or for flow two, x and y) and the size of each as
little-endian uint32, then the images. All but the last are index fields, so that the SQLite file
beside the shard tells where everything is.

The shards are read without MindSpore, at any place and by any number of threads and processes. The
layout is MindRecord's version 3.0: 8 bytes with the length of a header in JSON, the header, and
pages of one size; a record's bytes start with their number in 8 bytes.
"""

from __future__ import annotations

import glob
import os
import pathlib
import sqlite3
from typing import NamedTuple

import numpy as np

from ..errors import DataError
from ..plain_json import COUNT, check_form, parse_json
from .folder_index import fold
from .frame_folder import EncodedFrames

_TURNS = 2000  # of a million steps of SQLite; 100,000 videos take a few
_HEADER = dict(schema=[dict(desc=str)], header_size=COUNT, page_size=COUNT)


class Record(NamedTuple):
    """Where a run of frames is: the shard's path, offset and size in bytes; and which frames of the
    video.
    """

    path: str
    offset: int
    size: int
    start: int
    frames: int
    last: int


class PackIndex:
    """Finds videos in a folder of shards by their names, as folder_index.FolderIndex does.

    Args:
        root: the folder.
        modality: what its frames must be.

    Raises:
        DataError: `root` holds no shards, or shards that cannot be read or of another modality.
    """

    def __init__(self, root: str, modality: str):
        self.root = root
        shards = sorted(glob.glob(os.path.join(glob.escape(root), '*.mindrecord')))
        if not shards:
            raise DataError(
                f'{root}: holds no MindRecord shards; expected what tools/data/pack.py writes'
            )
        self._videos = {}
        for shard in shards:
            for name, record in _records(shard, modality):
                self._videos.setdefault(name, []).append(record)
        self._videos = {
            name: sorted(records, key=lambda record: record.start)
            for name, records in self._videos.items()
            if any(record.last for record in records)
        }
        self._spellings = {fold(name): name for name in self._videos}
        self._folders = {fold(name.rpartition('/')[0]) for name in self._videos}

    def find(self, path: str) -> list[Record] | None:
        """Returns the Records of the video `path`, in order, or None. Case and Unicode form do not
        count.
        """
        return self._videos.get(path) or self._videos.get(self._spellings.get(fold(path)))

    def find_folder(self, path: str) -> str | None:
        """Returns whether videos of the folder `path` are there, as `path` or None."""
        return path if fold(path) in self._folders else None


class PackedFrames(EncodedFrames):
    """The frames of one video in shards.

    Args:
        records: from PackIndex.
        modality: 'RGB' or 'Flow'.
        name: the sample's, for errors.

    Raises:
        DamagedSampleError: from here and from `read`, for records that are missing or cannot be
            read.
    """

    def __init__(self, records: list[Record], modality: str, name: str):
        self.records = records
        self.modality = modality
        self.name = name
        self.path = records[0].path
        self._length = 0
        for record in records:
            if record.start != self._length:
                raise self._damaged(record.path, f'frame {self._length} of {name!r} is missing')
            self._length += record.frames

    def _fetch(self, frame_inds):
        for record in self.records:
            inside = [index for index in frame_inds if 0 <= index - record.start < record.frames]
            if inside:
                yield from self._fetch_from(record, inside)

    def _fetch_from(self, record, frame_inds):
        """Reads the table of sizes, and then all from the first to the last of the frames at
        once.
        """
        planes = 1 if self.modality == 'RGB' else 2
        table = 4 * (1 + planes * record.frames)
        try:
            with open(record.path, 'rb') as file:
                file.seek(record.offset)
                head = file.read(8 + table)
                sizes = np.frombuffer(head, '<u4', offset=8) if len(head) == 8 + table else [0]
                size = int.from_bytes(head[:8], 'little')
                if sizes[0] != planes * record.frames or size != record.size:
                    raise self._damaged(
                        record.path, f'no frames of {self.name!r} where its index file says'
                    )
                ends = np.cumsum(sizes[1:], dtype=np.int64)
                starts = ends - sizes[1:]
                first = (min(frame_inds) - record.start) * planes
                last = (max(frame_inds) - record.start) * planes + planes - 1
                file.seek(record.offset + 8 + table + starts[first])
                data = file.read(int(ends[last] - starts[first]))
        except OSError as error:
            raise self._damaged(record.path, f'cannot be read: {error.strerror}') from error
        for index in frame_inds:
            where = f'{record.path}, frame {index} of {self.name!r}'
            begin = (index - record.start) * planes
            images = [
                (where, data[starts[k] - starts[first] : ends[k] - starts[first]])
                for k in range(begin, begin + planes)
            ]
            yield index, images


def _check_row(row, whole):
    """Raises ValueError for a row of an index file that speaks of more than the shard holds."""
    name, *numbers = row
    if not isinstance(name, str):
        raise ValueError(f'its index names a video {name!r}')
    # an image has more than four bytes, and its size takes four more
    if not all(type(number) is int and 0 <= number <= whole for number in numbers):
        raise ValueError(f'its index says what it cannot hold of {name!r}')
    first, frames, last, page_id, offset, end = numbers
    if 8 * frames > end - offset:
        raise ValueError(f'its index says that {frames} frames of {name!r} are in {end - offset} B')


def _records(shard, modality):
    """Yields (name, Record) of a shard."""
    try:
        whole = os.path.getsize(shard)
        with open(shard, 'rb') as file:
            length = int.from_bytes(file.read(8), 'little')
            header = parse_json(file.read(min(length, whole)).decode('utf-8'))
        check_form(header, _HEADER, 'its header')
        description = header['schema'][0]['desc']
        start = header['header_size']
        page = header['page_size']
        database = pathlib.Path(f'{shard}.db').absolute()
        # immutable: no locks, which network storage may not have
        connection = sqlite3.connect(f'{database.as_uri()}?mode=ro&immutable=1', uri=True)
        # a table of as many rows as it has: no view that goes on for ever
        turns = iter(range(_TURNS))
        connection.set_progress_handler(lambda: next(turns, None) is None, 1_000_000)
        try:
            kind = connection.execute(
                "SELECT type FROM sqlite_master WHERE name = 'INDEXES'"
            ).fetchone()
            if kind != ('table',):
                raise ValueError('its index is no table')
            rows = connection.execute(
                'SELECT name_0, start_0, frames_0, last_0, PAGE_ID_BLOB, PAGE_OFFSET_BLOB, '
                'PAGE_OFFSET_BLOB_END FROM INDEXES ORDER BY ROW_ID'
            ).fetchall()
        finally:
            connection.close()
        for row in rows:
            _check_row(row, whole)
    except (OSError, ValueError, IndexError, sqlite3.Error) as error:
        raise DataError(
            f'{shard}: cannot be read as a shard of tools/data/pack.py '
            f'({type(error).__name__}: {error})'
        ) from error
    if description != modality:
        raise DataError(f'{shard}: holds {description} frames; {modality} is wanted')
    for name, first, frames, last, page_id, offset, end in rows:
        begin = start + page_id * page + offset
        yield name, Record(shard, begin, end - offset - 8, first, frames, last)
