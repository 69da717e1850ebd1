"""Pickles of strangers: plain values and what an exact table names; nothing is imported or run.

The opcodes are looked through first: they are those that Python 3 and PyTorch write for plain
values, their sizes are such as the file can hold. Keys of dicts are strings and numbers, as a nest
of tuples takes for ever to hash. What stands in several places counts each time, as who walks
through it meets it each time: not more of it than the file has bytes.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

_OPCODES = frozenset(
    'PROTO FRAME STOP MARK POP POP_MARK NONE NEWTRUE NEWFALSE '
    'BININT BININT1 BININT2 LONG1 LONG4 BINFLOAT '
    'BINSTRING SHORT_BINSTRING SHORT_BINUNICODE BINUNICODE BINUNICODE8 '
    'BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 '
    'EMPTY_LIST APPEND APPENDS LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 '
    'EMPTY_DICT DICT SETITEM SETITEMS MEMOIZE BINPUT LONG_BINPUT BINGET LONG_BINGET '
    'GLOBAL STACK_GLOBAL REDUCE BUILD BINPERSID'.split()
)
_DTYPES = frozenset(('b1', *(f'{kind}{size}' for kind in 'iuf' for size in (1, 2, 4, 8))))


def load(
    file: io.BytesIO,
    table: dict[tuple[str, str], Any],
    persistent: Callable[[Any], Any] | None = None,
    encoding: str = 'ASCII',
) -> Any:
    """Reads the pickle at which `file` stands, and leaves the file after it.

    Args:
        table: what each (module, name) stands for that a pickle may ask for.
        persistent: returns what a persistent reference stands for.
        encoding: of strings that Python 2 wrote.

    Raises: pickle.UnpicklingError, or whatever a damaged pickle makes Python raise.
    """
    start = file.tell()
    size = len(file.getbuffer()) - start
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name not in _OPCODES:
            raise pickle.UnpicklingError(f'it has the opcode {opcode.name}')
        if opcode.name in ('LONG_BINPUT', 'FRAME') and argument > size:
            raise pickle.UnpicklingError('it states sizes beyond its own')
    end = file.tell()
    file.seek(start)
    return _Unpickler(io.BytesIO(file.read(end - start)), table, persistent, encoding).load()


class _Unpickler(pickle._Unpickler):
    """The unpickler that Python has in Python, whose steps can be looked at."""

    def __init__(self, file, table, persistent, encoding):
        super().__init__(file, encoding=encoding)
        self.room = len(file.getbuffer())
        self.again = self.room
        self.elsewhere = set()  # ids of what stands in several places
        self.table = table
        self.persistent = persistent

    def find_class(self, module, name):
        if (module, name) not in self.table:
            raise pickle.UnpicklingError(f'it asks for {module}.{name}')
        return self.table[module, name]

    def persistent_load(self, reference):
        if self.persistent is None:
            raise pickle.UnpicklingError('it refers to something outside it')
        return self.persistent(reference)

    def load_reduce(self):
        super().load_reduce()
        self._count(self.stack[-1])

    def _count(self, made):
        """Refuses arrays that take more bytes than the pickle has: of one buffer over and over."""
        if isinstance(made, np.ndarray):
            self.room -= made.nbytes
        if self.room < 0:
            raise pickle.UnpicklingError('its arrays take more than it holds')

    def _count_again(self):
        """Refuses lists in lists in lists that are one: a walk through them has no end."""
        left = [self.stack[-1]]
        while left:
            value = left.pop()
            if isinstance(value, (dict, list, tuple)):
                left += value.values() if isinstance(value, dict) else value
                self.elsewhere.add(id(value))
            if len(left) > self.again:
                raise pickle.UnpicklingError('it holds the same lists over and over')
            self.again -= 1

    def _check_growing(self, value):
        if id(value) in self.elsewhere:
            raise pickle.UnpicklingError('a list in it holds itself, or grows in two places')

    def load_binget(self):
        super().load_binget()
        self._count_again()

    def load_long_binget(self):
        super().load_long_binget()
        self._count_again()

    def load_append(self):
        self._check_growing(self.stack[-2])
        super().load_append()

    def load_appends(self):
        self._check_growing(self.metastack[-1][-1])
        super().load_appends()

    def load_setitem(self):
        self._check_growing(self.stack[-3])
        _check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self):
        self._check_growing(self.metastack[-1][-1])
        _check_keys(self.stack[::2])
        super().load_setitems()

    def load_dict(self):
        _check_keys(self.stack[::2])
        super().load_dict()

    def load_build(self):
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, (_Array, _Dtype)):
            target.build(*state)
            self._count(target)
        elif not isinstance(target, dict):  # whose attributes, as PyTorch's _metadata, are left out
            raise pickle.UnpicklingError(f'it sets attributes of a {type(target).__name__}')

    dispatch = {
        **pickle._Unpickler.dispatch,
        pickle.BINGET[0]: load_binget,
        pickle.LONG_BINGET[0]: load_long_binget,
        pickle.APPEND[0]: load_append,
        pickle.APPENDS[0]: load_appends,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.DICT[0]: load_dict,
        pickle.BUILD[0]: load_build,
        pickle.REDUCE[0]: load_reduce,
    }


def _check_keys(keys):
    for key in keys:
        # small numbers, as others can be chosen to collide
        if not isinstance(key, str) and not (isinstance(key, int) and abs(key) < 1 << 31):
            raise pickle.UnpicklingError('a dict in it has keys that are no text or small number')


def ordered_dict(items: list | tuple = ()) -> dict:
    """Builds what a pickled OrderedDict is: a dict, of pairs where it was pickled with them."""
    pairs = [(key, value) for key, value in items]
    _check_keys(key for key, _ in pairs)
    return dict(pairs)


class _Dtype:
    """A dtype of booleans or numbers, which hold no pointers."""

    def __init__(self, code, *_):
        if code not in _DTYPES:
            raise pickle.UnpicklingError(f'it holds an array of {code!r}')
        self.numpy = np.dtype(code)

    def build(self, version, order, *_):
        if order not in ('<', '>', '|', '='):
            raise pickle.UnpicklingError('a dtype in it is damaged')
        # by its string: newbyteorder leaves a mark that MindSpore 2.7 does not know
        self.numpy = np.dtype(self.numpy.newbyteorder(order).str)

    def array(self, data, shape, order):
        """Returns an array of the bytes `data`, of which nothing is missing and nothing left."""
        whole = all(isinstance(size, int) and size >= 0 for size in shape)
        if not whole or math.prod(shape) * self.numpy.itemsize != len(data):
            raise pickle.UnpicklingError(f'an array in it is not {tuple(shape)!r} of its values')
        return np.frombuffer(data, self.numpy).reshape(shape, order=order)


class _Array(np.ndarray):
    """An array that is pickled before its values are."""

    def build(self, version, shape, dtype, fortran, data):
        found = dtype.array(data, shape, 'F' if fortran else 'C')
        np.ndarray.__setstate__(self, (1, shape, found.dtype, bool(fortran), bytes(data)))


def _array(kind, *_):
    return np.ndarray.__new__(_Array, (0,), np.int8)


def _scalar(dtype, data):
    return dtype.array(data, (1,), 'C')[0].item()


def _from_buffer(data, dtype, shape, order):
    return dtype.array(data, shape, order).copy()


# NumPy's arrays and numbers, by the names that they have in its versions
NUMPY = {
    ('numpy', 'ndarray'): None,
    ('numpy', 'dtype'): _Dtype,
    **{
        (f'numpy.{core}.{module}', name): function
        for core in ('core', '_core')
        for module, name, function in (
            ('multiarray', '_reconstruct', _array),
            ('multiarray', 'scalar', _scalar),
            ('numeric', '_frombuffer', _from_buffer),
        )
    },
}
