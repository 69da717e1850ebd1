"""MindSpore's .ckpt files, without MindSpore: a run of messages, and a CRC-32 of them.

The message is MindSpore's Checkpoint (mindspore/ccsrc/utils/checkpoint.proto): value = 1 {tag = 1,
tensor = 2 {dims = 1, tensor_type = 2, tensor_content = 3}}.
"""

from __future__ import annotations

import json
import math
import os
import re
import zlib

import numpy as np

from ..errors import CheckpointError, first_line
from ..fileio import atomic_path
from ..plain_json import WHOLE, check_form, parse_json
from .protobuf import Message, field, varint

STATE_PREFIX = 'train.'  # what belongs to the training run and not to the recognizer
# ends the name of what counts a run's steps; weights carry over to another run, it does not
COUNTER = 'dropout.step'
_META = 'i3dbox_meta'
_META_FORM = {
    '?modality': (None, str),
    '?classes': (None, [str]),
    '?config': (None, str),
    '?source': (None, str),
    '?origin': (None, str),
    '?licence': (None, str),
    '?step': WHOLE,
    '?epoch': WHOLE,
    '?memory': {},
}
_TYPES = {
    'float32': 'Float32',
    'float16': 'Float16',
    'float64': 'Float64',
    'int32': 'Int32',
    'int64': 'Int64',
    'int16': 'Int16',
    'int8': 'Int8',
    'uint8': 'UInt8',
    'uint16': 'UInt16',
    'uint32': 'UInt32',
    'uint64': 'UInt64',
    'bool': 'Bool',
}
# by their strings, as '<f4': newbyteorder leaves a mark that MindSpore 2.7 does not know
_DTYPES = {kind: np.dtype(np.dtype(name).newbyteorder('<').str) for name, kind in _TYPES.items()}
_CRC = b'crc_num'


def write_checkpoint(
    path: str,
    parameters: dict[str, np.ndarray],
    state: dict[str, np.ndarray] | None = None,
    meta: dict | None = None,
) -> None:
    """Writes arrays of a model and of its training run, and metadata (JSON), in one step: what
    mindspore.load_checkpoint(..., crc_check=True) reads. Needs no MindSpore.

    Args:
        path: ends in .ckpt.
    """
    entries = [
        *parameters.items(),
        *((STATE_PREFIX + name, array) for name, array in (state or {}).items()),
        (_META, json.dumps(meta or {})),
    ]
    crc = 0
    with atomic_path(path) as temporary, open(temporary, 'wb') as file:
        for name, value in entries:
            if isinstance(value, str):
                dims = [0]
                kind = 'str'
                value = np.array(value, '<U')
            else:
                value = np.asarray(value)
                dims = value.shape
                kind = _TYPES[value.dtype.name]
            content = value.tobytes()
            tensor = b''.join(b'\x08' + varint(size) for size in dims) + field(2, kind.encode())
            tensor_size = len(tensor) + 1 + len(varint(len(content))) + len(content)
            tag = field(1, name.encode())
            head = tag + b'\x12' + varint(tensor_size) + tensor + b'\x1a' + varint(len(content))
            message = b'\n' + varint(len(head) + len(content)) + head
            for part in (message, content):
                file.write(part)
                crc = zlib.crc32(part, crc)
        file.write(_CRC + crc.to_bytes(10, 'big'))


def check_name(path: str) -> None:
    """Raises CheckpointError for what is there under no such name, or is none by its name."""
    if re.match(r'https?://', path):
        raise CheckpointError(
            f'{path} is an address: download the file first; checkpoints of the model zoo are '
            'zoo://NAME (see `i3dbox download`)'
        )
    if not os.path.isfile(path):
        raise CheckpointError(f'checkpoint {path} does not exist')
    if not path.endswith('.ckpt'):
        foreign = path.endswith(('.index', '.pkl'))
        hint = f'; `i3dbox convert {path} OUT.ckpt` makes one of it' * foreign
        raise CheckpointError(
            f'{path} is no MindSpore checkpoint: its name must end in .ckpt{hint}'
        )


def read_checkpoint(path: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict]:
    """Reads a checkpoint of this project, or any other MindSpore .ckpt.

    Args:
        path: the file.

    Returns:
        (the model's arrays by name, the training state's, meta); state and meta are empty for a
        foreign file.

    Raises:
        CheckpointError: the file is absent, is no checkpoint, or is damaged.
    """
    check_name(str(path))
    try:
        entries = _entries(path)
    except (ValueError, OSError) as error:
        raise CheckpointError(
            f'checkpoint {path} is damaged or no MindSpore checkpoint: {first_line(error)}'
        ) from error
    meta = entries.pop(_META, None)
    if meta is None and any(name.startswith(STATE_PREFIX) for name in entries):
        raise CheckpointError(f'checkpoint {path} is truncated: its last part is missing')
    parameters = {}
    state = {}
    for name, array in entries.items():
        if isinstance(array, str):
            continue  # a foreign file's plain values
        if name.startswith(STATE_PREFIX):
            state[name[len(STATE_PREFIX) :]] = array
        else:
            parameters[name] = array
    for name, array in parameters.items():
        if array.dtype.kind == 'f' and not np.isfinite(array).all():
            raise CheckpointError(f'checkpoint {path} holds NaN or infinity in {name}')
    return parameters, state, _meta_of(path, meta)


def _entries(path):
    """Returns the arrays and texts of a file by their names."""
    with open(path, 'rb') as file:
        data = file.read()
    end = len(data)
    if data[-17:-10] == _CRC:
        end -= 17
        if zlib.crc32(memoryview(data)[:end]) != int.from_bytes(data[-10:], 'big'):
            raise ValueError('its checksum is wrong')
    parts = {}
    for entry in Message(memoryview(data)[:end]).messages(1):
        tensor = entry.message(2)
        if not tensor:
            raise ValueError(f'it holds {entry.text(1)!r}, which is no tensor')
        # large tensors are cut into several entries of one name
        parts.setdefault(entry.text(1), []).append(tensor)
    if not parts:
        raise ValueError('it holds nothing')
    return {name: _value(name, tensors) for name, tensors in parts.items()}


def _value(name, tensors):
    """Returns the array or text that the tensors of a name hold together."""
    shape = tuple(tensors[0].numbers(1))
    kind = tensors[0].text(2)
    data = bytearray().join(tensor.data(3) for tensor in tensors)
    if kind == 'str':
        return data.decode('utf-32-le').rstrip('\0')
    if kind == 'BFloat16':
        data = bytearray(np.frombuffer(data, '<u2').astype('<u4') << 16)
        kind = 'Float32'
    if kind not in _DTYPES:
        raise ValueError(f'{name!r} is of the type {kind!r}')
    array = np.frombuffer(data, _DTYPES[kind])
    if shape == (0,) and array.size:
        shape = ()  # what MindSpore writes of a scalar
    if math.prod(shape) != array.size:
        raise ValueError(f'{name!r} has {array.size} values; its shape is {shape}')
    return array.reshape(shape)


def _meta_of(path, text):
    if text is None:
        return {}
    try:
        meta = parse_json(str(text))  # an array is none
        check_form(meta, _META_FORM, 'its description')
    except ValueError as error:
        raise CheckpointError(f'checkpoint {path} is damaged: {error}') from error
    return meta
