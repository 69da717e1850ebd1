"""How the images of a folder of frames are named, and from which number they are counted."""

from __future__ import annotations

import collections
import re
from collections.abc import Collection
from typing import NamedTuple

from ..errors import ConfigError

# The original's names, which are written here. RGB: the frame's number; flow: {0} is x or y, {1}
# the number.
FILENAME_TMPL = {'RGB': 'image_{:05d}.jpg', 'Flow': 'image_{1:05d}{0}.jpg'}
# What is looked for first: the original's names, and mmaction's.
KNOWN = {
    'RGB': (FILENAME_TMPL['RGB'], 'img_{:05d}.jpg'),
    'Flow': (FILENAME_TMPL['Flow'], 'flow_{}_{:05d}.jpg'),
}
FIRST = (0, 1)  # numbers that a first frame may have
_ENDLESS = re.compile(r'[:.][^}]*[0-9]{3}')  # a width that makes names without end
_NUMBERED = re.compile(r'(.*?)([0-9]+)([^0-9]*\.(?:jpe?g|png|bmp|webp|tiff?|pgm|ppm))', re.I | re.S)


class FrameNames(NamedTuple):
    """The names of a folder's images.

    Attributes:
        modality: 'RGB' or 'Flow'.
        template: a format string, see frame_folder.FrameFolder.
        start_index: the number of the first image.
    """

    modality: str
    template: str
    start_index: int

    def of(self, index: int) -> list[str]:
        """Returns the names of frame `index`, counted from 0: one, or for flow two, x and y."""
        return frame_names(self.modality, index + self.start_index, self.template)


def frame_names(modality: str, number: int, filename_tmpl: str | None = None) -> list[str]:
    """Returns the names of the images that hold frame `number`: one, or for flow two, x and y.

    Args:
        modality: 'RGB' or 'Flow'.
        filename_tmpl: see frame_folder.FrameFolder.

    Raises:
        ConfigError: a modality or template that names no images.
    """
    if modality not in FILENAME_TMPL:
        raise ConfigError(f"modality is 'RGB' or 'Flow'; got {modality!r}")
    template = filename_tmpl or FILENAME_TMPL[modality]
    fields = [(number,)] if modality == 'RGB' else [('x', number), ('y', number)]
    try:
        if _ENDLESS.search(template):
            raise ValueError('a number in it is too large')
        return [template.format(*values) for values in fields]
    except (IndexError, KeyError, ValueError, AttributeError) as error:
        raise _wrong_template(template, modality, error) from error


def check_template(modality: str, filename_tmpl: str | None) -> None:
    """Raises ConfigError for a template that does not give every image a name of its own."""
    names = {name for number in (0, 1) for name in frame_names(modality, number, filename_tmpl)}
    if len(names) != (2 if modality == 'RGB' else 4):
        raise _wrong_template(filename_tmpl, modality, 'it names the same file twice')


def known_names(
    modality: str, there: Collection[str], template: str | None = None, start: int | None = None
) -> FrameNames | None:
    """Returns the FrameNames of a folder whose first frame has a known name, or None.

    Args:
        there: the names in the folder; anything that knows `in`.
        template: the only one to be looked for; default: KNOWN. start: the only first number;
            default: FIRST.
    """
    for one in (template,) if template else KNOWN[modality]:
        for number in FIRST if start is None else (start,):
            if all(name in there for name in frame_names(modality, number, one)):
                return FrameNames(modality, one, number)
    return None


def likely_names(modality: str, there: Collection[str]) -> list[FrameNames]:
    """Returns the FrameNames that numbered images in a folder follow, whatever they are called:
    for flow, two that differ in an x and a y; for RGB, those that are not in such a pair.
    """
    numbers = collections.defaultdict(list)
    for name in there:
        match = _NUMBERED.fullmatch(name)
        if match:
            numbers[match[1], match[3]].append(match[2])
    pairs = {
        key: pair
        for key, found in numbers.items()
        for pair in _pairs(*key, _width(found))
        if pair[1] in numbers
    }
    if modality == 'Flow':
        templates = {template: numbers[key] for key, (template, _) in pairs.items()}
    else:
        in_pairs = {*pairs, *(other for _, other in pairs.values())}
        templates = {
            f'{_literal(prefix)}{{:{_width(found)}}}{_literal(suffix)}': found
            for (prefix, suffix), found in numbers.items()
            if (prefix, suffix) not in in_pairs
        }
    return [
        FrameNames(modality, template, min(map(int, found)))
        for template, found in sorted(templates.items())
    ]


def several_names(modality: str, likely: list[FrameNames]) -> str:
    """Says that images in a folder have several names, as `likely_names` found them."""
    templates = ', '.join(names.template for names in likely[:3])
    return f'it holds {modality} images of several names ({templates})'


def _pairs(prefix, suffix, width):
    """Yields (template, what stands around the number for y) for each x around a number."""
    stem, dot, extension = suffix.rpartition('.')
    end = dot + extension
    for match in re.finditer('x', prefix):
        before, after = prefix[: match.start()], prefix[match.end() :]
        template = f'{_literal(before)}{{0}}{_literal(after)}{{1:{width}}}{_literal(suffix)}'
        yield template, (f'{before}y{after}', suffix)
    for match in re.finditer('x', stem):
        before, after = stem[: match.start()], stem[match.end() :]
        template = f'{_literal(prefix)}{{1:{width}}}{_literal(before)}{{0}}{_literal(after + end)}'
        yield template, (prefix, f'{before}y{after}{end}')


def _literal(text):
    return text.replace('{', '{{').replace('}', '}}')


def _width(numbers):
    """Returns the format of numbers: '05d', or 'd' where they are not padded."""
    padded = [len(number) for number in numbers if number[0] == '0' and len(number) > 1]
    return f'0{padded[0]}d' if padded else 'd'


def _wrong_template(template, modality, reason):
    return ConfigError(
        f'filename_tmpl {template!r} does not name {modality} frames ({reason}); expected a format '
        f'string such as {FILENAME_TMPL[modality]!r}'
    )
