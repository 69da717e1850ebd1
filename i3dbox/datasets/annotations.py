"""Readers of annotation files: pure functions from a file to classes and entries.

Every reader raises AnnotationError, naming file and line, for what does not say what it should.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..errors import AnnotationError
from ..plain_json import check_form, parse_json

ID_SUBSETS = {'0': None, '1': 'train', '2': 'test'}  # HMDB51's ids; 0 is unused
JSON_SUBSETS = {'train': 'training', 'test': 'validation'}  # the original's names


class Entry(NamedTuple):
    """One annotated video.

    Attributes:
        path: the video or frame folder as the file names it, relative, with forward slashes.
        label: from 0; a tuple of them where a video may have several.
        where: `file:line` (or `file, key`) that said so, for error messages.
        total_frames: where the file states it.
        offset: of the first frame in its folder, where the file states it.
    """

    path: str
    label: int | tuple[int, ...]
    where: str
    total_frames: int | None = None
    offset: int | None = None


def read_text(path: str) -> str:
    """Reads a text file as UTF-8, or as Latin-1 where it is not UTF-8. Raises AnnotationError."""
    try:
        with open(path, 'rb') as file:
            data = file.read()
    except OSError as error:
        raise AnnotationError(f'{path}: cannot be read: {error.strerror}') from error
    try:
        return data.decode('utf-8-sig')
    except UnicodeDecodeError:
        return data.decode('latin-1')


def load_json(path: str) -> Any:
    """Returns what a JSON file holds. Raises AnnotationError, with the line where it is none."""
    try:
        return parse_json(read_text(path))
    except json.JSONDecodeError as error:
        raise AnnotationError(f'{path}:{error.lineno}: not JSON: {error.msg}') from error
    except ValueError as error:
        raise AnnotationError(f'{path}: cannot be read: {error}') from error


def read_class_names(path: str) -> list[str]:
    """Reads one class name per line, in label order. Returns a list of str."""
    names = {}
    for where, line in _lines(path, 'one class name a line'):
        _add_once(names, line, where, 'class')
    return list(names)


def read_ucf101_classes(path: str) -> list[str]:
    """Reads UCF101's classInd.txt: `label Class` per line, labels 1, 2, 3, ...

    Returns:
        list of str: the class of label i + 1 at index i.
    """
    names = {}
    for where, line in _lines(path, "'label Class' a line"):
        number, _, name = line.partition(' ')
        if number != str(len(names) + 1) or not name.strip():
            raise AnnotationError(f"{where}: expected '{len(names) + 1} Class', got {line!r}")
        _add_once(names, name.strip(), where, 'class')
    return list(names)


def read_ucf101_list(path: str, classes: Sequence[str], labelled: bool = True) -> list[Entry]:
    """Reads UCF101's trainlist0N.txt (`Class/video.avi label`, from 1) or testlist0N.txt (no
    label).

    Args:
        classes: from `read_ucf101_classes`. The folder's case may differ from it: copies of the
            lists write HandstandPushups either way.
        labelled: whether each line needs its label; if False it may have one.

    Returns:
        list of Entry.
    """
    labels = {name.casefold(): label for label, name in enumerate(classes)}
    expected = "'Class/video.avi label' a line" if labelled else "'Class/video.avi' a line"
    entries = {}
    for where, line in _lines(path, expected):
        name, number = _split_number(line)
        if number is None:
            name = line
        folder, slash, _ = name.partition('/')
        if not slash:
            raise AnnotationError(f'{where}: expected {expected}, got {line!r}')
        if folder.casefold() not in labels:
            raise AnnotationError(f'{where}: {folder!r} is none of the {len(classes)} classes')
        label = labels[folder.casefold()]
        if number is None and labelled:
            raise AnnotationError(f'{where}: no label; expected {name + " " + str(label + 1)!r}')
        if number not in (None, label + 1):
            raise AnnotationError(
                f'{where}: label {number} contradicts the folder: {folder!r} has label {label + 1}'
            )
        _add_once(entries, name, where, 'video', Entry(name, label, where))
    return list(entries.values())


def read_hmdb51_split(folder: str, split: int, subset: str) -> tuple[list[str], list[Entry]]:
    """Reads HMDB51's `<class>_test_split<split>.txt` files: `name.avi id` per line.

    Args:
        folder: holds the files; the class names, sorted, come from their names.
        split: 1, 2 or 3.
        subset: 'train' (id 1) or 'test' (id 2).

    Returns:
        (list of str, list of Entry): classes, and entries with the path `class/name.avi`.
    """
    matches = filter(
        None, (re.fullmatch(r'(.+)_test_split\d+\.txt', name) for name in _listdir(folder))
    )
    classes = sorted({match[1] for match in matches})
    if not classes:
        raise AnnotationError(f'{folder}: holds no file <class>_test_split{split}.txt')
    entries = {}
    for label, name in enumerate(classes):
        path = os.path.join(folder, f'{name}_test_split{split}.txt')
        for where, line in _lines(path, "'name.avi id' a line"):
            fields = line.rsplit(None, 1)  # the name may hold spaces
            if len(fields) != 2 or fields[1] not in ID_SUBSETS:
                raise AnnotationError(
                    f"{where}: expected 'name.avi id' with id 0, 1 or 2, got {line!r}"
                )
            video = f'{name}/{fields[0]}'
            _add_once(
                entries, video, where, 'video', (Entry(video, label, where), ID_SUBSETS[fields[1]])
            )
    return classes, [entry for entry, its_subset in entries.values() if its_subset == subset]


def read_json(path: str, subset: str) -> tuple[list[str], list[Entry]]:
    """Reads the original's annotation file.

    It holds `{"labels": [class, ...], "database": {"<video>": {"subset": "training"|"validation",
    "annotations": {"label": class, "segment": [1, n_frames + 1]}}}}`.

    Args:
        subset: 'train' or 'test'.

    Returns:
        (list of str, list of Entry): classes, and entries with the path `class/video`, without
        extension. The segment is not read: a frame folder tells its own count.
    """
    content = load_json(path)
    try:
        check_form(content, dict(labels=[str], database={}))
    except ValueError as error:
        raise AnnotationError(
            f'{path}: expected an object with "labels" and "database"; {error}'
        ) from error
    classes = content['labels']
    database = content['database']
    labels = {name: label for label, name in enumerate(classes)}
    entries = []
    for video, facts in database.items():
        where = f'{path}, {video!r}'
        try:
            check_form(facts, dict(subset=str, annotations=dict(label=str)))
        except ValueError as error:
            raise AnnotationError(
                f'{where}: expected "subset" and "annotations" with "label"; {error}'
            ) from error
        its_subset = facts['subset']
        name = facts['annotations']['label']
        if its_subset not in JSON_SUBSETS.values():
            raise AnnotationError(
                f'{where}: expected the subset "training" or "validation", got {its_subset!r}'
            )
        if name not in labels:
            raise AnnotationError(f'{where}: {name!r} is none of the {len(classes)} "labels"')
        if its_subset == JSON_SUBSETS[subset]:
            entries.append(Entry(f'{name}/{video}', labels[name], where))
    return classes, entries


def read_video_list(
    path: str, delimiter: str | None = None, twice: bool = False, several: bool = False
) -> list[Entry]:
    """Reads mmaction's list of videos: `path label` per line.

    Args:
        delimiter: between path and label; default: blanks.
        twice: whether a path may come again, with the same label.
        several: whether a line ends in one label or more; a path that ends in a number of its own
            then needs a delimiter.

    Returns:
        list of Entry.
    """
    return _read_list(path, ('label',), delimiter, twice, several)


def read_rawframe_list(
    path: str,
    delimiter: str | None = None,
    twice: bool = False,
    several: bool = False,
    with_offset: bool = False,
) -> list[Entry]:
    """Reads mmaction's list of frame folders: `path total_frames label` per line.

    Args:
        delimiter, twice, several: of read_video_list.
        with_offset: whether lines are `path offset total_frames label`, offset being the number of
            a clip's first frame in its folder, from 0.

    Returns:
        list of Entry.
    """
    numbers = ('total_frames', 'label')
    numbers = ('offset', *numbers) if with_offset else numbers
    return _read_list(path, numbers, delimiter, twice, several)


def _read_list(path, numbers, delimiter, twice, several):
    """Returns the Entry of each line, a path and then these numbers."""
    shown = (delimiter or ' ').join(('path', *numbers, *['...'] * several))
    entries = {}
    found = []
    for where, line in _lines(path, f'{shown!r} a line'):
        name, values = _split_numbers(line, numbers, delimiter, several)
        if not values or not name:
            other = re.search(r'([,;|\t])\s*\d+$', line)
            hint = f'; delimiter={other[1]!r} is for such lines' if other and not delimiter else ''
            raise AnnotationError(f'{where}: expected {shown!r} a line, got {line!r}{hint}')
        entry = Entry(name, where=where, **values)
        known = entries.setdefault((name, entry.offset), entry)
        if known is not entry and not twice:
            raise AnnotationError(f'{where}: the path {name!r} stands in the list twice')
        if known.label != entry.label:
            raise AnnotationError(
                f'{where}: {name!r} has the label {entry.label}, and {known.label} in {known.where}'
            )
        found.append(entry)
    return found


def _lines(path, expected):
    """Yields (`file:line`, text) of the lines that are not blank; an empty file is an error."""
    empty = True
    lines = re.split(r'\r\n|\r|\n', read_text(path))  # str.splitlines splits at more than these
    for number, line in enumerate(lines, 1):
        if line.strip():
            empty = False
            yield f'{path}:{number}', line.strip()
    if empty:
        raise AnnotationError(f'{path}: is empty; expected {expected}')


def _split_numbers(line, names, delimiter, several):
    """Returns what stands before a line's last numbers, and these by name: {} where there are too
    few. With `several`, all that are left over are of the last name.
    """
    found = []
    while several or len(found) < len(names):  # from the end, as the path may hold spaces
        before, number = _split_number(line, delimiter)
        if number is None:
            break
        line = before
        found.insert(0, number)
    *others, last = names
    if len(found) < len(names):
        return line, {}
    rest = found[len(others) :]
    return line, {**dict(zip(others, found)), last: tuple(sorted({*rest})) if several else rest[0]}


def _split_number(line, delimiter=None):
    """Splits a last field that is a whole number off: ('a b.avi', 3), or ('', None) without one."""
    fields = [field.strip() for field in line.rsplit(delimiter, 1)]
    if len(fields) == 2 and fields[1].isdecimal() and len(fields[1]) < 19:
        return fields[0], int(fields[1])
    return '', None


def _add_once(known, key, where, kind, value=None):
    if key in known:
        raise AnnotationError(f'{where}: the {kind} {key!r} stands in the list twice')
    known[key] = value


def _listdir(folder):
    try:
        return os.listdir(folder)
    except OSError as error:
        raise AnnotationError(f'{folder}: cannot be read: {error.strerror}') from error
