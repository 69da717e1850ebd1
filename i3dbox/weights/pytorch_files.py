"""PyTorch's files without PyTorch: tensors and plain containers are read, and nothing else.

Two formats: the zip that torch.save writes since 1.6, and the one before it: a pickled magic
number, protocol number and dict of system facts, the pickled object, the pickled list of its
storages' keys, and each storage as an 8-byte count and its raw values.
"""

from __future__ import annotations

import io
import math
import os
import pickle
import struct
import zipfile
from typing import NamedTuple

import numpy as np

from .. import plain_pickle
from ..errors import CheckpointError, first_line
from ..fileio import atomic_path

_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_MAGIC = _MAGIC.to_bytes(10, 'little')  # as a file of the older format begins with it
_MOST_PICKLE = 64 << 20  # bytes; those of networks have thousands
_DTYPES = {
    'FloatStorage': '<f4',
    'DoubleStorage': '<f8',
    'HalfStorage': '<f2',
    'BFloat16Storage': '<u2',
    'LongStorage': '<i8',
    'IntStorage': '<i4',
    'ShortStorage': '<i2',
    'CharStorage': '<i1',
    'ByteStorage': '<u1',
    'BoolStorage': '<u1',
}
_BFLOAT16 = 'BFloat16Storage'


def read_pytorch(path: str) -> dict[str, np.ndarray]:
    """Reads the state_dict in a file of torch.save.

    Where the file holds more, it is the dict of tensors itself, or the one below `state_dict`,
    `model_state_dict` or `model`; a leading `module.` of all names (DataParallel) is left out.

    Returns:
        The arrays by name, float16 and bfloat16 as float32.

    Raises:
        CheckpointError: the file is damaged, asks for anything but tensors and plain containers, or
            holds no state_dict. Nothing in it is ever executed.
    """
    try:
        with open(path, 'rb') as file:
            is_zip = file.read(4) == b'PK\x03\x04'
            file.seek(0)
            content = _read_zip(file) if is_zip else _read_legacy(file)
    except CheckpointError as error:
        raise CheckpointError(f'{path}: {error}') from error
    except OSError as error:
        raise CheckpointError(f'{path}: cannot be read: {error.strerror or error}') from error
    except Exception as error:  # whatever damaged bytes make the unpickler and the zip reader raise
        raise CheckpointError(
            f'{path}: is damaged or no PyTorch file: {first_line(error)}'
        ) from error
    return _state_dict(content, path)


def write_pytorch(path: str, arrays: dict[str, np.ndarray]) -> None:
    """Writes float32 arrays as a state_dict that torch.load reads, in the zip format."""

    def text(value):
        return b'X' + struct.pack('<I', len(value.encode())) + value.encode()

    def whole(value):
        return b'J' + struct.pack('<i', value)

    def several(values):
        return b'(' + b''.join(map(whole, values)) + b't'

    pickled = io.BytesIO()
    write = pickled.write
    empty_dict = b'ccollections\nOrderedDict\n)R'
    write(b'\x80\x02' + empty_dict + b'(')
    for key, (name, array) in enumerate(arrays.items()):
        strides = [step // 4 for step in np.empty(array.shape, np.float32).strides]
        storage = (
            b'('
            + text('storage')
            + b'ctorch\nFloatStorage\n'
            + text(str(key))
            + text('cpu')
            + whole(array.size)
            + b't'
        )
        write(
            text(name)
            + b'ctorch._utils\n_rebuild_tensor_v2\n('
            + storage
            + b'Q'
            + whole(0)
            + several(array.shape)
            + several(strides)
            + b'\x89'
            + empty_dict
            + b'tR'
        )
    write(b'u.')
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, 'w', zipfile.ZIP_STORED) as archive,
    ):
        archive.writestr('archive/data.pkl', pickled.getvalue())
        archive.writestr('archive/byteorder', 'little')
        for key, array in enumerate(arrays.values()):
            archive.writestr(f'archive/data/{key}', np.ascontiguousarray(array, '<f4').tobytes())
        archive.writestr('archive/version', '3\n')


