"""What commands and notebooks call. What is here is imported when it is asked for: `load_exported`
needs no MindSpore, and a machine that serves may not have it."""

import importlib

from ..counterparts import COUNTERPARTS, counterpart

_HOMES = {
    'load_exported': '..runtimes.exported',
    'init_recognizer': '..inference.recognizer',
    'inference_recognizer': '..inference.recognize',
    'VideoStream': '..inference.recognize',
    'I3DInferencer': '.inferencer',
}
__all__ = list(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        if f'apis.{name}' in COUNTERPARTS['import']:
            raise ImportError(f'i3dbox.apis has no {name}.{counterpart("import", f"apis.{name}")}')
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(_HOMES[name], __name__), name)
