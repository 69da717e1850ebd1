"""The mistakes that a network was surest of, with frames of their clips."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..averages import probabilities
from ..datasets.sampler import sample_rng
from ..datasets.synthetic import cached
from ..errors import DataError, I3DBoxError, first_line
from ..evaluation.tables import class_names
from ..registry import DATASETS
from ..visualization.contact_sheet import contact_sheet, stack
from ..visualization.heat import as_pictures, heat_over

if TYPE_CHECKING:
    from ..datasets.base import BaseDataset
    from ..evaluation.results import Results

FRAMES = 8
MOST = 64  # frames of a clip that are differentiated at once


@dataclasses.dataclass
class Mistake:
    """A video that was taken for another class. `confidence` is the probability of the prediction,
    `taken` its number, `own` that of the label, of several the least.
    """

    name: str
    label: str
    prediction: str
    taken: int
    confidence: float
    own: float


def most_confident_mistakes(results: Results, number: int = 12) -> list[Mistake]:
    """Returns the `number` mistakes of highest confidence, the surest first."""
    finite = np.isfinite(results.scores).all(1)
    sure = probabilities(np.where(finite[:, None], results.scores, 0), results.several)
    truth = results.truth
    others = np.where(truth, -1, sure)
    taken = others.argmax(1)  # for the surest of the classes that the video is not of
    confidence = others.max(1)
    if results.several:
        wrong = confidence >= 0.5
    else:
        wrong = results.predictions != results.labels
    order = sorted(
        np.flatnonzero(wrong & finite), key=lambda index: (-confidence[index], results.names[index])
    )
    names = class_names(results.classes, results.scores.shape[1])
    return [
        Mistake(
            results.names[index],
            ', '.join(names[label] for label in np.flatnonzero(truth[index])) or 'none',
            names[taken[index]],
            int(taken[index]),
            float(confidence[index]),
            float(sure[index][truth[index]].min(initial=1)),
        )
        for index in order[:number]
    ]


def open_dataset(results: Results) -> BaseDataset:
    """Builds the data set that `results` are of, from the config that they carry.

    A result file may come from anywhere: its config is read as plain values, nothing in it is
    executed or imported, and only parts of the package itself are built. Nothing is written.

    Raises: an I3DBoxError where they carry none, or one with other parts, or where its data is not
        here.
    """
    data = plain_part(results.meta, 'data')
    part = data.get(results.meta.get('data') or 'test')
    return DATASETS.build(_as_it_lies_there(part), test_mode=True)


def _as_it_lies_there(part):
    """Returns a data set's config without SyntheticActions, which would be made, or made anew,
    where the config says: what is there is read as UCF101's layout, which it has.
    """
    if isinstance(part, (list, tuple)):
        return [_as_it_lies_there(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = {key: _as_it_lies_there(value) for key, value in part.items()}
    if part.get('type') != 'SyntheticActions':
        return part
    try:
        root = part.get('data_root') or cached(part.get('generation'))
    except TypeError as error:  # no plain values
        raise DataError(f'SyntheticActions of the results: {first_line(error)}') from error
    part.pop('generation', None)
    source = 'frames' if part.get('modality') == 'Flow' else 'video'
    part.update(
        type='UCF101Dataset',
        data_root=root,
        source=part.get('source') or source,
    )
    return part


def plain_part(meta: dict, key: str) -> dict:
    """Returns what a key of the config says that results carry in their meta. Raises: DataError
    where they carry none, or one that names parts of others.
    """
    if not meta.get('config_text'):
        raise DataError('the results do not carry their config')
    part = plain_values(meta['config_text']).get(key) or {}
    _check_own(part)
    return part


def plain_values(text: str) -> dict:
    """Reads the values of a config's `pretty_text`: literals, dict(...) and float('...'); nothing
    else.

    Raises: DataError.
    """

    def value(node):
        called = getattr(getattr(node, 'func', None), 'id', None)
        if called == 'dict' and not node.args:
            return {keyword.arg: value(keyword.value) for keyword in node.keywords}
        if called == 'float':
            return float(ast.literal_eval(node.args[0]))
        if isinstance(node, ast.Dict):
            return {value(key): value(item) for key, item in zip(node.keys, node.values)}
        if isinstance(node, (ast.List, ast.Tuple)):
            items = [value(item) for item in node.elts]
            return items if isinstance(node, ast.List) else tuple(items)
        return ast.literal_eval(node)

    try:
        return {line.targets[0].id: value(line.value) for line in ast.parse(text).body}
    except (
        SyntaxError,
        ValueError,
        AttributeError,
        IndexError,
        TypeError,
        RecursionError,
        MemoryError,  # of what is nested too deep
    ) as error:
        raise DataError(
            f'the config that the results carry is not one: {first_line(error)}'
        ) from error


def _check_own(part):
    """Raises DataError for a part that is not the package's own, wherever it is within `part`."""
    if isinstance(part, dict):
        kind = part.get('type')
        if kind is not None and (not isinstance(kind, str) or '.' in kind):
            raise DataError(
                f'the config that the results carry names the part {kind!r}, which is not of i3dbox'
            )
        part = list(part.values())
    for item in part if isinstance(part, (list, tuple)) else ():
        _check_own(item)


def frames_of(
    dataset: BaseDataset, name: str, heat: Callable | None = None, label: int = 0
) -> np.ndarray | None:
    """Draws eight frames of a sample, spread over its first clip, for each of its streams: uint8
    RGB picture, or None where it cannot be read.

    Args:
        heat: (column, clip, label) -> float32 T x H x W: a row with that of the class `label` comes
            below each, of the middle 64 frames.
    """
    index = next((i for i, sample in enumerate(dataset.samples) if sample['name'] == name), None)
    if index is None:
        return None
    try:
        results = dataset.load(index, sample_rng(0, 0, index))
    except I3DBoxError:
        return None
    sheets = []
    for column in dataset.inputs:
        clip = results[column][0]
        if heat is not None:
            first = max(len(clip) - MOST, 0) // 2
            clip = clip[first : first + MOST]
        chosen = np.linspace(0, len(clip) - 1, min(FRAMES, len(clip))).round().astype(int)
        sheets.append(
            contact_sheet(clip[chosen], 'Flow' if clip.shape[-1] == 2 else 'RGB', columns=FRAMES)
        )
        if heat is not None:
            hot = heat(column, clip, label)
            pictures = zip(as_pictures(clip[chosen]), hot[chosen])
            sheets.append(contact_sheet([heat_over(*pair) for pair in pictures], columns=FRAMES))
    return stack(sheets)
