"""Import paths of before 0.2, which go on working until 0.3 and say where their contents are
now.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
import warnings
from collections.abc import Sequence

MOVED = {
    'config_values': 'config.values',
    'custom_imports': 'config.custom_imports',
    'shipped_configs': 'config.shipped',
    'datasets.video_file': 'media.video_file',
    'datasets.video': 'media.video_reader',
    'datasets.frames': 'media.frame_folder',
    'datasets.packed': 'media.packed_frames',
    'datasets.frame_stream': 'media.frame_iterator',
    'datasets.disk': 'media.folder_index',
    'datasets.stream': 'datasets.sampler',
    'datasets.clip_windows': 'inference.clip_windows',
    'lettering': 'visualization.text',
    'labelled_video': 'visualization.labelled_video',
    'apis.exported': 'runtimes.exported',
    'apis.checks': 'config_checks.checks',
    'apis.protocols': 'config_checks.protocols',
    'apis.networks': 'inference.network',
    'apis.recognizers': 'inference.recognizer',
    'apis.recognize': 'inference.recognize',
    'apis.feature_extractor': 'inference.feature_extractor',
    'apis.answer_files': 'inference.prediction_files',
    'apis.analysis': 'models.flops',
    'analysis.flops': 'models.flops',
    'apis.benchmark': 'analysis.benchmark',
    'apis.parts': 'analysis.parts_page',
    'engine.versions': 'versions',
    'evaluation.clip_scores': 'inference.clip_scorer',
    'evaluation.long_clips': 'inference.long_clips',
    'evaluation.features': 'inference.features',
    'evaluation.feature_files': 'inference.feature_files',
}

# Names in these modules that are others now.
RENAMED = {
    'Stream': 'EpochSampler',
    'SequentialStream': 'SequentialSampler',
    'FrameStream': 'FrameIterator',
    'Prediction': 'ClassScore',
    'Answer': 'Prediction',
}


class MovedModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds what nobody else does: a module of MOVED, which hands on the names of the one in its
    place.
    """

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        package, _, module = name.partition('.')
        if package == __package__ and module in MOVED:
            return importlib.machinery.ModuleSpec(name, self)
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        old = module.__name__
        new = f'{__package__}.{MOVED[old.partition(".")[2]]}'
        warnings.warn(
            f'{old} is {new} now; the old path goes with 0.3', DeprecationWarning, stacklevel=2
        )
        target = importlib.import_module(new)
        old_names = [old for old, name in RENAMED.items() if hasattr(target, name)]
        module.__all__ = [*(name for name in dir(target) if not name.startswith('_')), *old_names]
        module.__getattr__ = lambda name: getattr(target, RENAMED.get(name, name))


def install() -> None:
    """Lets the old paths be found, after all that is there under its own name."""
    sys.meta_path.append(MovedModules())
