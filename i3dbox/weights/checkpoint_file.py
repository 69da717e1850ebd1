"""Writing MindSpore's .ckpt without MindSpore: a run of messages, and a CRC-32 of them.

The message is MindSpore's Checkpoint (mindspore/ccsrc/utils/checkpoint.proto): value = 1 {tag = 1, tensor = 2
{dims = 1, tensor_type = 2, tensor_content = 3}}.
"""

import zlib

import numpy as np

from ..fileio import atomic_path

_TYPES = {'float32': 'Float32', 'float16': 'Float16', 'float64': 'Float64', 'int32': 'Int32', 'int64': 'Int64',
          'int16': 'Int16', 'int8': 'Int8', 'uint8': 'UInt8', 'uint16': 'UInt16', 'uint32': 'UInt32',
          'uint64': 'UInt64', 'bool': 'Bool'}


def write_checkpoint_file(path, entries):
    """Writes what mindspore.load_checkpoint(..., crc_check=True) reads, in one step.

    Args:
        path (str): ends in .ckpt.
        entries (iterable of (str, array or str)): names, and arrays or text.
    """
    crc = 0
    with atomic_path(path) as temporary, open(temporary, 'wb') as file:
        for name, value in entries:
            if isinstance(value, str):
                dims, kind, value = [0], 'str', np.array(value)
            else:
                value = np.asarray(value)
                dims, kind = value.shape, _TYPES[value.dtype.name]
            content = value.tobytes()
            tensor = b''.join(b'\x08' + _varint(size) for size in dims) + _field(2, kind.encode())
            tensor_size = len(tensor) + 1 + len(_varint(len(content))) + len(content)
            tag = _field(1, name.encode())
            head = tag + b'\x12' + _varint(tensor_size) + tensor + b'\x1a' + _varint(len(content))
            message = b'\n' + _varint(len(head) + len(content)) + head
            for part in (message, content):
                file.write(part)
                crc = zlib.crc32(part, crc)
        file.write(b'crc_num' + crc.to_bytes(10, 'big'))


def _field(number, data):
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(value):
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    data.append(value)
    return bytes(data)
