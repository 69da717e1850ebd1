"""Registries: from a config's `dict(type='Name', ...)` to an object.

>>> from i3dbox.registry import BACKBONES
>>> @BACKBONES.register
... class MyBackbone: ...
>>> BACKBONES.build(dict(type='MyBackbone'))
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

from .counterparts import COUNTERPARTS, counterpart, hint
from .errors import RegistryError, first_line


class Registry:
    """A table of named parts of one kind.

    Args:
        kind: what it holds, for error messages.
        *packages: where the built-in parts live. All their modules are imported at the first
            look-up, so that a new part is one new file.
    """

    def __init__(self, kind: str, *packages: str):
        self.kind = kind
        self._packages = packages
        self._imported = not packages
        self._parts = {}

    def register(self, part: Callable | None = None, *, name: str | None = None) -> Callable:
        """Adds a class or function under its own name or `name`; usable as a decorator."""
        if part is None:
            return lambda p: self.register(p, name=name)
        name = name or part.__name__
        known = self._parts.setdefault(name, part)
        if known is not part and (known.__module__, known.__qualname__) != (
            part.__module__,
            part.__qualname__,
        ):
            raise RegistryError(
                f'{self.kind} {name!r} is registered twice: in {known.__module__} '
                f'and in {part.__module__}'
            )
        self._parts[name] = part
        return part

    def register_module(
        self, name: str | Callable | None = None, module: Callable | None = None
    ) -> Callable:
        """Registers a part, as mmaction2's users write it: as a decorator with or without brackets
        and name, or called with a part.
        """
        if name is not None and not isinstance(name, str):
            module = name
            name = None
        return self.register(module, name=name)

    def get(self, type_: str | Callable) -> Callable:
        """Returns the part that `type_` names: a registered name, a dotted path, or the part
        itself.
        """
        if not isinstance(type_, str):
            if callable(type_):
                return type_
            raise RegistryError(
                f"a {self.kind}'s type is a name, a dotted path or a class; got {type_!r}"
            )
        if type_ not in self._parts:
            self._import_packages()
        if type_ in self._parts:
            return self._parts[type_]
        if '.' in type_:
            return self._from_dotted_path(type_)
        names = self.names()
        raise RegistryError(
            f'no {self.kind} is called {type_!r}.'
            f'{hint("part", type_, names, cutoff=0.5)} '
            f'Registered: {", ".join(names) or "none"}. '
            'Parts of your own are found when custom_imports names their module.'
        )

    def build(self, cfg: dict, **defaults: Any) -> Any:
        """Builds a part, see `build_from_cfg`."""
        return build_from_cfg(cfg, self, **defaults)

    def names(self) -> list[str]:
        """Returns all registered names, sorted."""
        self._import_packages()
        return sorted(self._parts)

    def __repr__(self):
        return f'Registry({self.kind!r})'

    def __contains__(self, name):
        return name in self.names()

    def _import_packages(self):
        if self._imported:
            return
        self._imported = True  # first, as a module may look a part up while it is imported
        try:
            for package_name in self._packages:
                package = importlib.import_module(package_name)
                for module in pkgutil.iter_modules(package.__path__):
                    importlib.import_module(f'{package_name}.{module.name}')
        except BaseException:
            self._imported = False  # the next look-up says again what is wrong
            raise

    def _from_dotted_path(self, path):
        module_name, _, name = path.rpartition('.')
        try:
            part = getattr(importlib.import_module(module_name), name)
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            raise RegistryError(f'{self.kind} {path!r} cannot be imported: {error}') from error
        if not callable(part):
            raise RegistryError(f'{path} is no {self.kind}: it cannot be called')
        return part


def as_cfg(part: str | dict) -> dict:
    """Returns a part's name as the config that it stands for; a config as it is."""
    return dict(type=part) if isinstance(part, str) else part


