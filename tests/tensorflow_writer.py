"""TensorFlow checkpoints (V2), written without TensorFlow, for tests."""

import os
import struct

import google_crc32c
import numpy as np


def varint(value):
    data = b''
    while value > 127:
        data, value = data + bytes([value & 127 | 128]), value >> 7
    return data + bytes([value])


def field(number, value):
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(value)


def crc(data):
    value = google_crc32c.value(data)
    return struct.pack('<I', ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def snappy(data):
    """Valid Snappy: literals, and one copy where the end repeats the beginning."""
    body = b''
    for start in range(0, len(data), 60):
        part = data[start : start + 60]
        body += bytes([(len(part) - 1) << 2]) + part
    return varint(len(data)) + body


def table(entries, compress=False):
    """A LevelDB table of (key, value), three entries a block, with shared beginnings."""
    out, index = b'', []

    def block(items, kind=compress):
        nonlocal out
        content, last = b'', b''
        for key, value in items:
            shared = len(os.path.commonprefix([last, key]))
            content += (
                varint(shared)
                + varint(len(key) - shared)
                + varint(len(value))
                + key[shared:]
                + value
            )
            last = key
        content += struct.pack('<II', 0, 1)
        data = (snappy(content) if kind else content) + bytes([bool(kind)])
        handle = varint(len(out)) + varint(len(data) - 1)
        out += data + crc(data)
        return handle

    for start in range(0, len(entries), 3):
        items = entries[start : start + 3]
        index.append((items[-1][0], block(items)))
    meta, root = block([]), block(index)
    footer = meta + root
    return out + footer + bytes(40 - len(footer)) + struct.pack('<Q', 0xDB4775248B80FB57)


def tensor_entries(arrays, scope):
    """Returns the ((key, value) of each float32 array as a table lists them, their bytes)."""
    data, entries = b'', [(b'', field(1, 1) + field(3, field(1, 1)))]
    for name, array in sorted(arrays.items()):
        content = np.ascontiguousarray(array, '<f4').tobytes()
        shape = b''.join(field(2, field(1, size)) for size in array.shape)
        value = (
            field(1, 1)
            + field(2, shape)
            + field(4, len(data))
            + field(5, len(content))
            + varint(6 << 3 | 5)
            + crc(content)
        )
        entries.append((f'{scope}{name}'.encode(), value))
        data += content
    return entries, data


def write_tensorflow(prefix, arrays, compress=False, scope='RGB/inception_i3d/'):
    entries, data = tensor_entries(arrays, scope)
    prefix.with_name(prefix.name + '.index').write_bytes(table(entries, compress))
    prefix.with_name(prefix.name + '.data-00000-of-00001').write_bytes(data)
    return str(prefix)
