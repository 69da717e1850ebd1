"""Ways to damage a file. Each takes a random.Random and the content, and returns another."""

import json
import pathlib
import pickletools
import random

ODD_BYTES = [b'\0', b'\xff', b'\x7f', b'\x80', b'\0' * 4, b'\xff' * 4, b'\xff\xff\xff\x7f', b'\n']
ODD_TEXTS = [
    '',
    ' ',
    '\0',
    '..',
    '../../escape',
    '/etc/passwd',
    'a' * 300,
    'é\u2028\u202e',
    '\x1b[31mred\x1b[0m',
    '=1+1',
    '\ud800',
    'nan',
    '9' * 5000,
    '{{{',
    '%s%n',
]
ODD_VALUES = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**400,
    0.5,
    -1e308,
    float('nan'),
    float('inf'),
    [],
    [[]],
    {},
    {'': None},
    [0] * 1000,
    *ODD_TEXTS,
]


def flip(rng, data):
    """Changes some bytes, most often one."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8, 64))):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def truncate(rng, data):
    """Leaves the beginning."""
    return data[: rng.randrange(len(data) + 1)]


def cut(rng, data):
    """Leaves out a part."""
    begin, end = _part(rng, data)
    return data[:begin] + data[end:]


def double(rng, data):
    """Repeats a part."""
    begin, end = _part(rng, data)
    return data[:end] + data[begin:end] * rng.choice((1, 1, 7)) + data[end:]


def shuffle(rng, data):
    """Moves a part to another place."""
    begin, end = _part(rng, data)
    rest = data[:begin] + data[end:]
    place = rng.randrange(len(rest) + 1)
    return rest[:place] + data[begin:end] + rest[place:]


def blank(rng, data):
    """Writes zeros or noise over a part."""
    begin, end = _part(rng, data)
    filling = rng.choice((bytes(end - begin), rng.randbytes(end - begin)))
    return data[:begin] + filling + data[end:]


def insert(rng, data):
    """Puts odd bytes in, or in the place of others."""
    place = rng.randrange(len(data) + 1)
    odd = rng.choice(ODD_BYTES)
    return data[:place] + odd + data[place + rng.choice((0, len(odd))) :]


def number(rng, data):
    """Writes an odd number of 2, 4 or 8 bytes over others."""
    size = rng.choice((2, 4, 8))
    most = 2 ** (8 * size)
    value = rng.choice((0, 1, most - 1, most // 2, len(data) % most, rng.randrange(99)))
    place = rng.randrange(max(len(data) - size, 0) + 1)
    order = rng.choice(('little', 'big'))
    return data[:place] + value.to_bytes(size, order) + data[place + size :]


def extend(rng, data):
    """Adds noise, or the file itself."""
    return data + rng.choice((data, rng.randbytes(rng.randrange(1, 200))))


def _part(rng, data):
    begin = rng.randrange(len(data) + 1)
    return begin, min(begin + rng.choice((1, 4, 16, 188, 4096)), len(data))


BYTES = (flip, flip, truncate, cut, double, shuffle, blank, insert, number, extend)


def any_bytes(rng, data):
    """Damages bytes in one of the ways above, or several."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(BYTES)(rng, data)
    return data


def value(rng, tree):
    """Returns a tree of plain values in which one is another, odd one, or gone, or doubled."""
    tree = json.loads(json.dumps(tree))
    owner, key = rng.choice(list(_places([tree])) or [([tree], 0)])
    kind = rng.randrange(8)
    if kind == 0 and isinstance(owner, dict):
        owner[rng.choice(ODD_TEXTS)] = owner.pop(key)
    elif kind == 1:
        del owner[key]
    elif kind == 2:
        owner[key] = [owner[key]]
    elif kind == 3:
        owner[key] = {str(key): owner[key]}
    elif kind == 4 and isinstance(owner, list):
        owner.append(owner[key])
    elif kind == 5:
        owner[key] = str(owner[key])
    else:
        owner[key] = rng.choice(ODD_VALUES)
    return tree


