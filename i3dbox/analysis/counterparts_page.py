"""What mmaction2 calls things beside what they are here, as Markdown."""

from __future__ import annotations

from ..counterparts import COUNTERPARTS

CHAPTERS = {
    'key': ('Keys of a config', 'key'),
    'argument': ('Arguments', 'argument'),
    'part': ('Types', 'type'),
    'method': ('Methods of hooks', 'method'),
    'flag': ('Options of commands', 'option'),
    'command': ('Scripts', 'script'),
    'import': ('Names in Python', 'name'),
}


def render() -> str:
    """Returns a chapter with a table for each kind of name."""
    lines = []
    for kind, (heading, column) in CHAPTERS.items():
        lines += [f'## {heading}', '', f'| {column} | here |', '|---|---|']
        lines += [f'| `{name}` | {text} |' for name, text in sorted(COUNTERPARTS[kind].items())]
        lines.append('')
    return '\n'.join(lines)
