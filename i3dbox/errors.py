"""Errors that a user can cause. Commands print them as one line, without a traceback."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable


class I3DBoxError(Exception):
    """Base of all errors whose message is written for the user."""


class ConfigError(I3DBoxError):
    """A config file, key or override that cannot be used."""


class RegistryError(ConfigError):
    """A part's type or arguments that no registry can build."""


class AnnotationError(I3DBoxError):
    """A split file, list or JSON that does not say what it should."""


class DataError(I3DBoxError):
    """A data set that cannot be found or used as a whole."""


class DamagedSampleError(I3DBoxError):
    """One video or frame folder that cannot be read.

    Attributes: name (of the sample), path (the culprit), reason.
    """

    def __init__(self, name: str, path: str, reason: str):
        super().__init__(name, path, reason)  # all three, so that it can be pickled
        self.name = name
        self.path = path
        self.reason = reason

    def __str__(self):
        return f'{self.path}: {self.reason}'


class CheckpointError(I3DBoxError):
    """A checkpoint that cannot be read or does not fit the model."""


class DownloadError(I3DBoxError):
    """A file that cannot be downloaded."""


class ModelError(I3DBoxError):
    """A model that cannot be built, or an input that it cannot take."""


class DivergedError(I3DBoxError):
    """Training whose loss or weights are no longer finite."""


class ExportError(I3DBoxError):
    """A network that cannot be exported, an exported file that cannot be used, or an input that it
    cannot take.
    """


class DeviceError(I3DBoxError):
    """A device that is not there or cannot do what the config asks."""


def first_line(error: Exception) -> str:
    """Returns the first line of an error's text, cut where it has no end, or its type where it has
    none.
    """
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line if len(line) <= 500 else f'{line[:500]}...'


def spelling_hint(name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """Returns ' Did you mean ...?' where one of `names` is spelled nearly like `name`, letter case
    aside; else ''.
    """
    known = {}
    for text in names:
        if isinstance(text, str):
            known.setdefault(text.lower(), text)
    near = difflib.get_close_matches(str(name).lower(), known, n=1, cutoff=cutoff)
    return f' Did you mean {known[near[0]]!r}?' if near else ''


def first_difference(names: Iterable[str] | None, others: Iterable[str] | None) -> str:
    """Returns where two lists of classes part, as in "class 3 is 'a' in the one and 'b' in the
    other"; '' for equal ones, and where one of them (None) is not known.
    """
    if not names or not others:
        return ''
    pairs = itertools.zip_longest(map(repr, names), map(repr, others), fillvalue='missing')
    for label, (here, there) in enumerate(pairs):
        if here != there:
            return f'class {label} is {here} in the one and {there} in the other'
    return ''
