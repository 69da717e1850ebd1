"""TensorFlow's checkpoints without TensorFlow.

V2: NAME.index, a table of names, shapes and places, and NAME.data-00000-of-00001, ..., the values.
V1: one file, a table whose values hold the tensors. Tables are LevelDB's:
https://github.com/google/leveldb/blob/main/doc/table_format.md; the messages in them are
tensorflow/core/protobuf/tensor_bundle.proto and tensorflow/core/util/saved_tensor_slice.proto.
"""

from __future__ import annotations

import contextlib
import glob
import math
import os
import struct
from typing import NamedTuple

import google_crc32c
import numpy as np

from ..errors import CheckpointError
from .protobuf import Message, read_varint

TABLE_MAGIC = 0xDB4775248B80FB57
_DTYPES = {
    1: '<f4',
    2: '<f8',
    3: '<i4',
    4: '<u1',
    5: '<i2',
    6: '<i1',
    9: '<i8',
    10: '?',
    14: '<u2',
    19: '<f2',
}
_FLOAT = 1
_BFLOAT16 = 14


class Tensor(NamedTuple):
    """Where a V2 checkpoint keeps a tensor: type (a number of DataType), shape, and its place and
    checksum.
    """

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int


def read_tensorflow(path: str) -> dict[str, np.ndarray]:
    """Reads the floating-point tensors of a checkpoint.

    Args:
        path: V2: NAME, NAME.index or a data file; V1: the file.

    Returns:
        float32 arrays by name.

    Raises:
        CheckpointError: files are missing or damaged; every checksum is verified.
    """
    prefix = path[: -len('.index')] if path.endswith('.index') else path.split('.data-')[0]
    if not os.path.exists(f'{prefix}.index'):
        if not os.path.isfile(path) or path != prefix:
            raise CheckpointError(
                f'{prefix}.index: there is no such file; a TensorFlow checkpoint is NAME.index and '
                'NAME.data-00000-of-00001'
            )
        with _named(path):
            return _read_v1(path)
    tensors = read_index(f'{prefix}.index')
    shards = {}
    arrays = {}
    for name, tensor in tensors.items():
        if np.dtype(_DTYPES.get(tensor.dtype, '<i8')).kind != 'f' and tensor.dtype != _BFLOAT16:
            continue  # such as global_step
        if tensor.shard not in shards:
            shards[tensor.shard] = _find_shard(prefix, tensor.shard)
        with _named(shards[tensor.shard]):
            arrays[name] = _read_tensor(shards[tensor.shard], name, tensor)
    return arrays


def read_index(path: str) -> dict[str, Tensor]:
    """Reads NAME.index: what it says of each tensor, in order. Raises CheckpointError."""
    tensors = {}
    with _named(path):
        for key, value in _read_table(path):
            entry = Message(value)
            if not key:  # the header: numbers of shards, byte order
                if entry.number(2):
                    raise ValueError('it was written by a big-endian machine')
                continue
            name = key.decode(errors='replace')
            if 7 in entry:
                raise ValueError(f'{name} is stored in slices, which are not read')
            shape = _shape(entry.message(2))
            tensors[name] = Tensor(
                entry.number(1), shape, *(entry.number(field) for field in (3, 4, 5, 6))
            )
        if not tensors:
            raise ValueError('it lists no tensors')
    return tensors


@contextlib.contextmanager
def _named(path):
    """Names the file of which a ValueError speaks."""
    try:
        yield
    except ValueError as error:
        raise CheckpointError(f'{path}: is damaged or not read: {error}') from error


def _find_shard(prefix, number):
    found = glob.glob(f'{glob.escape(prefix)}.data-{number:05d}-of-*')
    if len(found) != 1:
        raise CheckpointError(
            f'{prefix}.data-{number:05d}-of-...: {"there is no such file" if not found else "two"}'
        )
    return found[0]


def _read(path, offset=0, size=-1):
    try:
        with open(path, 'rb') as file:
            file.seek(offset)
            return file.read(size)
    except OSError as error:
        raise CheckpointError(f'{path}: cannot be read: {error.strerror}') from error


def _read_tensor(path, name, tensor):
    dtype = np.dtype(_DTYPES[tensor.dtype])
    if tensor.size != math.prod(tensor.shape) * dtype.itemsize:
        raise ValueError(f'{name} takes {tensor.size} bytes, which is not its shape {tensor.shape}')
    if tensor.offset + tensor.size > os.path.getsize(path):
        raise ValueError(f'it is truncated: {name} is not whole')
    data = _read(path, tensor.offset, tensor.size)
    if _masked_crc(data) != tensor.crc:
        raise ValueError(f'the checksum of {name} is wrong')
    return _as_float32(np.frombuffer(data, dtype), tensor.dtype).reshape(tensor.shape)


