"""What a config does with its values: merging them, overriding them, writing them as Python."""

from __future__ import annotations

import inspect
import keyword
import math
import re
import unicodedata
from typing import Any

from ..errors import ConfigError


def merge(below: Any, above: Any) -> Any:
    """Returns `above` merged over `below`, sharing no dict or list with either.

    Keys of a dict over a list are the places of entries.

    Raises: ConfigError for a place that the list has not.
    """
    if isinstance(below, (list, tuple)) and _names_places(above):
        wrong = [place for place in above if not -len(below) <= place < len(below)]
        if wrong:
            raise ConfigError(
                f'{above!r} stands over a list of {len(below)}, which has no entry {wrong[0]}'
            )
        items = merge(None, below)
        places = {place % len(items): value for place, value in above.items()}
        return type(items)(
            merge(item, places[place]) if place in places else item
            for place, item in enumerate(items)
        )
    if isinstance(above, dict):
        above = dict(above)
        if above.pop('_delete_', False) or not isinstance(below, dict):
            below = {}
        return {
            key: merge(below.get(key), above[key]) if key in above else merge(None, below[key])
            for key in {**below, **above}
        }
    if type(above) in (list, tuple):
        return type(above)(merge(None, value) for value in above)
    return above


def _names_places(value):
    return isinstance(value, dict) and bool(value) and all(type(key) is int for key in value)


def override(node: Any, key: str, parts: list[str], value: Any) -> Any:
    """Returns `node` with `value` merged in at the dotted `key`, of which `parts` are still to
    go.
    """
    if not parts:
        return merge(node, value)
    part = parts[0]
    rest = parts[1:]
    where = '.'.join(key.split('.')[: -len(parts)]) or 'the config'
    if isinstance(node, dict) and part:
        return {**node, part: override(node.get(part, {}), key, rest, value)}
    if not isinstance(node, (list, tuple)):
        raise ConfigError(
            f'override {key!r}: {where} is {node!r}, which has no key {part!r}'
            if part
            else f'override {key!r}: a key is made of names and numbers joined by single dots'
        )
    if not re.fullmatch('-?[0-9]+', part) or not -len(node) <= int(part) < len(node):
        entries = f'with entries 0 to {len(node) - 1}' if node else 'without entries'
        raise ConfigError(
            f'override {key!r}: {where} is a {type(node).__name__} {entries}; '
            f'it has no entry {part!r}'
        )
    items = list(node)
    items[int(part)] = override(items[int(part)], key, rest, value)
    return type(node)(items)


def to_python(value: Any, key: str) -> str:
    """Returns Python text for a plain `value`; `key` is its place, for errors."""
    if isinstance(value, dict):
        items = [(name, to_python(item, f'{key}.{name}')) for name, item in value.items()]
        if all(map(is_name, value)):
            return f'dict({", ".join(f"{name}={text}" for name, text in items)})'
        return f'{{{", ".join(f"{to_python(name, key)}: {text}" for name, text in items)}}}'
    if type(value) in (list, tuple):
        items = ', '.join(to_python(item, f'{key}.{i}') for i, item in enumerate(value))
        return f'[{items}]' if type(value) is list else f'({items}{"," if len(value) == 1 else ""})'
    if type(value) is float and not math.isfinite(value):
        return f"float('{value}')"
    if value is None or type(value) in (bool, int, float, str):
        return repr(value)
    path = f'{value.__module__}.{value.__qualname__}' if inspect.isclass(value) else ''
    hint = f'; name it by its path, {path!r}' if path else ''
    raise ConfigError(
        f'key {key!r}: {value!r} cannot be written to a config file, which holds dicts, lists, '
        f'tuples, strings, numbers, booleans and None{hint}'
    )


def is_name(key: Any) -> bool:
    """Says whether `key` can stand before `=` in Python and is still the same key when read
    back.
    """
    # Python normalises the names that it reads
    return (
        isinstance(key, str)
        and key.isidentifier()
        and not keyword.iskeyword(key)
        and unicodedata.normalize('NFKC', key) == key
    )
