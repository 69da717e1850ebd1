"""Config: what to run, written as a Python file.

    >>> cfg = Config.fromfile('configs/i3d_rgb_ucf101.py', overrides={'data.num_workers': 2})
    >>> cfg.model.backbone.type
    'InceptionI3D'

A config file's top-level names are its values; modules, functions, classes and names that begin
with `_` are not. `_base_` names one or several files, relative to this one (or
'i3dbox::i3d_rgb_ucf101.py' of the shipped ones), whose values are merged below its own: dicts merge
key by key, anything else replaces, and `_delete_=True` in a dict makes it replace too.
`{{fileDirname}}`, `{{fileBasename}}`, `{{fileBasenameNoExtension}}` and `{{fileExtname}}` stand for
parts of the file's own path, and `{{_base_.a.b.0}}` for a copy of a value of its bases; both also
inside strings. `custom_imports = dict(imports=['package.module'], dirs=[...],
allow_failed_imports=False)` imports the user's own parts; modules are looked for among the
installed ones, then in `dirs` (relative to the file; by default its folder), then in the working
directory.
"""

from __future__ import annotations

import ast
import builtins
import collections.abc
import inspect
import os
import re
import traceback
from collections.abc import Iterable

import addict

from ..counterparts import counterpart, hint
from ..errors import ConfigError, spelling_hint
from ..fileio import atomic_write
from .custom_imports import as_strings, import_custom_modules
from .keys import USUAL, check_override
from .shipped import PREFIX, resolve, shipped_names
from .values import is_name, merge, override, to_python

_VARIABLE = (
    ' Nobody reads it: a variable is one that the config refers to, or begins with _; a hook that '
    'reads one says so by config_keys.'
)


class MissingKeyError(ConfigError, KeyError, AttributeError):
    """A key that a config does not have, asked for as an item or an attribute."""

    __str__ = Exception.__str__  # KeyError's would print the message in quotes


class ConfigDict(addict.Dict):
    """A dict inside a config: its keys are attributes too, and a missing one is an error."""

    def __init__(self, *args, **kwargs):
        super().__init__()
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __missing__(self, key):
        raise MissingKeyError(
            f'the config has no key {key!r} here.{spelling_hint(key, self)} '
            f'It has: {", ".join(map(str, self)) or "none"}.'
        )

    def __setitem__(self, key, value):
        super().__setitem__(key, self._hook(value))

    @classmethod
    def _hook(cls, item):
        if type(item) in (list, tuple):
            return type(item)(map(cls._hook, item))
        return cls(item) if isinstance(item, dict) and not isinstance(item, cls) else item


