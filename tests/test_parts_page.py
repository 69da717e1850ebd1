"""The reference of parts is what their docstrings say."""

import pathlib

from i3dbox import registry
from i3dbox.analysis.parts_page import CHAPTERS, arguments_of, render, split_docstring
from i3dbox.commands import main
from i3dbox.commands.render_parts import BEGIN, END
from i3dbox.registry import DATASETS, HOOKS, Registry

PAGE = pathlib.Path(__file__).parents[1] / 'docs/parts.md'


def test_the_page_says_what_the_docstrings_say():
    assert (
        PAGE.read_text(encoding='utf-8').split(BEGIN)[1].split(END)[0].strip() == render().strip()
    ), 'run python tools/render_parts.py docs/parts.md'


def test_every_registry_has_a_chapter_and_every_part_of_the_package_stands_in_it():
    assert {name for name, value in vars(registry).items() if isinstance(value, Registry)} == set(
        CHAPTERS
    )
    text = render()
    for name in CHAPTERS:
        parts = getattr(registry, name)
        for part in parts.names():
            assert (f'\n### {part}\n' in text) == parts.get(part).__module__.startswith(
                'i3dbox.'
            ), part


def test_parts_of_the_users_stay_out_of_the_page():
    @HOOKS.register
    class NobodysHook:
        """Not of the package."""

    try:
        assert 'NobodysHook' not in render()
    finally:
        HOOKS._parts.pop('NobodysHook')


def test_arguments_of_bases_follow_a_parts_own():
    names = [name for names, *_ in arguments_of(DATASETS.get('RawframeDataset')) for name in names]
    assert (
        names[:4] == ['filename_tmpl', 'start_index', 'with_offset', 'ann_file']
        and 'damaged' in names
        and len(set(names)) == len(names)
    )


def test_a_docstring_is_split_at_its_sections():
    text = 'Does.\n\nMore: of it.\n\nArgs:\n    a, b (int): one\n        or two.\n\nRaises: never.'
    assert split_docstring(text) == (
        ['Does.', '', 'More: of it.'],
        ['    a, b (int): one', '        or two.', ''],
    )

    class Part:
        """Does.

        Args:
            a, b (int): one
                or two: both.
            c (str), d (int): of it.
        """

    Part.__module__ = 'i3dbox.made_up'
    assert arguments_of(Part) == [
        (['a', 'b'], '(int)', 'one or two: both.'),
        (['c', 'd'], '(str), (int)', 'of it.'),
    ]


def test_the_command_writes_between_the_marks_and_nothing_else(tmp_path, capsys):
    page = tmp_path / 'page.md'
    page.write_text(f'before\n{BEGIN}\nwhat was there\n{END}\nbehind\n')
    assert main('render_parts', [str(page)]) == 0
    text = page.read_text()
    assert (
        text.startswith('before\n')
        and text.endswith(f'{END}\nbehind\n')
        and 'what was there' not in text
    )
    page.write_text('no marks')
    assert main('render_parts', [str(page)]) == 1 and 'has no lines' in capsys.readouterr().err
