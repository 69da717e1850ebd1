"""The house stands as docs/architecture.md draws it: imports run downward, and nothing is there for
nobody.
"""

import ast
import importlib
import pathlib
import re
import warnings

import pytest

from i3dbox.moved import MOVED

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / 'i3dbox'
# From the ground up. A file or room imports what stands before it, and its own.
ROOMS = (
    'errors',
    'counterparts',
    'argument_checks',
    'languages',
    'shipped_files',
    'plain_pickle',
    'fileio',
    'interrupts',
    'plain_json',
    'plain_npy',
    'archives',
    'downloads',
    'terminal',
    'progress',
    'workers',
    'versions',
    'averages',
    'streams',
    'registry',
    'ascend',
    'config',
    'flow',
    'media',
    'models',
    'weights',
    'exporters',
    'evaluation',
    'datasets',
    'visualization',
    'runtimes',
    'preparation',
    'engine',
    'reports',
    'config_checks',
    'inference',
    'apis',
    'app',
    'analysis',
    'moved',
    'commands',
    '__main__',
)
# What commands share; these files are no commands.
SHARED_BY_COMMANDS = ('argument_types', 'arguments', 'cfg_options', 'parser', 'report_jobs')


def modules():
    """The package's modules by name: their paths."""
    found = {}
    for path in PACKAGE.rglob('*.py'):
        parts = path.relative_to(ROOT).with_suffix('').parts
        found['.'.join(parts[:-1] if parts[-1] == '__init__' else parts)] = path
    return found


MODULES = modules()


def imports(name, for_types=True):
    """Yields (module of the package, line) for each import of a module, those inside functions
    too; `for_types`: and those that only a type checker reads.
    """
    path = MODULES[name]
    tree = ast.parse(path.read_text(encoding='utf-8'))
    if not for_types:
        tree.body = [node for node in tree.body if not is_for_types(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            package = name if path.name == '__init__.py' else name.rpartition('.')[0]
            base = importlib.util.resolve_name('.' * node.level + (node.module or ''), package)
            for alias in node.names:
                full = f'{base}.{alias.name}'
                yield (full if full in MODULES else base), node.lineno


def room(name):
    return name.split('.')[1] if '.' in name else 'i3dbox'


def test_each_import_of_another_room_runs_downward():
    assert {room(name) for name in MODULES} - {'i3dbox'} == set(ROOMS)
    upward = [
        f'{name}:{line} imports {other}'
        for name in MODULES
        for other, line in imports(name)
        if name != 'i3dbox'
        and other != 'i3dbox'
        and room(name) != room(other)
        and ROOMS.index(room(name)) < ROOMS.index(room(other))
    ]
    assert not upward, '\n'.join(upward)


def is_for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING'


def test_no_modules_import_each_other_in_a_circle():
    needs = {
        name: {other for other, _ in imports(name, for_types=False)} - {name} for name in MODULES
    }
    standing = set()
    while len(standing) < len(needs):
        free = {name for name in needs if name not in standing and needs[name] <= standing}
        assert free, f'a circle among {sorted(set(needs) - standing)}'
        standing |= free


def test_no_command_imports_another():
    for name in MODULES:
        if name.startswith('i3dbox.commands.'):
            for other, line in imports(name):
                if other.startswith('i3dbox.commands.'):
                    assert other.rpartition('.')[2] in SHARED_BY_COMMANDS, (
                        f'{name}:{line} imports {other}'
                    )


def public_names():
    """(module, name) of each function and class that a module offers and no registry holds."""
    for name, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding='utf-8')).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith('_'):
                if not any(
                    'register' in ast.unparse(decorator) for decorator in node.decorator_list
                ):
                    yield name, node.name


def test_no_public_name_is_used_nowhere():
    sources = [
        path
        for folder in ('i3dbox', 'tools', 'configs', 'docs')
        for kind in ('*.py', '*.md')
        for path in (ROOT / folder).rglob(kind)
    ] + [ROOT / 'setup.py']
    words = {}
    for path in sources:
        for word in re.findall(r'\w+', path.read_text(encoding='utf-8')):
            words[word] = words.get(word, 0) + 1
    # of each command; of setup.py
    called_by_name = (
        'add_arguments',
        'run',
        'build_with_shipped_files',
    )
    unused = [
        f'{module}.{name}'
        for module, name in public_names()
        if words[name] < 2 and name not in called_by_name
    ]
    assert not unused, unused


@pytest.mark.parametrize('old', MOVED)
def test_an_old_import_path_works_and_tells_the_new_one(old):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        importlib.sys.modules.pop(f'i3dbox.{old}', None)
        module = importlib.import_module(f'i3dbox.{old}')
    assert f'i3dbox.{old} is i3dbox.{MOVED[old]} now' in str(caught[-1].message)
    new = MODULES[f'i3dbox.{MOVED[old]}']
    offered = [
        node.name
        for node in ast.parse(new.read_text()).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    ]
    assert offered[0].startswith('_') or offered[0] in module.__all__
    assert getattr(module, offered[0]) is getattr(
        importlib.import_module(f'i3dbox.{MOVED[old]}'), offered[0]
    )


def test_old_names_are_the_new_classes():
    from i3dbox.inference.recognize import ClassScore, Prediction
    from i3dbox.media.frame_iterator import FrameIterator

    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        from i3dbox.apis.recognize import Answer
        from i3dbox.apis.recognize import Prediction as OldPrediction
        from i3dbox.datasets.frame_stream import FrameStream
    assert (FrameStream, Answer, OldPrediction) == (FrameIterator, Prediction, ClassScore)


def test_each_room_and_test_file_stands_once_in_the_table_for_contributors():
    text = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
    rows = re.findall(r'^\| ([^|]+) \| (test_[^|]+) \|$', text, re.MULTILINE)
    tests = sorted(name for _, names in rows for name in names.split(', '))
    assert tests == sorted(path.stem for path in (ROOT / 'tests').glob('test_*.py'))
    rooms = re.findall(r'\w+', ' '.join(room for room, _ in rows))
    assert [room for room in ROOMS if rooms.count(room) != 1] == []


def public_functions(body):
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith('_'):
            yield from public_functions(node.body)
        elif isinstance(node, ast.FunctionDef):
            if not node.name.startswith('_') or node.name in ('__init__', '__call__'):
                yield node


def test_every_public_function_has_type_hints():
    bare = []
    for name, path in MODULES.items():
        for function in public_functions(ast.parse(path.read_text(encoding='utf-8')).body):
            arguments = [*function.args.args, *function.args.kwonlyargs]
            known = {argument.arg for argument in arguments if argument.annotation}
            missing = {argument.arg for argument in arguments} - known - {'self', 'cls'}
            if missing or function.returns is None and function.name != '__init__':
                bare.append(f'{name}.{function.name}')
    assert not bare
