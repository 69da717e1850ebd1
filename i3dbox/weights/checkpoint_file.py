"""MindSpore's .ckpt files: written without MindSpore, as a run of messages and a CRC-32 of them,
and read by it.

The message is MindSpore's Checkpoint (mindspore/ccsrc/utils/checkpoint.proto): value = 1 {tag = 1,
tensor = 2 {dims = 1, tensor_type = 2, tensor_content = 3}}.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib

import numpy as np

from ..errors import CheckpointError, first_line
from ..fileio import atomic_path
from ..plain_json import WHOLE, check_form, parse_json

STATE_PREFIX = 'train.'  # what belongs to the training run and not to the recognizer
# ends the name of what counts a run's steps; weights carry over to another run, it does not
COUNTER = 'dropout.step'
_META = 'i3dbox_meta'
_META_FORM = {
    '?modality': (None, str),
    '?classes': (None, [str]),
    '?config': (None, str),
    '?source': (None, str),
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
                value = np.array(value)
            else:
                value = np.asarray(value)
                dims = value.shape
                kind = _TYPES[value.dtype.name]
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
    import mindspore as ms

    if not os.path.isfile(path):
        raise CheckpointError(f'checkpoint {path} does not exist')
    if not str(path).endswith('.ckpt'):
        raise CheckpointError(f'{path} is no MindSpore checkpoint: its name must end in .ckpt')
    try:
        with _quiet():
            entries = ms.load_checkpoint(str(path), crc_check=True)
    except Exception as error:  # MindSpore raises what it likes on a damaged file
        raise CheckpointError(
            f'checkpoint {path} is damaged or no MindSpore checkpoint: {first_line(error)}'
        ) from error
    meta = entries.pop(_META, None)
    if meta is None and any(name.startswith(STATE_PREFIX) for name in entries):
        raise CheckpointError(f'checkpoint {path} is truncated: its last part is missing')
    parameters = {}
    state = {}
    for name, value in entries.items():
        if not hasattr(value, 'asnumpy'):
            continue  # a foreign file's plain values
        array = value.asnumpy()
        if name.startswith(STATE_PREFIX):
            state[name[len(STATE_PREFIX) :]] = array
        else:
            parameters[name] = array
    for name, array in parameters.items():
        if array.dtype.kind == 'f' and not np.isfinite(array).all():
            raise CheckpointError(f'checkpoint {path} holds NaN or infinity in {name}')
    return parameters, state, _meta_of(path, meta)


def _meta_of(path, text):
    if text is None:
        return {}
    try:
        meta = parse_json(str(text))
        check_form(meta, _META_FORM, 'its description')
    except ValueError as error:
        raise CheckpointError(f'checkpoint {path} is damaged: {error}') from error
    return meta


def _field(number, data):
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(value):
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    data.append(value)
    return bytes(data)


@contextlib.contextmanager
def _quiet():
    """MindSpore logs its own lines about a file that it cannot read; ours says it once."""
    from mindspore import log

    logger = log._get_logger()
    level = logger.level
    logger.setLevel('CRITICAL')
    try:
        yield
    finally:
        logger.setLevel(level)
