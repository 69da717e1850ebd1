"""Files of features that are written row by row, in the memory of one row, and appear when they are
whole.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator

import numpy as np

from ..argument_checks import one_of
from ..errors import ConfigError
from ..fileio import atomic_path

FORMATS = ('npy', 'npz', 'h5')
_HEADER = 256  # bytes; a multiple of 64, with room for six dimensions


def check_format(name: str) -> None:
    """Raises ConfigError for a format that there is not, or whose library is missing."""
    one_of('features', FORMATS, format=name)
    if name == 'h5':
        _h5py()


@contextlib.contextmanager
def feature_file(path: str) -> Iterator[Callable]:
    """Yields a function write(start, end, row) for the file `path`, which appears when the block
    ends.

    .npy holds the rows, float32 T x ...; .npz and .h5 hold them as `features` and, as `start` and
    `end` (float64 T), when each begins and ends in seconds. A block that writes no row, or fails,
    leaves no file.

    Raises: ConfigError: no row was written, or h5py is missing.
    """
    with atomic_path(path) as temporary:
        writer = {'.npy': _NpyWriter, '.npz': _NpzWriter, '.h5': _H5Writer}[
            os.path.splitext(path)[1]
        ](temporary)
        try:
            yield writer.write
            if not writer.times:
                raise ConfigError(f'{path}: there is nothing to write')
            writer.finish()
        finally:
            writer.file.close()


class _NpyWriter:
    """NumPy's format, version 1.0, whose header is written last, in the place that is kept for
    it.
    """

    def __init__(self, path):
        self.path = path
        self.times = []
        self.shape = None
        self.file = self.open()
        self.file.write(bytes(_HEADER))

    def open(self):
        return open(self.path, 'wb')

    def write(self, start, end, row):
        row = np.ascontiguousarray(row, '<f4')
        self.times.append((start, end))
        self.shape = row.shape
        self.file.write(row.data)

    def finish(self):
        text = repr(dict(descr='<f4', fortran_order=False, shape=(len(self.times), *self.shape)))
        header = b'\x93NUMPY\x01\x00' + (_HEADER - 10).to_bytes(2, 'little')
        self.file.seek(0)
        self.file.write(header + text.encode().ljust(_HEADER - len(header) - 1) + b'\n')


class _NpzWriter(_NpyWriter):
    """A zip of .npy files. The rows wait in a file of their own, as a member's size has to be
    known.
    """

    def open(self):
        return tempfile.TemporaryFile(dir=os.path.dirname(self.path))

    def finish(self):
        super().finish()
        self.file.seek(0)
        with zipfile.ZipFile(self.path, 'w') as archive:
            with archive.open('features.npy', 'w', force_zip64=True) as member:
                shutil.copyfileobj(self.file, member, 1 << 20)
            for name, values in _columns(self.times):
                content = io.BytesIO()
                np.save(content, values)
                archive.writestr(f'{name}.npy', content.getvalue())


class _H5Writer:
    """HDF5."""

    def __init__(self, path):
        # atomic_path holds the lock that HDF5 would take
        self.file = _h5py().File(path, 'w', locking=False)
        self.times = []
        self.rows = None

    def write(self, start, end, row):
        row = np.asarray(row, np.float32)
        if self.rows is None:
            self.rows = self.file.create_dataset(
                'features',
                (0, *row.shape),
                np.float32,
                maxshape=(None, *row.shape),
                chunks=(max((1 << 16) // row.size, 1), *row.shape),
            )
        self.rows.resize(len(self.times) + 1, 0)
        self.rows[-1] = row
        self.times.append((start, end))

    def finish(self):
        for name, values in _columns(self.times):
            self.file[name] = values


def _columns(times):
    return zip(('start', 'end'), np.array(times, np.float64).T)


def _h5py():
    try:
        import h5py
    except ImportError as error:
        raise ConfigError(
            'h5 files need h5py: pip install h5py, or take --format npz, which holds the same'
        ) from error
    return h5py
