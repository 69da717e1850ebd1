"""Text in pictures, in any script that a font of this machine has: class names and file names may be Chinese."""

import functools
import os
import re
import unicodedata

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

DEFAULT = os.path.join(matplotlib.get_data_path(), 'fonts', 'ttf', 'DejaVuSans.ttf')  # Latin, Greek, Cyrillic, ...


def measure(text, size):
    """The width of `text` in pixels, where letters take `size` pixels from the top of one line to the next."""
    text, path = fitting(text)
    return round(_font(path, size).getlength(text))


def write(image, text, x, y, size, color):
    """Writes on a uint8 RGB image, rightwards from x, with the base line at y. color: (R, G, B)."""
    text, path = fitting(text)
    canvas = Image.fromarray(image)
    ImageDraw.Draw(canvas).text((x, y), text, tuple(color), _font(path, size), anchor='ls')
    image[:] = canvas


@functools.lru_cache(1024)
def fitting(text):
    """(text, path of a font): the default font if it has all letters, else the installed one that has most of them.

    Letters that it does not have are replaced by '?'.
    """
    text = re.sub(r'\s', ' ', unicodedata.normalize('NFC', text))  # macOS writes accents apart from their letters
    if text.isascii():
        return text, DEFAULT
    wanted = np.unique([ord(letter) for letter in text])
    best, missing = None, wanted
    for path, letters in _fonts():
        absent = np.setdiff1d(wanted, letters, assume_unique=True)
        if best is None or len(absent) < len(missing):
            best, missing = path, absent
        if not len(missing):
            break
    return ''.join('?' if ord(letter) in missing else letter for letter in text), best


def _fonts():
    """Yields (path, code points of its letters) of each font: the default one, then what is installed."""
    yield DEFAULT, np.array(list(FT2Font(DEFAULT).get_charmap()))
    yield from _installed()


@functools.lru_cache(1)
def _installed():
    """As _fonts yields them: upright regular fonts without serifs first."""
    from matplotlib.font_manager import findSystemFonts

    found = []
    for path in findSystemFonts():
        try:
            font = FT2Font(path)
            family, style = font.family_name, font.style_name
            unlike = (style.lower() not in ('regular', 'book', 'normal', 'medium'),
                      bool(re.search('serif|mono', family.lower())))
            if font.scalable:
                found.append((unlike, family, path, np.array(list(font.get_charmap()), np.int64)))
        except (OSError, RuntimeError, ValueError):  # no font that can be read
            continue
    return [entry[2:] for entry in sorted(found, key=lambda entry: entry[:3])]


@functools.lru_cache(256)
def _font(path, size):
    return ImageFont.truetype(path, size)
