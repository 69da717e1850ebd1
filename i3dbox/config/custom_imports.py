"""Importing the modules that a config's `custom_imports` names."""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys
import traceback
import warnings
from typing import Any

from ..errors import ConfigError


def import_custom_modules(custom_imports: dict, source: str) -> dict:
    """Imports the user's modules, for good: worker processes inherit `sys.path` and find them too.

    A module is looked for among the installed ones, so that a file in a config's folder never hides
    one, then in `dirs`, then in the working directory.

    Args:
        custom_imports: `imports` and `dirs`, each a string or a list of strings, and
            `allow_failed_imports` (bool): whether a module that is not there is only warned of.
        source: the config file, for errors.

    Returns:
        dict: `custom_imports` with the folders that its modules need as absolute paths in `dirs`,
        so that a copy of the config that lies elsewhere finds them.

    Raises:
        ConfigError: naming the module, the config and the reason.
    """
    known = {'imports', 'dirs', 'allow_failed_imports'}
    if not isinstance(custom_imports, dict) or not known.issuperset(custom_imports):
        raise ConfigError(
            f'{source}: custom_imports is a dict with the keys {", ".join(sorted(known))}; '
            f'got {custom_imports!r}'
        )
    modules = as_strings(custom_imports.get('imports', []))
    dirs = as_strings(custom_imports.get('dirs', []))
    if modules is None or dirs is None:
        raise ConfigError(
            f'{source}: imports and dirs of custom_imports are strings or lists of strings; '
            f'got {custom_imports!r}'
        )
    here = os.getcwd()
    dirs = [os.path.abspath(folder) for folder in dirs]
    if here not in dirs and any(_find([here], m) and not _find(dirs, m) for m in modules):
        dirs.append(here)
    sys.path.extend(folder for folder in dirs if folder not in sys.path)
    importlib.invalidate_caches()
    for module in modules:
        _import(module, dirs, source, custom_imports.get('allow_failed_imports', False))
    return {**custom_imports, 'dirs': dirs}


def as_strings(value: Any) -> list[str] | None:
    """Returns a string or a list of strings as a list; None for anything else."""
    values = [value] if isinstance(value, str) else value
    is_list = isinstance(values, (list, tuple)) and all(isinstance(v, str) for v in values)
    return list(values) if is_list else None


def _import(module, dirs, source, may_fail):
    try:
        importlib.import_module(module)
    except Exception as error:  # the user's module may raise anything
        message = f'{source}: custom import {module!r} failed: {_describe(error)}'
        if isinstance(error, ModuleNotFoundError) and f'{module}.'.startswith(f'{error.name}.'):
            message += f'. It was looked for in the installed packages and in {", ".join(dirs)}'
        missing = str(getattr(error, 'name', '')).partition('.')[0]
        if missing in ('mmaction', 'mmengine', 'mmcv'):
            message += f'. What {missing} has is in i3dbox here: from i3dbox.registry import ...'
        if not (may_fail and isinstance(error, ImportError)):
            raise ConfigError(message) from error
        warnings.warn(message, stacklevel=2)
        return
    found = getattr(sys.modules[module.partition('.')[0]], '__file__', None)
    meant = getattr(_find(dirs, module), 'origin', None)
    if found and meant and os.path.realpath(found) != os.path.realpath(meant):
        warnings.warn(
            f'{source}: custom import {module!r} is taken from {found}, which hides {meant}',
            stacklevel=2,
        )


def _find(folders, module):
    """Returns the spec of the top-level package of `module` in the first of `folders` with it, or
    None.
    """
    return importlib.machinery.PathFinder.find_spec(module.partition('.')[0], folders)


def _describe(error):
    """Returns the error's type and text, and its place where that is in a file of the user's."""
    frames = [
        f
        for f in traceback.extract_tb(error.__traceback__)
        if not f.filename.startswith('<') and f.filename not in (__file__, importlib.__file__)
    ]
    place = f' ({frames[-1].filename}, line {frames[-1].lineno})' if frames else ''
    return f'{type(error).__name__}: {error}{place}'
