"""Write the model zoo's entries into a page, between its two marks."""

BEGIN, END = '<!-- zoo: made by tools/render_model_zoo.py -->', '<!-- end of zoo -->'


def add_arguments(parser):
    parser.add_argument('page', metavar='PAGE', help='model_zoo.md')


def run(args):
    from ..errors import ConfigError
    from ..fileio import atomic_write

    with open(args.page, encoding='utf-8') as file:
        text = file.read()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f'{args.page}: has no lines {BEGIN!r} and {END!r} to write between')
    atomic_write(args.page, f'{before}{BEGIN}\n\n{table()}\n{END}{after}')


def table():
    """The zoo's entries as a table in Markdown."""
    from ..weights.zoo_index import ENTRIES, HOST

    lines = ['| name | stream | classes | trained on | published figures | source, licence |', '|---|---|---|---|---|---|']
    for name, entry in ENTRIES.items():
        lines.append(f'| `{name}` | {entry.modality} | {entry.num_classes} | {entry.data} | {entry.figures or "none"} | '
                     f'[{entry.source}]({HOST}/{entry.source}), {entry.licence} |')
    return '\n'.join(lines) + '\n'