class Config(collections.abc.MutableMapping):
    """The values of a config file, reached as items or attributes, and what can be done with them.

    Args:
        values: copied, with every dict in it made a `ConfigDict`.
        filename: where the values come from, if from a file.
    """

    def __init__(self, values: dict | None = None, filename: str | None = None):
        object.__setattr__(self, '_filename', filename)
        object.__setattr__(self, '_referred', frozenset())  # names that the files refer to
        self._set_values(merge({}, values or {}))

    @classmethod
    def fromfile(cls, path: str | os.PathLike, overrides: dict | None = None) -> Config:
        """Reads a config file, applies overrides and imports what `custom_imports` names.

        Args:
            path: a Python file; 'i3dbox::i3d_rgb_ucf101.py' is a shipped one.
            overrides: see `merge_from_dict`.

        Raises:
            ConfigError: with the file and, where there is one, the line at fault.
        """
        overrides = overrides or {}
        if not isinstance(overrides, dict):
            raise ConfigError(f'overrides are a dict; got {type(overrides).__name__}')
        path = resolve(os.fspath(path), os.getcwd())
        problem = _file_problem(path)
        if problem:
            raise ConfigError(f'config {path} {problem}')
        used = set()
        cfg = cls(_load(path, used), path)
        object.__setattr__(cfg, '_referred', frozenset(used) - set(dir(builtins)))
        for key in overrides:
            check_override(cfg, key, used, path)
        cfg.merge_from_dict(overrides)
        if cfg.get('custom_imports'):
            cfg['custom_imports'] = import_custom_modules(cfg['custom_imports'], path)
        return cfg

    @property
    def filename(self) -> str | None:
        """Absolute path of the file that the config was read from, or None."""
        return self._filename

    def merge_from_dict(self, overrides: dict) -> None:
        """Sets values by dotted keys, as in {'model.head.num_classes': 51,
        'data.train.pipeline.1.clip_len': 16}.

        Dicts merge as with `_base_`. Keys that a dict does not have yet are made, with the dicts on
        the way.

        Raises:
            ConfigError: a list entry that is not there, or a key below something that is no dict or
                list.
        """
        for key, value in overrides.items():
            self._set_values(override(self._values, key, key.split('.'), value))

    def check_keys(self, allowed: Iterable[str]) -> None:
        """Refuses top-level keys that nobody reads.

        A config may hold variables of its own (`img_norm`, `train_pipeline`): names that its files
        refer to, and USUAL. A file that refers to nothing may be what `dump` wrote, whose variables
        nobody refers to any more: there a key is at fault only where it is known to be wrong.

        Raises:
            ConfigError: naming the key, and what to write instead where that is known.
        """
        faults = []
        for key, value in self.items():
            theirs = counterpart('key', key) and isinstance(value, (dict, list, tuple))
            if key in allowed or key in USUAL or key in self._referred and not theirs:
                continue
            meant = hint('key', key, allowed, cutoff=0.8)
            if meant or self._referred:
                faults.append(f'unknown key {key!r}.{meant or _VARIABLE}')
        if faults:
            raise ConfigError(f'{self._filename or "config"}: {" ".join(faults)}')

    @property
    def pretty_text(self) -> str:
        """The whole config as formatted Python text, which can itself be read as a config.

        Raises:
            ConfigError: a value that is not plain data; names its key.
        """
        from yapf.yapflib.yapf_api import FormatCode

        for key in self:
            if not is_name(key) or key.startswith('_'):
                raise ConfigError(
                    f'key {key!r}: a top-level key is a Python name that does not begin with _'
                )
        text = ''.join(f'{key} = {to_python(value, key)}\n' for key, value in self.items())
        return FormatCode(text, style_config='{based_on_style: pep8, column_limit: 100}')[0]

    def dump(self, path: str) -> None:
        """Writes `pretty_text` to `path` in one step. The file runs by itself, from any folder."""
        if not str(path).endswith('.py'):
            raise ConfigError(f'{path}: a config is written to a Python file (.py)')
        atomic_write(path, self.pretty_text)

    def _set_values(self, values):
        for key in values:
            if hasattr(Config, key):
                raise ConfigError(
                    f'{self._filename or "config"}: the key {key!r} is taken by Config.{key}; '
                    'give it another name'
                )
        object.__setattr__(self, '_values', ConfigDict(values))

    def __getitem__(self, key):
        return self._values[key]

    def __setitem__(self, key, value):
        self._values[key] = value

    def __delitem__(self, key):
        del self._values[key]

    __getattr__ = __getitem__

    def __setattr__(self, name, value):
        if hasattr(Config, name):
            raise AttributeError(f'Config.{name} cannot be set')
        self._values[name] = value

    __delattr__ = __delitem__

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)

    def __repr__(self):
        return f'Config({dict(self._values)!r}, filename={self._filename!r})'

    def __reduce__(self):
        return Config, (self._values, self._filename)


# Reading files
# -----------------------------------------------------------------------------------------


def _load(path, used, chain=()):
    """Returns the values of the file at `path`, an absolute path, merged over those of its
    bases; adds to `used` (set) the names of variables whose values the files take elsewhere.
    """
    try:
        with open(path, 'rb') as file:
            tree = ast.parse(file.read(), path)
    except (SyntaxError, ValueError, OSError) as error:
        line = getattr(error, 'lineno', None)
        raise ConfigError(
            f'{path}{f", line {line}" if line else ""}: {getattr(error, "msg", None) or error}'
        ) from error
    below = _load_bases(path, tree, used, chain)
    used |= {'_base_'} if below else set()
    variables = _Variables(path, below)
    tree = ast.fix_missing_locations(variables.visit(tree))
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    used |= variables.used | {node.id for node in names if isinstance(node.ctx, ast.Load)}
    namespace = {'__file__': path, '__name__': os.path.basename(path)[:-3]}
    try:
        exec(compile(tree, path, 'exec'), namespace)  # a config is a program of the user's
    except Exception as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
        line = lines[-1] if lines else getattr(error, 'lineno', None)
        name = re.match(r"name '(\w+)'", str(error))
        hint = ''
        if isinstance(error, NameError) and name and name[1] in below:
            hint = f'. A value of a base is written {{{{_base_.{name[1]}}}}}'
        raise ConfigError(f'{path}, line {line}: {type(error).__name__}: {error}{hint}') from error
    values = {
        key: value
        for key, value in namespace.items()
        if not key.startswith('_')
        and not (inspect.ismodule(value) or inspect.isclass(value) or inspect.isroutine(value))
    }
    custom = values.get('custom_imports')
    if isinstance(custom, dict) and ('imports' in custom or 'dirs' in custom):
        dirs = as_strings(custom.get('dirs', '.'))
        if dirs is not None:
            values['custom_imports'] = {
                **custom,
                'dirs': [os.path.normpath(os.path.join(os.path.dirname(path), d)) for d in dirs],
            }
    return merge(below, values)