def build_from_cfg(cfg: dict, registry: Registry, **defaults: Any) -> Any:
    """Builds the part that `cfg` describes.

    Args:
        cfg: `type` and the part's arguments.
        registry: where to look the type up.
        **defaults: arguments for the part where `cfg` does not give them.

    Raises:
        RegistryError: no type, an unknown type, or arguments that the part does not take.
    """
    part, args = check_cfg(cfg, registry, **defaults)
    try:
        return part(**args)
    except (TypeError, ValueError, ArithmeticError, StopIteration) as error:
        name = getattr(part, '__name__', part)
        raise RegistryError(
            f'{registry.kind} {name} cannot be built: {first_line(error)}'
        ) from error


def check_cfg(cfg: dict, registry: Registry, **defaults: Any) -> tuple[Callable, dict]:
    """Returns the part that `cfg` describes and its arguments; raises what `build_from_cfg` does
    before it builds.
    """
    if not isinstance(cfg, dict) or 'type' not in cfg:
        raise RegistryError(
            f"a {registry.kind} is described by a dict with the key 'type'; got {str(cfg)[:200]}"
        )
    args = {**defaults, **cfg}
    part = registry.get(args.pop('type'))
    _check_arguments(part, args, registry.kind)
    return part, args


def _check_arguments(part, args, kind):
    name = getattr(part, '__name__', part)
    try:
        parameters, takes_any = parameters_of(part)
        own = inspect.signature(part).parameters.values()
    except ValueError:  # some of Python's own types do not say what they take
        return
    unknown = [] if takes_any else [a for a in args if a not in parameters]
    if unknown:
        faults = [
            f'{kind} {name} takes no argument {argument!r}.'
            f'{hint("argument", argument, parameters, name)}'
            for argument in unknown
        ]
        raise RegistryError(f'{" ".join(faults)} It takes: {", ".join(parameters) or "none"}.')
    missing = [
        p.name
        for p in own
        if p.default is p.empty
        and p.name not in args
        and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if missing:
        raise RegistryError(f'{kind} {name} needs the argument {missing[0]!r}')


def is_of_the_package(part: Callable) -> bool:
    """Whether a part is i3dbox's, and not somebody's own."""
    return part.__module__.partition('.')[0] == __package__


def parameters_of(part: Callable) -> tuple[dict[str, inspect.Parameter], bool]:
    """Returns what `part` takes, and whether it takes anything. A class that hands **kwargs on
    takes what its bases take, too.
    """
    parameters = {}
    for owner in inspect.getmro(part)[:-1] if inspect.isclass(part) else [part]:
        own = inspect.signature(owner).parameters
        parameters = {**own, **parameters}
        if not any(p.kind is p.VAR_KEYWORD for p in own.values()):
            named = {name: p for name, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
            return named, False
    return parameters, True


BACKBONES = Registry('backbone', 'i3dbox.models.backbones')
HEADS = Registry('head', 'i3dbox.models.heads')
RECOGNIZERS = Registry('recognizer', 'i3dbox.models.recognizers')
LOSSES = Registry('loss', 'i3dbox.models.losses')
BLENDINGS = Registry('blending', 'i3dbox.engine.blendings')
DATASETS = Registry('data set', 'i3dbox.datasets')
PIPELINES = Registry('pipeline step', 'i3dbox.datasets.pipelines')
OPTIMIZERS = Registry('optimizer', 'i3dbox.engine.optimizers')
SCHEDULES = Registry('schedule', 'i3dbox.engine.schedules')
HOOKS = Registry('hook', 'i3dbox.engine.hooks')
METRICS = Registry('metric', 'i3dbox.evaluation.metrics')
RUNNERS = Registry('runner', 'i3dbox.engine.runners')
EXPORTERS = Registry('exporter', 'i3dbox.exporters')
FLOW_METHODS = Registry('flow method', 'i3dbox.flow.methods')


def __getattr__(name):
    if name == 'TRANSFORMS':  # as mmaction2 calls them
        return PIPELINES
    if f'registry.{name}' not in COUNTERPARTS['import']:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    raise ImportError(f'i3dbox.registry has no {name}.{counterpart("import", f"registry.{name}")}')
