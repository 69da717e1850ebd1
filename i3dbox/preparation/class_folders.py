"""Folders of class folders: whose videos they hold, and which of these train and which test."""

from __future__ import annotations

import collections
import os
import re
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..datasets.annotations import read_class_names, read_video_list
from ..errors import DataError, spelling_hint
from ..fileio import atomic_folder, atomic_write
from .sources import VIDEO_EXTENSIONS, find_videos

if TYPE_CHECKING:
    from .checking import Problem
    from .sources import Source

VAL_SHARE = 0.25
SUBSETS = ('train', 'training', 'val', 'valid', 'validation', 'test', 'testing', 'eval')
_GROUP = re.compile(r'_(g\d+)_c\d+$', re.IGNORECASE)


class Split(NamedTuple):
    """Which videos train and which test.

    Attributes:
        classes: in label order.
        train, val: (path, label) each; paths below the folder, with forward slashes.
        left_out: (path, reason) of the videos that could not be read.
    """

    classes: list[str]
    train: list[tuple[str, int]]
    val: list[tuple[str, int]]
    left_out: list[tuple[str, str]]

    def counts(self) -> list[tuple[str, int, int]]:
        """Returns (class, training videos, validation videos) for each class."""
        numbers = [
            collections.Counter(label for _, label in part) for part in (self.train, self.val)
        ]
        return [
            (name, numbers[0][label], numbers[1][label]) for label, name in enumerate(self.classes)
        ]

    def write(self, folder: str) -> None:
        """Writes classes.txt, train.txt and val.txt (mmaction's lists: `path label` per line) and
        left_out.txt to `folder`, which appears when it is whole.
        """
        with atomic_folder(folder) as temporary:
            for name, rows in (
                ('classes', [(name,) for name in self.classes]),
                ('train', self.train),
                ('val', self.val),
                ('left_out', self.left_out),
            ):
                separator = '\t' if name == 'left_out' else ' '
                text = ''.join(separator.join(map(str, row)) + '\n' for row in rows)
                atomic_write(
                    os.path.join(temporary, f'{name}.txt'), text.encode('utf-8', 'backslashreplace')
                )


def read_split(folder: str) -> Split | None:
    """Returns the Split that `Split.write` has put into `folder`, or None where there is none.

    Raises: AnnotationError where its files do not say what they should.
    """
    if not os.path.isdir(folder):
        return None
    lists = [
        [
            (entry.path, entry.label)
            for entry in read_video_list(os.path.join(folder, f'{name}.txt'))
        ]
        for name in ('train', 'val')
    ]
    left_out = os.path.join(folder, 'left_out.txt')
    rows = []
    if os.path.exists(left_out):
        with open(left_out, encoding='utf-8', errors='replace') as file:
            rows = [tuple(line.rstrip('\n').split('\t', 1)) for line in file if line.strip()]
    return Split(read_class_names(os.path.join(folder, 'classes.txt')), *lists, rows)


def find_classes(root: str) -> dict[str, list[Source]]:
    """Finds the videos of each class below `root`, which holds one folder per class; those may be
    nested further.

    Returns: dict of class name -> list of Source, both by name.
    Raises: DataError for anything that makes no list of videos by class: it names the folder or
        file.
    """
    if not os.path.isdir(root):
        parent, name = os.path.split(os.path.abspath(root))
        near = spelling_hint(name, os.listdir(parent)) if os.path.isdir(parent) else ''
        raise DataError(
            f'{root} is no folder; expected one that holds a folder of videos for each class.{near}'
        )
    classes = collections.defaultdict(list)
    for source in find_videos(root):
        path = relative(source, root)
        name, slash, _ = path.partition('/')
        if not slash:
            raise DataError(
                f'{source.path} lies in no class folder: move it into {root}/<its class>/'
            )
        _check_listable(path, source.path)
        classes[name].append(source)
    empty = sorted(
        entry.name
        for entry in os.scandir(root)
        if entry.is_dir() and not entry.name.startswith('.') and entry.name not in classes
    )
    if empty:
        raise DataError(
            f'the class {empty[0]!r} ({os.path.join(root, empty[0])}) holds no videos '
            f'({", ".join(VIDEO_EXTENSIONS)}); if it is no class, move it out of {root}'
        )
    if {name.lower() for name in classes} <= set(SUBSETS):
        raise DataError(
            f'{root} holds the folders {", ".join(sorted(classes))}, which look like subsets and '
            'not like classes: name a folder that holds one folder a class'
        )
    if len(classes) < 2:
        raise DataError(
            f'{root} holds one class only, {next(iter(classes))!r}; expected two or more folders'
        )
    for sources in classes.values():
        stems = {}
        for source in sources:
            stem = os.path.splitext(source.path)[0]
            if stem in stems:
                raise DataError(
                    f'{stems[stem]} and {source.path} differ in their extension only: rename one'
                )
            stems[stem] = source.path
    return dict(sorted(classes.items()))