def _load_bases(path, tree, used, chain):
    """Returns the merged values of the files that `_base_` in `tree` names."""
    chain += (path,)
    owners = {}
    values = {}
    for node in tree.body:
        if not isinstance(node, ast.Assign) or getattr(node.targets[0], 'id', None) != '_base_':
            continue
        place = f'{path}, line {node.lineno}'
        try:
            names = as_strings(ast.literal_eval(_Variables(path).visit(node.value)))
        except ValueError:
            names = None
        if names is None:
            raise ConfigError(f'{place}: _base_ is a string or a list of strings, written out')
        for name in names:
            base = resolve(name, os.path.dirname(path))
            problem = _file_problem(base)
            if problem:
                raise ConfigError(
                    f'{place}: the base {name!r} ({base}) {problem}'
                    + (
                        ''
                        if name.startswith(PREFIX)
                        else f" Shipped ones are written '{PREFIX}NAME.py'"
                    )
                )
            if os.path.realpath(base) in map(os.path.realpath, chain):
                raise ConfigError(
                    f'{place}: bases go round in a circle: {" -> ".join(chain + (base,))}'
                )
            loaded = _load(base, used, chain)
            for key in loaded:
                if key in values:
                    raise ConfigError(
                        f'{place}: the bases {owners[key]!r} and {name!r} both define {key!r}'
                    )
                owners[key] = name
            values.update(loaded)
    return values


class _Variables(ast.NodeTransformer):
    """Puts the values of {{fileDirname}}, {{_base_.a.b}} and the like in their places.

    Works on the parsed file, where `{{x}}` is a set in a set or part of a string, so that a path
    with quotes in it does no harm.
    """

    NAME = r'(_base_(?:\.\w+)+|fileDirname|fileBasename|fileBasenameNoExtension|fileExtname)'
    PATTERN = re.compile(r'\{\{\s*' + NAME + r'\s*\}\}')
    PATTERN_IN_FSTRING = re.compile(r'\{\s*' + NAME + r'\s*\}')  # there, {{ stands for {

    def __init__(self, path, base_values=None):
        folder, name = os.path.split(path)
        stem, extension = os.path.splitext(name)
        self.path = path
        self.base_values = base_values or {}
        self.used = set()  # variables of the bases
        self.file = dict(
            fileDirname=folder,
            fileBasename=name,
            fileBasenameNoExtension=stem,
            fileExtname=extension,
        )

    def visit_Expr(self, node):
        # docstrings stay
        return node if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Set(self, node):
        match = self.PATTERN.fullmatch(ast.unparse(node))
        return self._literal(match[1], node) if match else self.generic_visit(node)

    def visit_Constant(self, node):
        if not isinstance(node.value, str):
            return node
        whole = self.PATTERN.fullmatch(node.value)
        if whole:
            return self._literal(whole[1], node)
        return self._fill(self.PATTERN, node)

    def visit_JoinedStr(self, node):
        node.values = [
            self._fill(self.PATTERN_IN_FSTRING, part)
            if isinstance(part, ast.Constant)
            else self.visit(part)
            for part in node.values
        ]
        return node

    def _fill(self, pattern, node):
        text = pattern.sub(lambda match: str(self._value(match[1], node)), node.value)
        return ast.copy_location(ast.Constant(text), node)

    def _literal(self, name, place):
        tree = ast.parse(to_python(self._value(name, place), name), mode='eval').body
        for node in ast.walk(tree):
            ast.copy_location(node, place)
        return tree

    def _value(self, name, node):
        if name in self.file:
            return self.file[name]
        value = self.base_values
        self.used.add(name.split('.')[1])
        for part in name.split('.')[1:]:
            try:
                value = value[int(part) if isinstance(value, (list, tuple)) else part]
            except (LookupError, TypeError, ValueError):
                hint = spelling_hint(part, value) if isinstance(value, dict) else ''
                raise ConfigError(
                    f'{self.path}, line {node.lineno}: no base has a value for '
                    f'{{{{{name}}}}}: there is no {part!r}.{hint}'
                ) from None
        return value


def _file_problem(path):
    """Says what keeps `path` from being a config file; '' if nothing does."""
    if os.path.isfile(path):
        return '' if path.endswith('.py') else 'is not a Python file (.py).'
    folder = os.path.dirname(path)
    if os.path.isdir(path):
        return 'is a folder.'
    if not os.path.isdir(folder):
        return f'does not exist: there is no folder {folder}.'
    name = os.path.splitext(os.path.basename(path))[0]
    if name in shipped_names():
        return f"does not exist. Did you mean the shipped one, '{PREFIX}{name}'?"
    return 'does not exist.' + spelling_hint(os.path.basename(path), os.listdir(folder))
