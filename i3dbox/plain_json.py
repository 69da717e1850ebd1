"""JSON files that others wrote: read within limits, and compared with the form that they must have.

A form is a type (int is no bool, and float any finite number); a Form; a tuple of forms, of which
one must fit; None, for null; [form], a list; dict(key=form, ...), an object with these keys (those
that begin with ? may be absent), which may have others; or {str: form}, an object with any keys.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple

LIMIT = 256 << 20  # bytes of a file


class Form(NamedTuple):
    """What a value must be, in words, and a function that says whether it is."""

    what: str
    fits: Callable[[Any], bool]


def is_plain_name(name: Any) -> bool:
    """Whether a value is a name that leads to no other folder than its own."""
    return isinstance(name, str) and name not in ('', '.', '..') and not set(name) & set('/\\\0:')


PLAIN_NAME = Form('a name without a separator', is_plain_name)
WHOLE = Form('a whole number from 0', lambda value: type(value) is int and value >= 0)
COUNT = Form('a whole number from 1', lambda value: type(value) is int and value >= 1)


def read_json(path: str, form: Any, limit: int = LIMIT) -> Any:
    """Returns what a file holds.

    Raises:
        ValueError: it is larger than `limit` bytes, no JSON, nested too deeply, or not of the form;
            says where.
        OSError: it cannot be read.
    """
    size = os.path.getsize(path)
    if size > limit:
        raise ValueError(f'it has {size} bytes; at most {limit} are read')
    with open(path, encoding='utf-8') as file:
        value = parse_json(file.read())
    check_form(value, form)
    return value


def parse_json(text: str) -> Any:
    """Returns what a text says. Raises ValueError, as JSONDecodeError where it is no JSON."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError('its values are nested too deeply') from None


def check_form(value: Any, form: Any, where: str = 'it') -> None:
    """Raises ValueError that names the first place where a value is not of a form."""
    if isinstance(form, list):
        _expect(isinstance(value, (list, tuple)), value, 'a list', where)
        for index, one in enumerate(value):
            check_form(one, form[0], f'{where}[{index}]')
    elif isinstance(form, dict):
        _expect(isinstance(value, dict), value, 'an object', where)
        for key, one in form.items():
            for name in value if key is str else _named(value, key, where):
                check_form(value[name], one, f'{where}.{name}'[:200])
    else:
        _expect(_fits(value, form), value, _words(form), where)


def _named(value, key, where):
    name = key.lstrip('?')
    _expect(name in value or name != key, value, f'an object with {name!r}', where)
    return [name] * (name in value)


def _fits(value, form):
    if isinstance(form, tuple) and not isinstance(form, Form):
        return any(_fits(value, one) for one in form)
    if isinstance(form, (list, dict)):
        try:
            check_form(value, form)
        except ValueError:
            return False
        return True
    if form is None:
        return value is None
    if form is float:
        return type(value) in (int, float) and math.isfinite(value)
    return form.fits(value) if isinstance(form, Form) else type(value) is form


def _words(form):
    if isinstance(form, Form):
        return form.what
    if isinstance(form, tuple):
        return ' or '.join(map(_words, form))
    kinds = {None: 'null', str: 'a text', int: 'a whole number', float: 'a number', bool: 'a bool'}
    kinds.update({dict: 'an object', list: 'a list'})
    return kinds[type(form) if isinstance(form, (list, dict)) else form]


def _expect(right, value, what, where):
    if not right:
        found = f'{type(value).__name__} {str(value)[:60]!r}'
        raise ValueError(f'{where[:200]} is {what}; got {found}')
