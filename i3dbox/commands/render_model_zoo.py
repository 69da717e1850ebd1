"""Write the model zoo's entries into a page, between its two marks."""

BEGIN, END = '<!-- zoo: made by tools/render_model_zoo.py -->', '<!-- end of zoo -->'


def add_arguments(parser):
    parser.add_argument('page', metavar='PAGE', help='model_zoo.md')


def run(args):
    write_between(args.page, BEGIN, END, table())


def write_between(path, begin, end, text):
    """Puts `text` between two marks of a page. Raises ConfigError where it has no such lines."""
    from ..errors import ConfigError
    from ..fileio import atomic_write

    with open(path, encoding='utf-8') as file:
        page = file.read()
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ConfigError(f'{path}: has no lines {begin!r} and {end!r} to write between')
    atomic_write(path, f'{before}{begin}\n\n{text}\n{end}{after}')


def table():
    """The zoo's entries as a table in Markdown."""
    from ..weights.zoo_index import ENTRIES, HOST

    lines = ['| name | stream | classes | trained on | published figures | source, licence |',
             '|---|---|---|---|---|---|']
    for name, entry in ENTRIES.items():
        lines.append(f'| `{name}` | {entry.modality} | {entry.num_classes} | {entry.data} | '
                     f'{entry.figures or "none"} | [{entry.source}]({HOST}/{entry.source}), {entry.licence} |')
    return '\n'.join(lines) + '\n'