def relative(source: Source, root: str) -> str:
    """Returns the path of a Source below `root`, with forward slashes."""
    return os.path.relpath(source.path, root).replace(os.sep, '/')


def make_split(
    classes: dict[str, list[Source]], root: str, problems: Sequence[Problem] = (), seed: int = 0
) -> Split:
    """Chooses about a quarter of each class to test with.

    Clips of one group, such as v_wave_g01_c01 and v_wave_g01_c02, are cut from one film and stay
    together: a network that has seen the one knows the other. The choice for a class depends on its
    videos and the seed alone.

    Args:
        classes: of `find_classes`.
        root: its folder.
        problems: of videos that are left out.
        seed: from 0.

    Returns: Split.
    Raises: DataError that names a class with fewer than two readable videos or groups.
    """
    reasons = {problem.path: problem.detail for problem in problems}
    split = Split(list(classes), [], [], [])
    for label, (name, sources) in enumerate(classes.items()):
        split.left_out.extend(
            (relative(s, root), reasons[s.path]) for s in sources if s.path in reasons
        )
        groups = collections.defaultdict(list)
        for source in sources:
            if source.path not in reasons:
                path = relative(source, root)
                match = _GROUP.search(os.path.splitext(path)[0])
                groups[match[1].lower() if match else path].append(path)
        _check_groups(name, groups, sum(source.path in reasons for source in sources))
        chosen = _choose(groups, np.random.default_rng((seed, zlib.crc32(name.encode()))))
        for group, paths in groups.items():
            (split.val if group in chosen else split.train).extend((path, label) for path in paths)
    return split


def _choose(groups, rng):
    """Returns the names of the groups that test: as near to VAL_SHARE of the videos as whole groups
    come; at least one.
    """
    names = sorted(groups)
    sizes = {name: len(paths) for name, paths in groups.items()}
    wanted = max(1, round(VAL_SHARE * sum(sizes.values())))
    chosen = set()
    taken = 0
    for name in (names[index] for index in rng.permutation(len(names))):
        if abs(taken + sizes[name] - wanted) < abs(taken - wanted):
            chosen.add(name)
            taken += sizes[name]
    return chosen or {min(names, key=sizes.get)}


def _check_groups(name, groups, unreadable):
    if len(groups) >= 2:
        return
    also = f' ({unreadable} more cannot be read)' if unreadable else ''
    number = sum(map(len, groups.values()))
    if number > 1:
        raise DataError(
            f'the class {name!r} has {number} videos, all of the group {next(iter(groups))}{also}; '
            'a class needs two groups or more, one to train on and one to test with'
        )
    raise DataError(
        f'the class {name!r} has {number or "no"} readable video{also}; a class needs two or more, '
        'one to train on and one to test with'
    )


def _check_listable(path, shown):
    """Raises DataError for a path that cannot stand in a list of one `path label` per line."""
    name = path.partition('/')[0]
    if path != path.strip() or name != name.strip():
        raise DataError(f'{shown!r}: its class begins or ends with a space: rename it')
    if '\n' in path or '\r' in path or not _is_text(path):
        raise DataError(
            f'{shown!r}: a name with a line break, or that is not UTF-8, cannot stand in a '
            'list: rename it'
        )


def _is_text(path):
    try:
        return bool(path.encode())
    except UnicodeEncodeError:
        return False
