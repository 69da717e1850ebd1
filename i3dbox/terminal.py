"""Text of others (class names, file names) on its way to a terminal or a spreadsheet."""

from __future__ import annotations

import re
from typing import Any, TextIO

# Control characters, of which a terminal obeys some, and those that turn or hide what stands around
# them. A line's end, a tab, and what progress bars move with pass.
_CONTROLS = re.compile(
    '[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]'
    '|\x1b(?!\\[A)'
)
_FORMULA = ('=', '+', '-', '@', '\t', '\r')


def printable(text: str) -> str:
    """Returns text with escapes (\\x1b, ...) in the place of what a terminal would obey, and of
    bytes of file names that are no text.
    """
    shown = _CONTROLS.sub(lambda match: match[0].encode('unicode_escape').decode(), text)
    return shown.encode('utf-8', 'backslashreplace').decode()


def plain_cell(text: str) -> str:
    """Returns text as a cell of a CSV file that no spreadsheet takes for a formula: behind an
    apostrophe where it begins as one.
    """
    text = printable(text)
    return f"'{text}" if text.startswith(_FORMULA) else text


class Printable:
    """A stream for text that shows all of it by `printable`."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes text; returns its length."""
        self._stream.write(printable(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Writes each of several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
