"""The words of --cfg-options, KEY=VALUE, and their values."""

from __future__ import annotations

import argparse
import ast
from typing import Any


class DictAction(argparse.Action):
    """Collects KEY=VALUE words into a dict; the option can be given several times. See
    `parse_value`.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: list[str],
        option_string: str | None = None,
    ) -> None:
        options = dict(getattr(namespace, self.dest) or {})
        for word in values:
            key, equals, text = word.partition('=')
            if not key or not equals:
                raise argparse.ArgumentError(self, f'expected KEY=VALUE, got {word!r}')
            options[key] = parse_value(text)
        setattr(namespace, self.dest, options)


def parse_value(text: str) -> Any:
    """Returns the value that `text` from a command line stands for.

    A Python literal is itself, and `true` and `false` are booleans. In `[a, 1]` and `(a, 1)` the
    entries are values in turn, and so are they in `a,1`, which is a list. Anything else is a
    string; so is anything in quotes, commas and brackets included.

        >>> parse_value('1e-3'), parse_value('a,b,1'), parse_value("'a,b'")
        (0.001, ['a', 'b', 1], 'a,b')
        >>> parse_value('[(x,1),None]')
        [('x', 1), None]
    """
    text = text.strip()
    entries = _split(text)
    if entries and len(entries) > 1:
        return [parse_value(entry) for entry in entries if entry.strip()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        pass  # no Python literal
    entries = _split(text[1:-1])
    brackets = text[:1] + text[-1:]
    if entries and (brackets == '[]' or brackets == '()' and len(entries) > 1):
        return {'[]': list, '()': tuple}[brackets](
            parse_value(entry) for entry in entries if entry.strip()
        )
    return {'true': True, 'false': False}.get(text.lower(), text)


def _split(text):
    """Splits `text` at the commas outside of brackets and quotes; None where those do not pair."""
    pairs = {'(': ')', '[': ']', '{': '}'}
    entries = ['']
    closing = []
    quote = ''
    for char in text:
        if quote:
            quote = '' if char == quote else quote
        elif char in '\'"':
            quote = char
        elif char in pairs:
            closing.append(pairs[char])
        elif char in pairs.values() and (not closing or closing.pop() != char):
            return None
        if char == ',' and not closing and not quote:
            entries.append('')
        else:
            entries[-1] += char
    return None if closing or quote else entries
