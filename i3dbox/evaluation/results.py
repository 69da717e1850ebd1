"""The scores of a test run, by video, in memory and on disk."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import logging
import math
import os
import pickle
from collections.abc import Iterable

import numpy as np

from .. import plain_pickle
from ..errors import ConfigError
from ..fileio import atomic_write, check_writable
from ..plain_json import WHOLE, check_form, parse_json
from ..streams import MODALITIES
from .metrics import default_metrics, evaluate

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class Results:
    """Scores of the samples of a test set.

    Attributes:
        names: of the samples.
        labels (int32 N, or uint8 N x K of 0 and 1 where videos have several).
        scores (float32 N x K): logits; of both streams together, where there are two.
        classes: their names, where they are known.
        meta: where they come from: config, checkpoints and their hashes, protocol, data,
            versions, modality, skipped samples.
        streams (dict of str -> float32 N x K): the logits of each stream, where there are several.
    """

    names: list[str]
    labels: np.ndarray
    scores: np.ndarray
    classes: list[str] | None = None
    meta: dict = dataclasses.field(default_factory=dict)
    streams: dict = dataclasses.field(default_factory=dict)

    @property
    def predictions(self) -> np.ndarray:
        """int32 N: the class of the highest score; the lowest of those that are equal."""
        return self.scores.argmax(1).astype(np.int32)

    @property
    def several(self) -> bool:
        """Whether a video may have several labels."""
        return self.labels.ndim == 2

    @property
    def truth(self) -> np.ndarray:
        """bool N x K: to what classes each sample belongs."""
        if self.several:
            return self.labels > 0
        return self.labels[:, None] == np.arange(self.scores.shape[1])

    def evaluate(self, metrics: Iterable[str | dict] | None = None) -> dict:
        """Returns the figures by name; `metrics` are of METRICS, by name or as dicts with
        arguments; default: those of metrics.default_metrics.
        """
        return evaluate(metrics or default_metrics(self.several), self.scores, self.labels)

    def by_stream(self) -> dict[str, Results]:
        """Returns the results of each stream by its title, and of all together last: {'RGB': ...,
        'Flow': ..., 'RGB + Flow': ...}.

        Results of one stream are under its modality.
        """
        parts = {
            MODALITIES.get(name, name): dataclasses.replace(self, scores=scores, streams={})
            for name, scores in self.streams.items()
        }
        parts[' + '.join(parts) or self.meta.get('modality', 'scores')] = dataclasses.replace(
            self, streams={}
        )
        return parts

    def save(self, path: str | os.PathLike) -> None:
        """Writes .pkl (a dict with the fields above, and `predictions`) or .json (the same, one
        object per sample).
        """
        check_results_path(path)
        fields = dict(dataclasses.asdict(self), predictions=self.predictions)
        if str(path).endswith('.pkl'):
            atomic_write(path, pickle.dumps(fields))
            return
        samples = [
            dict(name=name, label=label, prediction=prediction)
            for name, label, prediction in zip(
                self.names, self._plain_labels(), self.predictions.tolist()
            )
        ]
        for column, scores in {'scores': self.scores, **self.streams}.items():
            for sample, row in zip(samples, scores.tolist()):  # JSON has no NaN and no infinity
                sample[column] = [value if math.isfinite(value) else None for value in row]
        atomic_write(
            path,
            json.dumps(
                dict(
                    meta=self.meta,
                    classes=self.classes,
                    streams=list(self.streams),
                    samples=samples,
                ),
                ensure_ascii=False,
                indent=1,
            ),
        )

    def _plain_labels(self):
        """Returns the label of each sample, or the list of its labels."""
        if self.several:
            return [np.flatnonzero(row).tolist() for row in self.labels]
        return self.labels.tolist()


_META = {
    '?protocol': (None, str),
    '?skipped': (None, [str]),
    '?subset': (None, [str]),
    '?data': (None, str),
    '?modality': (None, str),
    '?config_text': (None, str),
    '?checkpoint': (None, {str: {}}),
    '?versions': (None, {}),
    '?parts': (None, {str: {}}),
}


def load_results(path: str | os.PathLike) -> Results:
    """Reads what `Results.save` wrote. Of a pickle, nothing but arrays and plain containers is
    built.

    Raises: ConfigError where the file is absent or is no result file.
    """
    try:
        with open(path, 'rb') as file:
            fields = (
                _from_json(parse_json(file.read().decode('utf-8')))
                if str(path).endswith('.json')
                else _from_pickle(plain_pickle.load(io.BytesIO(file.read()), plain_pickle.NUMPY))
            )
        fields.pop('predictions', None)
        results = Results(**fields)
        _check_arrays(results)
        shape = len(results.names), results.scores.shape[1]
        for array in (results.scores, *results.streams.values()):
            if array.shape != shape or len(results.labels) != len(array):
                raise ValueError('its names, labels and scores differ in number')
        if len(set(results.names)) < len(results.names):
            raise ValueError('it names a video twice')
        check_form(results.names, [str], 'names')
        check_form(results.classes, (None, [str]), 'classes')
        if results.classes and len(results.classes) != shape[1]:
            raise ValueError(f'it names {len(results.classes)} classes; its scores are {shape[1]}')
        check_form(results.meta, _META, 'meta')
        most = 2 if results.several else shape[1]
        if not 0 <= results.labels.min() <= results.labels.max() < most:
            raise ValueError(f'it has labels outside its {shape[1]} classes')
        bad = int((~np.isfinite(results.scores).all(1)).sum())
        if bad:
            logger.warning('%s: scores of %d of %d videos are not finite', path, bad, shape[0])
        return results
    except FileNotFoundError:
        raise ConfigError(f'result file {path} does not exist') from None
    except Exception as error:  # a pickle can fail in any way
        raise ConfigError(f'{path} is no result file of i3dbox: {error}') from error


def _check_arrays(results):
    """Raises ValueError where labels are no whole numbers or scores no table of numbers."""
    if results.labels.ndim not in (1, 2) or results.labels.dtype.kind not in 'iu':
        raise ValueError('its labels are no list of whole numbers')
    if results.several and results.labels.shape != results.scores.shape:
        raise ValueError('its labels are not of the classes of its scores')
    for scores in (results.scores, *results.streams.values()):
        if scores.ndim != 2 or scores.dtype.kind not in 'iuf':
            raise ValueError('its scores are no table of numbers, a row a video')
    if not results.scores.size:
        raise ValueError('it holds no videos')


def _from_pickle(fields):
    if not isinstance(fields, dict) or not {'names', 'labels', 'scores'} <= fields.keys():
        raise ValueError(
            f'it holds a {type(fields).__name__}; expected what `i3dbox test --out` writes: names, '
            'labels and scores'
        )
    arrays = {key: np.asarray(fields[key]) for key in ('labels', 'scores')}
    streams = {name: np.asarray(scores) for name, scores in fields.get('streams', {}).items()}
    return dict(fields, **arrays, streams=streams)


def _from_json(content):
    columns = ('scores', *content.get('streams', ()))
    samples = content['samples']
    several = any(isinstance(sample.get('label'), list) for sample in samples)
    check_form(samples, [dict(name=str, label=[WHOLE] if several else WHOLE)], 'samples')
    for column in columns:
        values = itertools.chain.from_iterable(sample[column] for sample in samples)
        if not {type(value) for value in values} <= {int, float, type(None)}:
            raise ValueError(f'{column} of a video are no numbers')
    arrays = {name: np.array([sample[name] for sample in samples], np.float32) for name in columns}
    return dict(
        names=[sample['name'] for sample in samples],
        labels=_labels_from_json([sample['label'] for sample in samples], arrays['scores']),
        scores=arrays.pop('scores'),
        classes=content['classes'],
        meta=content['meta'],
        streams=arrays,
    )


def _labels_from_json(labels, scores):
    if not labels or not isinstance(labels[0], list):
        return np.array(labels, np.int32)
    found = np.zeros((len(labels), *scores.shape[1:]), np.uint8)
    for row, own in zip(found, labels):
        row[own] = 1
    return found


def check_results_path(path: str | os.PathLike) -> None:
    """Raises ConfigError unless `path` can become a result file; makes its folder."""
    if os.path.splitext(str(path))[1] not in ('.pkl', '.json'):
        raise ConfigError(f'a result file ends in .pkl or .json; got {path}')
    check_writable(path)