def _places(tree):
    """Yields each (owner, key) below the root."""
    pairs = enumerate(tree) if isinstance(tree, list) else tree.items()
    for key, below in list(pairs):
        if tree is not below and not (isinstance(tree, list) and len(tree) > 50 and key > 50):
            yield tree, key
        if isinstance(below, (list, dict)):
            yield from _places(below)


def any_json(rng, data):
    """Changes a value of a JSON file, or its depth, or its bytes."""
    kind = rng.randrange(10)
    if kind == 0:
        return any_bytes(rng, data)
    if kind == 1:
        depth = rng.choice((100, 1000, 100000))
        return rng.choice((b'[' * depth + b']' * depth, b'{"a":' * depth + b'1' + b'}' * depth))
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):  # damaged before
        return any_bytes(rng, data)
    for _ in range(rng.choice((1, 1, 2))):
        tree = value(rng, tree)
    return json.dumps(tree).encode('utf-8', 'surrogatepass')


def any_lines(rng, data):
    """Changes a word of a text, or a line, or its bytes."""
    kind = rng.randrange(8)
    lines = data.decode('utf-8', 'replace').split('\n')
    place = rng.randrange(len(lines))
    if kind == 0:
        return any_bytes(rng, data)
    if kind == 1:
        lines.insert(place, rng.choice(lines))
    elif kind == 2:
        del lines[place]
    elif kind == 3:
        lines[place] = rng.choice(ODD_TEXTS)
    elif kind == 4:
        return data.replace(b'\n', rng.choice((b'\r', b'\r\n', b'\0', b' ')))
    elif kind == 5:
        return rng.choice((b'\xff\xfe', b'\xef\xbb\xbf')) + data
    else:
        words = lines[place].split(' ')
        words[rng.randrange(len(words))] = rng.choice(ODD_TEXTS + ['-1', '1e9', '0x1', '٣'])
        lines[place] = ' '.join(words)
    return '\n'.join(lines).encode('utf-8', 'surrogatepass')


def any_pickle(rng, data):
    """Changes an opcode of a pickle, or its argument, or leaves one out, or puts another in; or its
    bytes.
    """
    try:
        places = [place for _, _, place in pickletools.genops(data)]
    except Exception:  # damaged before
        return any_bytes(rng, data)
    kind = rng.randrange(5)
    place = rng.choice(places)
    end = min([other for other in places if other > place], default=len(data))
    if kind == 0:
        return any_bytes(rng, data)
    if kind == 1:
        return data[:place] + data[end:]
    if kind == 2:
        return data[:place] + _opcode(rng) + data[place:]
    if kind == 3:
        return data[:place] + _opcode(rng) + data[end:]
    return data[: place + 1] + any_bytes(rng, data[place + 1 : end]) + data[end:]


def _opcode(rng):
    """Returns a random opcode with an argument, often one that asks for what is not there."""
    return rng.choice(
        (
            bytes([ord(rng.choice(pickletools.opcodes).code)]),
            b'cos\nsystem\n',
            b'cbuiltins\neval\n',
            b'cnumpy.f2py.__main__\ndtype\n',
            b'cnumpy\nload\n',
            b'c__main__\n__dict__\n',
            b'\x8c\x02os\x8c\x06system\x93',
            b"(S'true'\ni__main__\nPool\n",
            b'r\xff\xff\xff\x03',
            b'\x95' + rng.randbytes(8),
            b'\x8a\xff' + rng.randbytes(255),
            b'\x8b\xff\xff\xff\x7f',
            b'X\xff\xff\xff\x7f',
            b'\x8e' + b'\xff' * 8,
            b'(' * 50,
            b'(t' * 50,
            b'Nh\0',
            b'R',
            b'b',
            b'Q',
        )
    )


BY_EXTENSION = {
    '.json': any_json,
    '.txt': any_lines,
    '.csv': any_lines,
    '.pkl': any_pickle,
    '': any_lines,  # n_frames
}


def any_file(rng: random.Random, folder: pathlib.Path) -> None:
    """Damages one of the files below `folder` by the way of its extension, or takes it away."""
    path = rng.choice(sorted(path for path in folder.rglob('*') if path.is_file()))
    if rng.random() < 0.02:
        path.unlink()
        return
    path.write_bytes(BY_EXTENSION.get(path.suffix, any_bytes)(rng, path.read_bytes()))
