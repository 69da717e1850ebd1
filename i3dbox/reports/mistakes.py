"""The mistakes that a network was surest of, with frames of their clips."""

import dataclasses
import os
import tempfile

import numpy as np

from ..config import Config
from ..datasets.stream import sample_rng
from ..errors import DataError, I3DBoxError
from ..evaluation.metrics import softmax
from ..evaluation.tables import class_names
from ..registry import DATASETS
from ..visualization import contact_sheet, stack

FRAMES = 8


@dataclasses.dataclass
class Mistake:
    """A video that was taken for another class. `confidence` is the prediction's softmax, `own` the label's."""
    name: str
    label: str
    prediction: str
    confidence: float
    own: float


def most_confident_mistakes(results, number=12):
    """The `number` mistakes of highest confidence, as list of Mistake, the surest first."""
    finite = np.isfinite(results.scores).all(1)
    probabilities = softmax(np.where(finite[:, None], results.scores, 0))
    wrong = np.flatnonzero((results.predictions != results.labels) & finite)
    order = sorted(wrong, key=lambda place: (-probabilities[place].max(), results.names[place]))[:number]
    names = class_names(results.classes, results.scores.shape[1])
    return [Mistake(results.names[place], names[results.labels[place]], names[results.predictions[place]],
                    float(probabilities[place].max()), float(probabilities[place, results.labels[place]]))
            for place in order]


def open_dataset(results):
    """The data set that `results` are of, from the config that they carry.

    Raises: an I3DBoxError where they carry none, or where its data is not here.
    """
    text = results.meta.get('config_text')
    if not text:
        raise DataError('the results do not carry their config')
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'config.py')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        cfg = Config.fromfile(path)
    return DATASETS.build(cfg.data[results.meta.get('data', 'test')], test_mode=True)


def frames_of(dataset, name):
    """Eight frames of a sample, spread over its first clip, for each of its streams: uint8 RGB picture, or None where
    it cannot be read."""
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
        places = np.linspace(0, len(clip) - 1, min(FRAMES, len(clip))).round().astype(int)
        sheets.append(contact_sheet(clip[places], 'Flow' if clip.shape[-1] == 2 else 'RGB', columns=FRAMES))
    return stack(sheets)
