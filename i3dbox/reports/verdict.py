"""What a report says first: how good it is, in a sentence, and some videos with their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from ..averages import probabilities
from ..datasets.sampler import sample_rng
from ..errors import I3DBoxError
from ..evaluation.metrics.intervals import wilson
from ..evaluation.tables import class_names, confusions
from ..visualization.heat import as_pictures

if TYPE_CHECKING:
    from ..datasets.base import BaseDataset
    from ..evaluation.results import Results
    from .words import Say

SIDE = 160  # pixels: the height of a thumbnail


def verdict(title: str, results: Results, say: Say) -> str:
    """Returns how good results are, in two sentences."""
    number = len(results.names)
    if results.several:
        figures = results.evaluate()
        return say(
            '{title}: over {number} videos the mean average precision of the classes is '
            '{figure:.3f}.',
            title=title,
            number=number,
            figure=figures['mean_average_precision'],
        )
    finite = np.isfinite(results.scores).all(1)
    right = int(((results.predictions == results.labels) & finite).sum())
    low, high = wilson(right / number, number)
    text = say(
        '{title}: {right} of {number} test videos are named rightly, {share} (95 % interval: {low} '
        'to {high}).',
        title=title,
        right=right,
        number=number,
        share=_percent(right / number),
        low=_percent(low),
        high=_percent(high),
    )
    counts = results.evaluate(['confusion_matrix'])['confusion_matrix']
    pairs = confusions(counts, results.classes)
    if not pairs:
        return text
    label, taken, times = pairs[0]
    mistakes = number - right
    if mistakes == 1:
        words = 'The one mistake: {label} is taken for {taken}.'
    else:
        words = 'Most often {label} is taken for {taken}: {times} of {mistakes} mistakes.'
    most = say(words, label=label, taken=taken, times=times, mistakes=mistakes)
    return say('{share} {most}', share=text, most=most)


def _percent(share):
    return f'{100 * share:.1f} %'


class Thumbnail(NamedTuple):
    """A frame of a test video, JPEG, its caption, and whether its answer is right."""

    picture: bytes
    caption: str
    right: bool


def thumbnails(
    dataset: BaseDataset, results: Results, say: Say, number: int = 8
) -> list[Thumbnail]:
    """Draws a frame of each of some videos, spread over the test set; what cannot be read is left
    out.
    """
    dataset = getattr(dataset, 'rgb', dataset)  # whose frames tell more than flow
    places = {sample['name']: place for place, sample in enumerate(dataset.samples)}
    names = class_names(results.classes, results.scores.shape[1])
    chances = probabilities(np.nan_to_num(results.scores), results.several)
    chosen = np.linspace(0, len(results.names) - 1, min(number, len(results.names)))
    drawn = []
    for index in dict.fromkeys(chosen.round().astype(int).tolist()):
        place = places.get(results.names[index])
        frame = None if place is None else _middle_frame(dataset, place)
        if frame is None:
            continue
        surest = int(results.predictions[index])
        labels = ', '.join(names[label] for label in np.flatnonzero(results.truth[index]))
        right = bool(results.truth[index, surest])
        answer = f'{names[surest]} {chances[index, surest]:.0%}'
        caption = answer if right and not results.several else f'{answer} ({labels or say("none")})'
        drawn.append(Thumbnail(_jpeg(frame), caption, right))
    return drawn


def _middle_frame(dataset, place):
    """Returns the frame in the middle of a sample's first clip, uint8 RGB, or None."""
    try:
        clip = dataset.load(place, sample_rng(0, 0, place))[dataset.inputs[0]][0]
    except I3DBoxError:
        return None
    return as_pictures(clip[len(clip) // 2 :][:1])[0]


def _jpeg(frame):
    width = max(round(frame.shape[1] * SIDE / frame.shape[0]), 1)
    small = cv2.resize(frame, (width, SIDE), interpolation=cv2.INTER_AREA)
    bgr = np.ascontiguousarray(small[..., ::-1])
    return cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
