"""Protocol buffers, as checkpoints are made of them: messages of numbered fields.

Source: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Iterable

_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5  # how a field is written
_FIXED = {_EIGHT: 8, _FOUR: 4}


class Message(dict):
    """A message as a dict of field number -> list of values: ints, or memoryviews of its bytes.

    Raises ValueError, from here and from its methods, where it is damaged.
    """

    def __init__(self, data: bytes | memoryview):
        super().__init__()
        data = memoryview(data)
        position = 0
        while position < len(data):
            tag, position = read_varint(data, position)
            kind = tag & 7
            if kind == _VARINT:
                value, position = read_varint(data, position)
            else:
                if kind == _BYTES:
                    size, position = read_varint(data, position)
                elif kind in _FIXED:
                    size = _FIXED[kind]
                else:
                    raise ValueError(f'a message has a field of kind {kind}')
                if position + size > len(data):
                    raise ValueError('a message is not whole')
                value = data[position : position + size]
                position += size
                if kind in _FIXED:
                    value = int.from_bytes(value, 'little')
            self.setdefault(tag >> 3, []).append(value)

    def number(self, field: int, default: int = 0) -> int:
        """Returns the last value of a field, as protocol buffers have it."""
        return self._last(field, default)

    def data(self, field: int) -> memoryview:
        """Returns the bytes in a field; none where it is not there."""
        return self._last(field, memoryview(b''))

    def text(self, field: int, errors: str = 'strict') -> str:
        """Returns the text in a field."""
        return str(self.data(field), 'utf-8', errors)

    def numbers(self, field: int) -> list[int]:
        """Returns the numbers of a field, which may be packed into one."""
        found = []
        for value in self.get(field, ()):
            if isinstance(value, int):
                found.append(value)
                continue
            position = 0
            while position < len(value):
                number, position = read_varint(value, position)
                found.append(number)
        return found

    def message(self, field: int) -> Message:
        """Returns the message in a field; an empty one where it is not there."""
        return Message(self.data(field))

    def messages(self, field: int) -> Iterable[Message]:
        """Yields the messages in a field."""
        for value in self.get(field, ()):
            if isinstance(value, int):
                raise ValueError(f'field {field} is a number')
            yield Message(value)

    def _last(self, field, default):
        value = self[field][-1] if field in self else default
        if type(value) is not type(default):
            raise ValueError(f'field {field} of a message is of another type')
        return value


def read_varint(data: bytes | memoryview, position: int) -> tuple[int, int]:
    """Returns the number that begins at a position, and the position after it."""
    value = shift = 0
    while position < len(data) and shift < 64:
        byte = data[position]
        value |= (byte & 127) << shift
        position += 1
        shift += 7
        if byte < 128:
            return value, position
    raise ValueError('a number is not whole')


def varint(value: int) -> bytes:
    """Returns a number as it is written."""
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    data.append(value)
    return bytes(data)


def field(number: int, data: bytes) -> bytes:
    """Returns a field of bytes as it is written."""
    return varint(number << 3 | _BYTES) + varint(len(data)) + data
