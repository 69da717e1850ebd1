"""TensorFlow's checkpoints without TensorFlow.

V2: NAME.index, a table of names, shapes and places, and NAME.data-00000-of-00001, ..., the values.
V1: one file, a table whose values hold the tensors. Tables are LevelDB's:
https://github.com/google/leveldb/blob/main/doc/table_format.md; the messages in them are
tensorflow/core/protobuf/tensor_bundle.proto and tensorflow/core/util/saved_tensor_slice.proto.
"""

from __future__ import annotations

import glob
import os
import struct
from typing import NamedTuple

import google_crc32c
import numpy as np

from ..errors import CheckpointError

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
        return _read_v1(path)
    tensors = read_index(f'{prefix}.index')
    shards = {}
    arrays = {}
    for name, tensor in tensors.items():
        if np.dtype(_DTYPES.get(tensor.dtype, '<i8')).kind != 'f' and tensor.dtype != _BFLOAT16:
            continue  # such as global_step
        if tensor.shard not in shards:
            shards[tensor.shard] = _find_shard(prefix, tensor.shard)
        arrays[name] = _read_tensor(shards[tensor.shard], name, tensor)
    return arrays


def read_index(path: str) -> dict[str, Tensor]:
    """Reads NAME.index: what it says of each tensor, in order. Raises CheckpointError."""
    tensors = {}
    for key, value in _read_table(path):
        if not key:  # the header: numbers of shards, byte order
            if _one(_fields(value, path), 2, 0):
                raise CheckpointError(f'{path}: was written by a big-endian machine')
            continue
        fields = _fields(value, path)
        if 7 in fields:
            raise CheckpointError(
                f'{path}: {key.decode(errors="replace")} is stored in slices, which are not read'
            )
        tensors[key.decode(errors='replace')] = Tensor(
            _one(fields, 1, 0),
            _shape(_one(fields, 2, b''), path),
            *(_one(fields, number, 0) for number in (3, 4, 5, 6)),
        )
    if not tensors:
        raise CheckpointError(f'{path}: lists no tensors')
    return tensors


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
    if tensor.size != int(np.prod(tensor.shape, dtype=object)) * dtype.itemsize:
        raise CheckpointError(
            f'{path}: {name} takes {tensor.size} bytes, which is not its shape {tensor.shape}'
        )
    data = _read(path, tensor.offset, tensor.size)
    if len(data) != tensor.size:
        raise CheckpointError(f'{path}: is truncated: {name} is not whole')
    if _masked_crc(data) != tensor.crc:
        raise CheckpointError(f'{path}: is damaged: the checksum of {name} is wrong')
    return _as_float32(np.frombuffer(data, dtype), tensor.dtype).reshape(tensor.shape)


def _read_v1(path):
    arrays = {}
    for key, value in _read_table(path):
        # SavedTensorSlices.data; the entry of '' has only .meta
        saved = _one(_fields(value, path), 2, None)
        if not key or saved is None:
            continue
        fields = _fields(saved, path)
        name = _one(fields, 1, b'').decode(errors='replace')
        content = _fields(_one(fields, 3, b''), path)
        slices = [
            _fields(extent, path) for extent in _fields(_one(fields, 2, b''), path).get(1, [])
        ]
        if any(_one(extent, 2, None) is not None for extent in slices):
            raise CheckpointError(f'{path}: {name} is stored in slices, which are not read')
        if _one(content, 1, _FLOAT) != _FLOAT:
            continue
        data = _one(content, 4, b'') or b''.join(
            part if isinstance(part, bytes) else struct.pack('<I', part)
            for part in content.get(5, [])
        )
        arrays[name] = np.frombuffer(data, '<f4').reshape(_shape(_one(content, 2, b''), path, data))
    if not arrays:
        raise CheckpointError(f'{path}: holds no tensors of TensorFlow')
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
        raise CheckpointError(f'{path}: is truncated or no TensorFlow checkpoint')
    footer = data[-48:]
    # past the metaindex's handle
    (_, _, offset, size), _ = _varints(footer, 0, 4, path)
    for _, handle in _block(data, offset, size, path):
        (offset, size), _ = _varints(handle, 0, 2, path)
        yield from _block(data, offset, size, path)


def _block(data, offset, size, path):
    """Yields the entries of a block: keys share their beginnings with the one before."""
    if offset + size + 5 > len(data):
        raise CheckpointError(f'{path}: is truncated or damaged: a block is not whole')
    kind = data[offset + size]
    crc = int.from_bytes(data[offset + size + 1 : offset + size + 5], 'little')
    if _masked_crc(data[offset : offset + size + 1]) != crc:
        raise CheckpointError(f'{path}: is damaged: the checksum of a block is wrong')
    content = data[offset : offset + size]
    if kind == 1:
        content = _snappy(content, path)
    elif kind:
        raise CheckpointError(f'{path}: a block is compressed in an unknown way ({kind})')
    end = len(content) - 4 - 4 * int.from_bytes(content[-4:], 'little')
    key = b''
    position = 0
    while position < end:
        (shared, rest, length), position = _varints(content, position, 3, path)
        if shared > len(key) or position + rest + length > end:
            raise CheckpointError(f'{path}: is damaged: an entry is not whole')
        key = key[:shared] + content[position : position + rest]
        yield key, content[position + rest : position + rest + length]
        position += rest + length


def _snappy(data, path):
    """Decompresses Snappy: https://github.com/google/snappy/blob/main/format_description.txt"""
    size, position = _varint(data, 0, path)
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
        raise CheckpointError(f'{path}: is damaged: a compressed block cannot be read') from None
    if len(out) != size:
        raise CheckpointError(
            f'{path}: is damaged: a compressed block has another size than stated'
        )
    return bytes(out)


# protocol buffers


def _varint(data, position, path):
    """Returns a number and the position after it."""
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        value |= (byte & 127) << shift
        position += 1
        shift += 7
        if byte < 128:
            return value, position
    raise CheckpointError(f'{path}: is damaged: a number is not whole')


def _varints(data, position, count, path):
    """Returns that many numbers, and the position after them."""
    values = []
    for _ in range(count):
        value, position = _varint(data, position, path)
        values.append(value)
    return values, position


def _fields(message, path):
    """Returns a message as a dict of field number -> list of values: ints, or bytes."""
    fields = {}
    position = 0
    while position < len(message):
        tag, position = _varint(message, position, path)
        kind = tag & 7
        if kind == 0:
            value, position = _varint(message, position, path)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value = int.from_bytes(message[position : position + size], 'little')
            position += size
        elif kind == 2:
            size, position = _varint(message, position, path)
            value = message[position : position + size]
            position += size
        else:
            raise CheckpointError(f'{path}: is damaged: a message has a field of kind {kind}')
        if position > len(message):
            raise CheckpointError(f'{path}: is damaged: a message is not whole')
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _one(fields, number, default):
    """Returns the last value of a field, as protocol buffers have it; CheckpointError is left to
    the reader of its type.
    """
    return fields[number][-1] if number in fields else default


def _shape(message, path, data=None):
    """Reads a TensorShapeProto; checks it against float32 `data`."""
    if not isinstance(message, bytes):
        raise CheckpointError(f'{path}: is damaged: a shape is a number')
    shape = tuple(_one(_fields(dim, path), 1, 0) for dim in _fields(message, path).get(2, []))
    if data is not None and len(data) != 4 * int(np.prod(shape, dtype=object)):
        raise CheckpointError(
            f'{path}: is damaged: a tensor has another size than its shape {shape}'
        )
    return shape
