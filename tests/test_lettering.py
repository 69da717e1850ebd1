"""Text in pictures is written in a font that has its letters."""

import shutil
import warnings

import numpy as np
import pytest

from i3dbox.evaluation.results import Results
from i3dbox.reports.charts import confusion_chart
from i3dbox.reports.words import ENGLISH
from i3dbox.visualization import text as lettering
from i3dbox.visualization.text import DEFAULT, fitting, measure, shorten, write

FROM_PACKAGE = lettering._from_package


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Puts fonts of given letters in the place of those of this machine."""
    builder, pen = (
        pytest.importorskip('fontTools.fontBuilder'),
        pytest.importorskip('fontTools.pens.ttGlyphPen'),
    )

    def box():
        drawn = pen.TTGlyphPen(None)
        drawn.moveTo((100, 0))
        for corner in ((100, 700), (900, 700), (900, 0)):
            drawn.lineTo(corner)
        drawn.closePath()
        return drawn.glyph()

    def install(style='Regular', letters='', name='Boxes'):
        letters = ''.join(dict.fromkeys(letters))
        names = ['.notdef', *(f'uni{ord(letter):04X}' for letter in letters)]
        font = builder.FontBuilder(1000, isTTF=True)
        font.setupGlyphOrder(names)
        font.setupCharacterMap({ord(letter): glyph for letter, glyph in zip(letters, names[1:])})
        font.setupGlyf({glyph: box() for glyph in names})
        font.setupHorizontalMetrics({glyph: (1000, 100) for glyph in names})
        font.setupHorizontalHeader(ascent=800, descent=-200)
        font.setupNameTable(dict(familyName=name, styleName=style))
        font.setupOS2()
        font.setupPost()
        paths.append(str(tmp_path / f'{name}-{style}.ttf'))
        font.save(paths[-1])
        return paths[-1]

    paths = []
    monkeypatch.setattr('matplotlib.font_manager.findSystemFonts', lambda: paths)
    monkeypatch.setattr(lettering, '_from_package', list)
    monkeypatch.setattr(lettering, '_told', [])
    for cached in (lettering._installed, lettering.fitting):
        cached.cache_clear()
    yield install
    for cached in (lettering._installed, lettering.fitting):
        cached.cache_clear()


@pytest.mark.parametrize('text', ['waving', 'Müller', 'приседание'])
def test_the_default_font_writes_latin_and_cyrillic(installed, text):
    installed(letters=text)
    assert fitting(text) == (text, DEFAULT)


def test_chinese_is_written_in_the_installed_font_that_has_it(installed):
    installed(letters='挥', name='A')
    both = installed(letters='挥手', name='B')
    assert fitting('挥手') == ('挥手', both)


def test_the_regular_style_is_preferred(installed):
    installed('Bold', '挥手')
    regular = installed('Regular', '挥手')
    assert fitting('挥手') == ('挥手', regular)


def test_chinas_shapes_of_letters_are_preferred_and_fonts_of_boxes_left_out(installed):
    installed(letters='挥手', name='.LastResort')
    installed(letters='挥手', name='Noto Sans CJK JP')
    chinese = installed(letters='挥手', name='Noto Sans CJK SC')
    assert fitting('挥手') == ('挥手', chinese)


def test_letters_that_no_font_has_become_question_marks(installed):
    font = installed(letters='挥 1')
    assert fitting('挥手 1') == ('挥? 1', font)
    assert fitting('\udc80') == ('?', DEFAULT)  # a byte of a file name that is no text


def test_letters_that_no_font_has_are_told_once_with_what_brings_a_font(installed, caplog):
    installed(letters='one')
    assert (
        fitting('one 挥手') == ('one ??', fitting('one')[1]) and fitting('手\x1b[2J')[0][0] == '?'
    )
    assert [record.getMessage() for record in caplog.records] == [
        'no font here has such letters as 挥手: pictures show ? in their place. pip install '
        '"i3dbox[fonts]" brings a font with the Chinese ones'
    ]
    caplog.clear()
    assert not lettering.has_font('挥') and lettering.has_font('one') and not caplog.records


def test_the_font_of_the_extra_is_found_without_importing_its_package(
    installed, monkeypatch, tmp_path
):
    made = installed(letters='挥手', name='Noto Sans SC')
    monkeypatch.setattr('matplotlib.font_manager.findSystemFonts', list)
    package = tmp_path / 'zhplot'
    (package / 'fonts').mkdir(parents=True)
    (package / '__init__.py').write_text('raise SystemExit("imported")')
    shutil.copy(made, package / 'fonts/NotoSansSC-Regular.ttf')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(lettering, '_from_package', FROM_PACKAGE)
    assert fitting('挥手') == ('挥手', str(package / 'fonts/NotoSansSC-Regular.ttf'))


def test_accents_that_stand_apart_join_their_letters(installed):
    assert fitting('Mu\u0308ller')[0] == 'Müller'


def test_a_file_that_is_no_font_is_passed_over(installed):
    font = installed(letters='挥')
    with open(installed(letters='手', name='A'), 'w') as file:
        file.write('no font')
    assert fitting('挥') == ('挥', font) and fitting('手')[0] == '?'


def test_letters_fill_their_place_and_nothing_else(installed):
    installed(letters='挥手')
    image = np.zeros((40, 100, 3), np.uint8)
    write(image, '挥手', 10, 30, 20, (200, 100, 50))
    assert measure('挥手', 20) == 40
    rows, columns = np.nonzero(image.any(-1))
    assert 16 <= rows.min() <= 17 and rows.max() == 29  # 700 thousandths of 20 above the base line
    assert 11 <= columns.min() <= 12 and 47 <= columns.max() <= 48
    assert (image[20, 20] == (200, 100, 50)).all()


def test_long_names_are_cut_off(installed):
    installed(letters='挥手. ')
    assert shorten('挥手', 20, 40) == '挥手' and shorten('挥手挥手挥手', 20, 100) == '挥手...'


def test_charts_write_chinese_names(installed):
    installed(letters='挥手 one lp: what is taken for')  # matplotlib measures lines by 'lp'
    results = Results(['a', 'b'], np.array([0, 1]), np.eye(2, dtype=np.float32), ['挥手', 'one 手'])
    with warnings.catch_warnings():
        warnings.simplefilter('error')  # matplotlib warns of letters that its font lacks
        assert confusion_chart(results, '手', ENGLISH).startswith(b'\x89PNG')


def test_charts_write_dollars_as_they_are():
    results = Results(['a', 'b'], np.array([0, 1]), np.eye(2, dtype=np.float32), ['$x_$', '$1$'])
    assert confusion_chart(results, '$\\frac{1$', ENGLISH).startswith(b'\x89PNG')


def test_text_that_reaches_over_the_edge_is_cut_off():
    image = np.zeros((20, 30, 3), np.uint8)
    write(image, 'a long text', 20, 15, 16, (255, 255, 255))
    assert image[:, 20:].any() and not image[:, :18].any()
    before = image.copy()
    for x, y in ((-500, 10), (40, 10), (5, -20), (5, 80)):
        write(image, 'nowhere', x, y, 16, (255, 255, 255))
    assert (image == before).all()
