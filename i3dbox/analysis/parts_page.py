"""The reference of all registered parts, from their signatures and docstrings, as Markdown."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable

from .. import registry as registries
from ..registry import parameters_of

# Registry -> heading, where a config names its parts, and the arguments that the toolbox gives them
# itself.
CHAPTERS = {
    'RECOGNIZERS': ('Recognizers', '`model`', ()),
    'BACKBONES': ('Backbones', '`model.backbone`', ('in_channels',)),
    'HEADS': ('Heads', '`model.head`', ('in_channels',)),
    'LOSSES': ('Losses', '`loss`', ()),
    'BLENDINGS': ('Blendings', '`blending`', ()),
    'DATASETS': ('Data sets', '`data.train`, `data.val`, `data.test`', ('test_mode', 'configs')),
    'PIPELINES': ('Pipeline steps', "a data set's `pipeline`", ()),
    'FLOW_METHODS': ('Flow methods', '`method` of `ComputeFlow`, `--method` of extract_flow', ()),
    'OPTIMIZERS': (
        'Optimizers',
        '`optimizer`, which also takes `decay_norm_and_bias` and `paramwise_cfg`',
        ('params',),
    ),
    'SCHEDULES': ('Schedules', '`schedule`', ('base_lr', 'steps_per_epoch', 'total_steps')),
    'RUNNERS': ('Runners', '`runner`', ()),
    'HOOKS': ('Hooks', '`hooks`', ()),
    'METRICS': ('Metrics', '`evaluation.metrics`, `--eval`', ('scores', 'labels')),
    'EXPORTERS': ('Exporters', '`--format` of export', ()),
}
_SECTION = re.compile(
    r'^(Args|Arguments|Attributes|Returns|Raises|Inputs|Outputs|Samples|Yields)\b.*:'
)
_ENTRY = re.compile(r'^(\*{0,2}\w+.*?): (.*)')


def render() -> str:
    """Returns the whole reference: a chapter per registry, and in it each part of the package."""
    lines = []
    for name, (heading, place, given) in CHAPTERS.items():
        registry = getattr(registries, name)
        parts = ((part_name, registry.get(part_name)) for part_name in registry.names())
        own = [(part_name, part) for part_name, part in parts if registries.is_of_the_package(part)]
        if own:
            lines += [f'## {heading}', '', f'In a config: {place}.', '']
        for part_name, part in own:
            lines += _part(part_name, part, given)
    return '\n'.join(lines).rstrip() + '\n'


def _part(name, part, given):
    """Returns the lines of one part: its call, what its docstring says, and its arguments."""
    own = inspect.signature(part).parameters
    # those without a default first, then the part's own before its bases'
    order = sorted(
        parameters_of(part)[0].items(),
        key=lambda item: (item[1].default is not item[1].empty, item[0] not in own),
    )
    parameters = {key: parameter for key, parameter in order if key not in given}
    call = ', '.join(_parameter(parameter) for parameter in parameters.values())
    text, _ = split_docstring(_docstring(part))
    rows = []
    for names, kind, meaning in arguments_of(part):
        names = [key for key in names if key in parameters]
        if names:
            rows.append(f'- `{", ".join(names)}`{f" {kind}" if kind else ""}: {_escape(meaning)}')
    return [
        f'### {name}',
        '',
        '```python',
        f'{name}({call})',
        '```',
        '',
        *map(_escape, text),
        '',
        *rows,
        *([''] if rows else []),
    ]


def _parameter(parameter):
    return (
        parameter.name
        if parameter.default is parameter.empty
        else f'{parameter.name}={_value(parameter.default)}'
    )


def _value(value):
    return getattr(value, '__name__', None) if callable(value) else repr(value)


def _docstring(part):
    """Returns a part's own docstring, cleaned; not its base's."""
    return inspect.cleandoc(part.__doc__ or '')


def split_docstring(text: str) -> tuple[list[str], list[str]]:
    """Splits a docstring into the lines before its first section and those of its Args, without
    their heading.

    A section is a line such as `Args:` or `Raises: ...` at the docstring's own indentation.
    """
    before = []
    args = []
    section = None
    for line in text.splitlines():
        if _SECTION.match(line):
            section = line.split(':')[0]
        elif section is None:
            before.append(line)
        elif section == 'Args':
            args.append(line)
    while before and not before[-1].strip():
        before.pop()
    return before, args


def arguments_of(part: Callable) -> list[tuple[list[str], str, str]]:
    """Returns (names, kind, meaning) for each entry of Args, of a class's bases after its own.

    An entry such as `rgb, flow (dict): of RECOGNIZERS.` gives (['rgb', 'flow'], '(dict)', 'of
    RECOGNIZERS.').
    """
    entries = []
    known = set()
    for owner in inspect.getmro(part)[:-1] if inspect.isclass(part) else [part]:
        entries_there = (
            _entries(split_docstring(_docstring(owner))[1])
            if registries.is_of_the_package(owner)
            else []
        )
        for match in filter(None, map(_ENTRY.match, entries_there)):
            head, meaning = match.groups()
            names = re.findall(r'\w+', re.sub(r'\([^()]*\)', ' ', head))
            kinds = re.findall(r'\([^()]*\)', head)
            if known.isdisjoint(names):
                known.update(names)
                entries.append((names, ', '.join(dict.fromkeys(kinds)), meaning))
    return entries


def _entries(lines):
    """Joins the lines of Args into one string per entry: a deeper indentation goes on with the
    entry before.
    """
    entries = []
    for line in textwrap.dedent('\n'.join(lines)).splitlines():
        if line.startswith(' '):
            entries[-1] += f' {line.strip()}'
        elif line:
            entries.append(line)
    return entries


def _escape(line):
    """Escapes a line for Markdown: outside of code, < begins no tag and * no emphasis."""
    if line.startswith('    '):
        return line
    pieces = line.split('`')
    pieces[::2] = [
        re.sub(r'\*\*|(?<!^)\*', lambda match: '\\*' * len(match[0]), piece.replace('<', '&lt;'))
        for piece in pieces[::2]
    ]
    return '`'.join(pieces)
