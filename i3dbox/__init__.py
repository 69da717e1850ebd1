"""i3dbox: two-stream Inflated 3D ConvNets for action recognition on MindSpore.

    import i3dbox
    recognizer = i3dbox.init_recognizer('i3d_rgb_kinetics400')
    recognizer('a.mp4').top(5)

Importing the package imports neither MindSpore nor OpenCV nor NumPy: each name of __all__ comes
with what it needs when it is first asked for.
"""

import importlib
from typing import TYPE_CHECKING

from .moved import install

if TYPE_CHECKING:
    from .apis.export import export
    from .apis.features import extract_features
    from .apis.finetune import finetune, prepare
    from .apis.gradcam import gradcam
    from .apis.inferencer import I3DInferencer
    from .apis.test import test
    from .apis.train import train
    from .config import Config
    from .datasets.synthetic import make_synthetic_actions
    from .downloads.samples import sample_video
    from .evaluation.frechet import FrechetDistance
    from .inference.models import create_model, list_models
    from .inference.recognize import VideoStream, inference_recognizer
    from .inference.recognizer import init_recognizer
    from .media.video_reader import VideoReader
    from .runtimes.exported import load_exported

__version__ = '0.2.0'
_HOMES = {
    'Config': 'config',
    'list_models': 'inference.models',
    'create_model': 'inference.models',
    'init_recognizer': 'inference.recognizer',
    'inference_recognizer': 'inference.recognize',
    'VideoStream': 'inference.recognize',
    'I3DInferencer': 'apis.inferencer',
    'extract_features': 'apis.features',
    'gradcam': 'apis.gradcam',
    'FrechetDistance': 'evaluation.frechet',
    'export': 'apis.export',
    'load_exported': 'runtimes.exported',
    'prepare': 'apis.finetune',
    'finetune': 'apis.finetune',
    'train': 'apis.train',
    'test': 'apis.test',
    'VideoReader': 'media.video_reader',
    'sample_video': 'downloads.samples',
    'make_synthetic_actions': 'datasets.synthetic',
}
__all__ = [
    'Config',
    'list_models',
    'create_model',
    'init_recognizer',
    'inference_recognizer',
    'VideoStream',
    'I3DInferencer',
    'extract_features',
    'gradcam',
    'FrechetDistance',
    'export',
    'load_exported',
    'prepare',
    'finetune',
    'train',
    'test',
    'VideoReader',
    'sample_video',
    'make_synthetic_actions',
]

install()


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    value = getattr(importlib.import_module(f'.{_HOMES[name]}', __name__), name)
    globals()[name] = value
    return value


def __dir__():
    dunder = [name for name in globals() if name.startswith('__')]
    return sorted((*dunder, *__all__))
