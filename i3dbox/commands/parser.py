"""The parser of all commands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from ..counterparts import hint


class CommandParser(argparse.ArgumentParser):
    """An ArgumentParser that says what was meant by an option that it does not have."""

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        values, rest = self.parse_known_args(args, namespace)
        if rest:
            self.error(f'unrecognized arguments: {" ".join(rest)}.{self._hint(rest)}')
        return values

    def _hint(self, words):
        options = [option for option in self._option_string_actions if option.startswith('--')]
        names = [word.partition('=')[0].replace('_', '-') for word in words]
        flags = [name for name in names if name.startswith('--')]
        hints = {name: hint('flag', name, options) for name in flags}
        if len(flags) == 1:
            return hints[flags[0]]
        return ''.join(f' {name}:{meant}' for name, meant in hints.items() if meant)
