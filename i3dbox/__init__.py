"""i3dbox: two-stream Inflated 3D ConvNets for action recognition on MindSpore.

    import i3dbox
    recognizer = i3dbox.init_recognizer('i3d_rgb_kinetics400')
    recognizer('a.mp4').top(5)

Importing the package imports neither MindSpore nor OpenCV nor NumPy: each name of __all__ comes
with what it needs when it is first asked for.
"""

import importlib

from .moved import install

__version__ = '0.2.0'
_HOMES = {
    'Config': 'config',
    'list_models': 'inference.models',
    'create_model': 'inference.models',
    'init_recognizer': 'inference.recognizer',
    'inference_recognizer': 'inference.recognize',
    'VideoStream': 'inference.recognize',
    'extract_features': 'apis.features',
    'FrechetDistance': 'evaluation.frechet',
    'load_exported': 'runtimes.exported',
    'train': 'apis.train',
    'test': 'apis.test',
}
__all__ = list(_HOMES)

install()


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    value = getattr(importlib.import_module(f'.{_HOMES[name]}', __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted((*globals(), *__all__))