def _read_v1(path):
    arrays = {}
    for key, value in _read_table(path):
        # SavedTensorSlices.data; the entry of '' has only .meta
        saved = Message(value)
        if not key or 2 not in saved:
            continue
        saved = saved.message(2)
        name = saved.text(1, 'replace')
        content = saved.message(3)
        if any(2 in extent for extent in saved.message(2).messages(1)):
            raise ValueError(f'{name} is stored in slices, which are not read')
        if content.number(1, _FLOAT) != _FLOAT:
            continue
        data = content.data(4) or b''.join(
            struct.pack('<I', part & 0xFFFFFFFF) if isinstance(part, int) else part
            for part in content.get(5, [])
        )
        shape = _shape(content.message(2))
        if len(data) != 4 * math.prod(shape):
            raise ValueError(f'{name} has another size than its shape {shape}')
        arrays[name] = np.frombuffer(data, '<f4').reshape(shape)
    if not arrays:
        raise ValueError('it holds no tensors of TensorFlow')
    return arrays


def _as_float32(values, dtype):
    if dtype == _BFLOAT16:
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32, copy=False)


def _masked_crc(data):
    """Returns LevelDB's checksum: CRC-32C, rotated and shifted, so that one of data with checksums
    in it stays useful.
    """
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


# tables


def _read_table(path):
    """Yields (key, value), both bytes, of a LevelDB table."""
    data = _read(path)
    if len(data) < 48 or int.from_bytes(data[-8:], 'little') != TABLE_MAGIC:
        raise ValueError('it is truncated, or no TensorFlow checkpoint')
    footer = data[-48:]
    # past the metaindex's handle
    (_, _, offset, size), _ = _varints(footer, 0, 4)
    end = 0
    for _, handle in _block(data, offset, size):
        (offset, size), _ = _varints(handle, 0, 2)
        if offset < end:
            raise ValueError('its blocks overlap')
        end = offset + size
        yield from _block(data, offset, size)


def _block(data, offset, size):
    """Yields the entries of a block: keys share their beginnings with the one before."""
    if offset + size + 5 > len(data):
        raise ValueError('a block is not whole')
    kind = data[offset + size]
    crc = int.from_bytes(data[offset + size + 1 : offset + size + 5], 'little')
    if _masked_crc(data[offset : offset + size + 1]) != crc:
        raise ValueError('the checksum of a block is wrong')
    content = data[offset : offset + size]
    if kind == 1:
        content = _snappy(content)
    elif kind:
        raise ValueError(f'a block is compressed in an unknown way ({kind})')
    end = len(content) - 4 - 4 * int.from_bytes(content[-4:], 'little')
    key = b''
    position = 0
    while position < end:
        (shared, rest, length), position = _varints(content, position, 3)
        if shared > len(key) or position + rest + length > end:
            raise ValueError('an entry is not whole')
        key = key[:shared] + content[position : position + rest]
        yield key, content[position + rest : position + rest + length]
        position += rest + length


def _snappy(data):
    """Decompresses Snappy: https://github.com/google/snappy/blob/main/format_description.txt"""
    size, position = read_varint(data, 0)
    out = bytearray()
    try:
        while position < len(data):
            tag = data[position]
            position += 1
            length = tag >> 2
            kind = tag & 3
            if kind == 0:  # bytes as they are
                if length >= 60:
                    extra = length - 59
                    length = int.from_bytes(data[position : position + extra], 'little')
                    position += extra
                out += data[position : position + length + 1]
                position += length + 1
                continue
            if kind == 1:  # a copy of what came before
                length = 4 + (length & 7)
                back = tag >> 5 << 8 | data[position]
                position += 1
            else:
                extra = 2 if kind == 2 else 4
                length += 1
                back = int.from_bytes(data[position : position + extra], 'little')
                position += extra
            if not 0 < back <= len(out) or len(out) > size:
                raise IndexError
            for _ in range(length):  # it may overlap itself
                out.append(out[-back])
    except IndexError:
        raise ValueError('a compressed block cannot be read') from None
    if len(out) != size:
        raise ValueError('a compressed block has another size than stated')
    return bytes(out)


def _varints(data, position, count):
    """Returns that many numbers, and the position after them."""
    values = []
    for _ in range(count):
        value, position = read_varint(data, position)
        values.append(value)
    return values, position


def _shape(message):
    """Returns what a TensorShapeProto says."""
    return tuple(dim.number(1) for dim in message.messages(2))