class _Storage(NamedTuple):
    """A run of values that tensors are views of."""

    kind: str
    key: str
    count: int

    @property
    def size(self):
        """How many bytes its values take."""
        return self.count * np.dtype(_DTYPES[self.kind]).itemsize


class _Tensor(NamedTuple):
    """A tensor before its storage is read."""

    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple


_MOST_SHARED = 64 << 20  # bytes


def _rebuild_tensor(storage, offset, shape, strides, *_):
    numbers = (offset, *shape, *strides)
    if (
        not isinstance(storage, _Storage)
        or len(shape) != len(strides)
        or not all(isinstance(number, int) and number >= 0 for number in numbers)
    ):
        raise CheckpointError('a tensor in it has no sensible shape')
    last = offset + sum((size - 1) * step for size, step in zip(shape, strides))
    count = int(np.prod(shape, dtype=object)) if shape else 1
    if count and (last >= storage.count or count > storage.count):
        raise CheckpointError(
            f'a tensor of shape {tuple(shape)} in it is larger than its storage of {storage.count}'
        )
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _shape(sizes):
    if not isinstance(sizes, (tuple, list)) or len(sizes) > 64:
        raise CheckpointError('a shape in it is no short list of numbers')
    return tuple(sizes)


_TABLE = {
    ('collections', 'OrderedDict'): plain_pickle.ordered_dict,
    ('torch._utils', '_rebuild_tensor'): _rebuild_tensor,
    ('torch._utils', '_rebuild_tensor_v2'): _rebuild_tensor,
    ('torch._utils', '_rebuild_parameter'): lambda data, *_: data,
    ('torch', 'Size'): _shape,
    **{(module, name): name for module in ('torch', 'torch.storage') for name in _DTYPES},
}


def _storage(reference):
    kind, storage_type, key, _, count, *view = reference
    if kind != 'storage' or storage_type not in _DTYPES or any(view):
        raise CheckpointError(
            f'its pickle refers to {reference!r}, which is no storage that is known here'
        )
    if not isinstance(count, int) or count < 0:
        raise CheckpointError('a storage in it has no sensible size')
    return _Storage(storage_type, str(key), count)


def _unpickle(file):
    try:
        return plain_pickle.load(file, _TABLE, _storage, encoding='latin1')
    except pickle.UnpicklingError as error:
        hint = (
            '. It seems to hold a whole model, or other objects: in PyTorch, '
            'torch.save(model.state_dict(), FILE) writes its tensors alone'
            if 'NEWOBJ' in str(error)
            else ''
        )
        raise CheckpointError(
            f'its pickle is refused: {error}; only tensors and plain containers are read, and '
            f'nothing was executed{hint}'
        ) from error


def _read_zip(file):
    whole = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        pickles = [name for name in entries if name == 'data.pkl' or name.endswith('/data.pkl')]
        if len(pickles) != 1:
            raise CheckpointError('this zip was not written by torch.save: it has no data.pkl')
        root = pickles[0][: -len('data.pkl')]

        def read(name, size=None):
            entry = entries.get(root + name)
            if entry is None:
                raise CheckpointError(f'it is incomplete: {root}{name} is missing')
            if (
                entry.compress_type != zipfile.ZIP_STORED
                or entry.file_size > whole
                or (size is not None and entry.file_size != size)
            ):
                raise CheckpointError(
                    f'{root}{name} in it is compressed or of another size than stated, which '
                    'torch.save never writes'
                )
            return archive.read(entry)  # checks its CRC

        pickled = read('data.pkl')
        if len(pickled) > _MOST_PICKLE:
            raise CheckpointError('its data.pkl is too large')
        if root + 'byteorder' in entries and read('byteorder') != b'little':
            raise CheckpointError('it was written by a big-endian machine')
        content = _unpickle(io.BytesIO(pickled))
        storages = {}

        def load(storage):
            if storage.key not in storages:
                storages[storage.key] = read(f'data/{storage.key}', storage.size)
            return storages[storage.key]

        return _resolve(content, load, whole)


