"""The JSON that Something-Something V2 and Diving48 come with: videos, and names of classes."""

from __future__ import annotations

import collections
from collections.abc import Sequence

from ..errors import AnnotationError, ConfigError
from ..plain_json import PLAIN_NAME, WHOLE, check_form
from .annotations import Entry, load_json

# By whose they are: the key of a video's name, the form of a file, and the extension of its videos.
SOMETHING = ('id', [dict(id=PLAIN_NAME, template=str)], '.webm')
DIVING = ('vid_name', [dict(vid_name=PLAIN_NAME, label=WHOLE)], '.mp4')


def read_video_json(path: str, classes: Sequence[str] | None) -> list[Entry]:
    """Reads something-something-v2-train.json or Diving48_V2_train.json, and the other splits that
    tell labels.

    Args:
        classes: of read_class_json; for Something-Something, whose videos name their class by its
            template, without the brackets.

    Raises: AnnotationError for another form, and for a video that stands there twice;
        ConfigError where classes are needed and none are given.
    """
    videos = load_json(path)
    first = videos[0] if isinstance(videos, list) and videos else None
    of_diving = isinstance(first, dict) and 'vid_name' in first
    key, form, extension = DIVING if of_diving else SOMETHING
    _check(path, videos, form, 'the list of Something-Something V2 (id, template) or Diving48')
    if not videos:
        raise AnnotationError(f'{path}: is empty')
    labels = [video['label'] for video in videos] if of_diving else _labels(path, videos, classes)
    names = [video[key] for video in videos]
    name, count = collections.Counter(names).most_common(1)[0]
    if count > 1:
        raise AnnotationError(f'{path}: the video {name[:100]!r} stands in it {count} times')
    return [
        Entry(name + extension, label, f'{path}, {name!r}') for name, label in zip(names, labels)
    ]


def _labels(path, videos, classes):
    """Returns the labels of Something-Something's videos, by their templates."""
    if classes is None:
        raise ConfigError(
            f"{path}: name the file of its labels: classes='something-something-v2-labels.json'"
        )
    numbers = {_plain(name): number for number, name in enumerate(classes)}
    labels = []
    for video in videos:
        name = _plain(video['template'])
        if name not in numbers:
            raise AnnotationError(
                f'{path}, {video["id"][:100]!r}: {name[:100]!r} is none of the '
                f'{len(numbers)} classes'
            )
        labels.append(numbers[name])
    return labels


def _plain(name):
    return name.replace('[', '').replace(']', '')


def read_class_json(path: str) -> list[str]:
    """Reads something-something-v2-labels.json, numbers from 0 by name, or Diving48_vocab.json, a
    list of a dive's parts for each class.

    Raises: AnnotationError for another form.
    """
    content = load_json(path)
    if isinstance(content, list):
        _check(path, content, [([str], str)], 'a list of classes')
        names = [one if isinstance(one, str) else ' '.join(one) for one in content]
    else:
        _check(path, content, {str: (str, WHOLE)}, 'numbers by names of classes')
        numbers = {str(number): name for name, number in content.items()}
        names = [numbers.get(str(number)) for number in range(len(content))]
    if not names or not all(names) or len(set(names)) < len(names):
        raise AnnotationError(f'{path}: classes have a name and a number each, from 0 on')
    return names


def _check(path, value, form, expected):
    try:
        check_form(value, form)
    except ValueError as error:
        raise AnnotationError(f'{path}: expected {expected}; {error}') from error
