"""The scores of a test run, by video, in memory and on disk."""

import dataclasses
import json
import os
import pickle

import numpy as np

from ..errors import ConfigError
from ..fileio import atomic_write, check_writable
from ..registry import METRICS


@dataclasses.dataclass
class Results:
    """Scores of the samples of a test set.

    Attributes:
        names (list of str): of the samples. labels (int32 N). scores (float32 N x K): logits.
        classes (list of str or None).
        meta (dict): where they come from: config, checkpoints, modality, skipped samples.
    """

    names: list
    labels: np.ndarray
    scores: np.ndarray
    classes: list = None
    meta: dict = dataclasses.field(default_factory=dict)

    def evaluate(self, metrics):
        """Figures by name.

        Args:
            metrics (list of str or dict): of METRICS, by name or with arguments.
        """
        figures = {}
        for metric in metrics:
            cfg = dict(type=metric) if isinstance(metric, str) else metric
            figures.update(METRICS.build(cfg, scores=self.scores, labels=self.labels))
        return figures

    def save(self, path):
        """Writes .pkl (a dict with the fields above) or .json (one object a sample)."""
        check_results_path(path)
        if str(path).endswith('.pkl'):
            atomic_write(path, pickle.dumps(dataclasses.asdict(self)))
            return
        samples = [dict(name=name, label=int(label), prediction=int(row.argmax()), scores=[float(v) for v in row])
                   for name, label, row in zip(self.names, self.labels, self.scores)]
        atomic_write(path, json.dumps(dict(meta=self.meta, classes=self.classes, samples=samples),
                                      ensure_ascii=False, indent=1))


def load_results(path):
    """Reads a result file that `Results.save` wrote as .pkl, and nothing else a pickle could hold.

    Raises: ConfigError where the file is absent or is no result file.
    """
    try:
        with open(path, 'rb') as file:
            return Results(**_PlainUnpickler(file).load())
    except FileNotFoundError:
        raise ConfigError(f'result file {path} does not exist') from None
    except Exception as error:  # a pickle can fail in any way
        raise ConfigError(f'{path} is no result file of i3dbox: {error}') from error


class _PlainUnpickler(pickle.Unpickler):
    """Builds NumPy arrays and plain containers only: a result file may come from anywhere."""

    def find_class(self, module, name):
        if module.split('.')[0] == 'numpy' and name in ('_reconstruct', 'ndarray', 'dtype', 'scalar', '_frombuffer'):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f'it asks for {module}.{name}')


def check_results_path(path):
    """Raises ConfigError unless `path` can become a result file; makes its folder."""
    if os.path.splitext(str(path))[1] not in ('.pkl', '.json'):
        raise ConfigError(f'a result file ends in .pkl or .json; got {path}')
    check_writable(path)