def _legacy_offsets(tensors, keys, offset, size):
    """Returns where each storage begins, with its count, in a file of `size` bytes whose first one
    is at `offset`: dict of key -> int.
    """
    known = {tensor.storage.key: tensor.storage for tensor in tensors}
    offsets = {}
    for key in map(str, keys):
        storage = known.get(key)
        if storage is None:
            raise CheckpointError('it lists a storage that no tensor uses')
        offsets[key] = offset
        offset += 8 + storage.size
        if offset > size:
            raise CheckpointError('it is truncated')
    return offsets


def _read_legacy(file):
    size = os.fstat(file.fileno()).st_size
    head = io.BytesIO(file.read(_MOST_PICKLE))
    try:
        magic = _unpickle(head)
    except CheckpointError:
        raise
    except Exception:
        magic = None
    if magic != _MAGIC:
        raise CheckpointError('this is no file of torch.save')
    for _ in range(2):  # the protocol, facts of the system
        _unpickle(head)
    content = _unpickle(head)
    keys = _unpickle(head)
    offsets = _legacy_offsets(_tensors(content), keys, head.tell(), size)

    def load(storage):
        if storage.key not in offsets:
            raise CheckpointError('it is incomplete: a storage is missing')
        file.seek(offsets[storage.key])
        if int.from_bytes(file.read(8), 'little') != storage.count:
            raise CheckpointError('it is damaged: a storage has another size than stated')
        return file.read(storage.size)

    return _resolve(content, load, size)


def _tensors(content):
    """Yields the tensors in dicts at any depth."""
    waiting = [content]
    seen = set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, _Tensor):
            yield value
        # a pickle can hold one dict in many places
        elif isinstance(value, dict) and id(value) not in seen:
            seen.add(id(value))
            waiting += value.values()


def _resolve(content, load, size):
    """Puts arrays in the place of tensors, in dicts at any depth. `size` is the file's in bytes,
    which as float32 become at most four times as many, unless tensors share their storage.
    """
    needed = sum(4 * math.prod(tensor.shape) for tensor in _tensors(content))
    if needed > _MOST_SHARED + 8 * size:
        raise CheckpointError(
            f'its tensors would take {needed >> 20} MB, of a file of {size >> 20} MB'
        )
    arrays = {id(tensor): _array(tensor, load) for tensor in _tensors(content)}
    done = {}

    def resolve(value):
        if isinstance(value, dict):
            if id(value) not in done:
                done[id(value)] = {}
                done[id(value)].update((name, resolve(item)) for name, item in value.items())
            return done[id(value)]
        return arrays.get(id(value), value)

    return resolve(content)


def _array(tensor, load):
    values = np.frombuffer(load(tensor.storage), _DTYPES[tensor.storage.kind])
    strides = [step * values.itemsize for step in tensor.strides]
    array = np.lib.stride_tricks.as_strided(
        values[tensor.offset :], tensor.shape, strides, writeable=False
    )
    if tensor.storage.kind == _BFLOAT16:
        return (array.astype(np.uint32) << 16).view(np.float32)
    return np.asarray(array, np.float32 if array.dtype == np.float16 else None, order='C')


def _state_dict(content, path):
    candidates = [content]
    if isinstance(content, dict):
        candidates += map(content.get, ('state_dict', 'model_state_dict', 'model'))
    for found in candidates:
        if (
            isinstance(found, dict)
            and found
            and all(isinstance(value, np.ndarray) for value in found.values())
            and all(isinstance(key, str) for key in found)
        ):
            if all(key.startswith('module.') for key in found):
                found = {key[len('module.') :]: value for key, value in found.items()}
            return found
    raise CheckpointError(f'{path}: holds no state_dict (a dict of names and tensors)')
