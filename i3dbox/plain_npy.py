"""Arrays in .npy files that others wrote."""

from __future__ import annotations

import os
import warnings

import numpy as np

from .errors import DataError, first_line

KINDS = 'buif'  # of dtypes: bools and numbers


def open_npy(path: str | os.PathLike) -> np.memmap:
    """Maps the array of a .npy file into memory; nothing is read yet.

    Raises:
        DataError: the file is absent or damaged, shorter than its header says, an archive, or holds
            other things than numbers.
    """
    try:
        with open(path, 'rb') as file:
            if file.read(6) != b'\x93NUMPY':
                raise ValueError('it does not begin as one')
        with warnings.catch_warnings():  # NumPy's, of sizes that are too large to multiply
            warnings.simplefilter('ignore')
            array = np.load(path, mmap_mode='r', allow_pickle=False)
    except OSError as error:
        raise DataError(f'{path}: cannot be read: {error.strerror or error}') from error
    except Exception as error:  # NumPy reads the header as a program's text, which fails in any way
        raise DataError(f'{path}: is no array of NumPy: {first_line(error)}') from error
    if array.dtype.kind not in KINDS:
        raise DataError(f'{path}: holds {array.dtype}; expected numbers')
    return array
