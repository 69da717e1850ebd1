"""Text in pictures, in any script that a font of this machine has: class names and file names may
be Chinese.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import re
import unicodedata
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

from ..terminal import printable

logger = logging.getLogger(__name__)
# Latin, Greek, Cyrillic, ...
DEFAULT = os.path.join(matplotlib.get_data_path(), 'fonts', 'ttf', 'DejaVuSans.ttf')
FONT_PACKAGE = 'pip install "i3dbox[fonts]"'
# fonts that have a box, or nothing, for every letter
_NO_LETTERS = re.compile('last ?resort|adobe blank', re.I)
_CHINESE = re.compile(r'\b(SC|CN|GB)\b|Hei')  # how fonts with China's shapes of letters are called
_SERIF_OR_MONO = re.compile('(?<!sans )serif|mono', re.I)
_told = []  # of letters that no font has: once is enough


def measure(text: str, size: float) -> int:
    """Returns the width of `text` in pixels, where letters take `size` pixels from the top of one
    line to the next.
    """
    text, path = fitting(text)
    return round(_font(path, size).getlength(text))


def shorten(text: str, size: float, room: float) -> str:
    """Returns the text if it is at most `room` pixels wide, else its beginning and '...'."""
    text, path = fitting(text)
    width = _font(path, size).getlength
    if width(text) <= room:
        return text
    while text and width(f'{text}...') > room:
        text = text[:-1]
    return f'{text.rstrip()}...'


def write(image: np.ndarray, text: str, x: int, y: int, size: float, color: Sequence[int]) -> None:
    """Writes on a uint8 RGB image, rightwards from x, with the base line at y. color: (R, G, B)."""
    text, path = fitting(text)
    font = _font(path, size)
    left, top, right, bottom = font.getbbox(text, anchor='ls')
    place = image[max(y + top, 0) : max(y + bottom, 0), max(x + left, 0) : max(x + right, 0)]
    if place.size:
        canvas = Image.fromarray(np.ascontiguousarray(place))
        ImageDraw.Draw(canvas).text(
            (-max(left, -x), -max(top, -y)), text, tuple(color), font, anchor='ls'
        )
        place[:] = canvas


@functools.lru_cache(1024)
def fitting(text: str) -> tuple[str, str]:
    """Returns (text, path of a font): the default font if it has all letters, else the installed
    one that has most of them.

    Letters that it does not have are replaced by '?', which is told once.
    """
    text, path, absent = _nearest(text)
    if absent:
        _tell_of(letter for letter in dict.fromkeys(text) if letter in absent)
    return ''.join('?' if letter in absent else letter for letter in text), path


def has_font(text: str) -> bool:
    """Returns whether one font of this machine has all letters of a text."""
    return not _nearest(text)[2]


def _tell_of(letters):
    if _told:
        return
    shown = printable(''.join(letters))
    _told.append(shown)
    logger.warning(
        f'no font here has such letters as {shown}: pictures show ? in their place. '
        f'{FONT_PACKAGE} brings a font with the Chinese ones'
    )


def _nearest(text):
    """Returns (text with plain spaces, path of the font that has most of its letters, a set of
    those that it has not).
    """
    # macOS writes accents apart from their letters
    text = re.sub(r'\s', ' ', unicodedata.normalize('NFC', text))
    if text.isascii():
        return text, DEFAULT, set()
    wanted = np.unique([ord(letter) for letter in text])
    best = DEFAULT
    missing = wanted
    for path, letters in _fonts():
        absent = np.setdiff1d(wanted, letters, assume_unique=True)
        if len(absent) < len(missing):
            best = path
            missing = absent
        if not len(missing):
            break
    return text, best, set(map(chr, missing))


def _fonts():
    """Yields (path, code points of its letters) of each font: the default one, then what is
    installed.
    """
    yield DEFAULT, _letters(FT2Font(DEFAULT))
    yield from _installed()


@functools.lru_cache(1)
def _installed():
    """Lists fonts as _fonts yields them: upright regular fonts without serifs first, of these the
    Chinese ones.
    """
    from matplotlib.font_manager import findSystemFonts

    found = []
    for path in [*findSystemFonts(), *_from_package()]:
        try:
            font = FT2Font(path)
            family = font.family_name
            style = font.style_name
            if font.scalable and not _NO_LETTERS.search(family):
                order = (
                    style.lower() not in ('regular', 'book', 'normal', 'medium'),
                    bool(_SERIF_OR_MONO.search(family)),
                    not _CHINESE.search(family),
                    family,
                    path,
                )
                found.append((order, _letters(font)))
        except (OSError, RuntimeError, ValueError):  # no font that can be read
            continue
    return [(order[-1], letters) for order, letters in sorted(found, key=lambda entry: entry[0])]


def _from_package():
    """Returns the font that the extra `fonts` brings, without importing anything of its package."""
    package = importlib.util.find_spec('zhplot')
    path = package and os.path.join(
        os.path.dirname(package.origin), 'fonts', 'NotoSansSC-Regular.ttf'
    )
    return [path] if path and os.path.exists(path) else []


def _letters(font):
    return np.array(list(font.get_charmap()), np.int64)


@functools.lru_cache(256)
def _font(path, size):
    return ImageFont.truetype(path, size)
