"""What is installed is held against what was tested, and what is newer is named."""

import importlib.metadata
import pathlib
import re
import sys

import addict
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from i3dbox import versions
from i3dbox.commands import main
from i3dbox.errors import ConfigError
from i3dbox.versions import cpu_warning, newer_than_tested

ROOT = pathlib.Path(__file__).parents[1]
CONSTRAINTS = sorted((ROOT / 'constraints').glob('*.txt'))
RANGES = {
    Requirement(text).name: Requirement(text).specifier
    for text in re.findall(r"'([\w-]+[>=<][^']+)'", (ROOT / 'setup.py').read_text())
}
NEEDED = {
    Requirement(text).name
    for text in re.findall(
        r"'([\w-]+[>=<][^']+)'",
        re.search(r'install_requires=\[(.*?)\n    \]', (ROOT / 'setup.py').read_text(), re.DOTALL)[
            1
        ],
    )
}
APP = {'gradio', 'pandas'}  # of the page
UNPINNED = {
    'torch',
    'tensorboardX',
    'zhplot',
    'ray',
    'ipykernel',
    'nbmake',
}  # of extras that no matrix installs


def pins(path):
    return [Requirement(line) for line in path.read_text().splitlines()]


@pytest.fixture
def known(monkeypatch, tmp_path):
    """Lets what was tested be numpy 1.20, addict 2.0 and pillow 99."""
    (tmp_path / 'py{}{}.txt'.format(*sys.version_info)).write_text(
        'numpy==1.20.0\naddict==2.0.0\npillow==99.0\n'
    )
    monkeypatch.setattr(versions, 'shipped_folder', lambda name: str(tmp_path))


def test_what_is_newer_than_tested_is_named_with_both_versions(known):
    newer = [
        f'{name} {importlib.metadata.version(name)} (tested: {known})'
        for name, known in (('numpy', '1.20.0'), ('addict', '2.0.0'))
    ]
    assert newer_than_tested() == newer
    assert newer_than_tested(['addict', 'PIL', 'os']) == newer[1:]


@pytest.mark.parametrize(
    'version, other, newer',
    [
        ('19.0.2', '19.0.2', False),
        ('19.0.10', '19.0.2', True),
        ('9.0', '19.0', False),
        ('2.8.0+ascend', '2.8.0', True),
        ('odd version', '1.0', True),
    ],
)
def test_versions_are_compared_as_versions(version, other, newer):
    assert versions._is_newer(version, other) is newer


def test_an_error_of_the_programs_own_names_what_was_not_tested(known, capsys, monkeypatch):
    import numpy

    from i3dbox.commands import collect_env

    monkeypatch.setattr(collect_env, 'run', lambda args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main('collect_env', [])
    assert (
        f'Newer than what i3dbox was tested with: numpy {numpy.__version__} (tested: 1.20.0)'
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    'run, named',
    [(lambda args: parse_by_addict(), True), (lambda args: raise_from(KeyError()), False)],
)
def test_an_error_of_the_users_names_what_it_came_from(known, capsys, monkeypatch, run, named):
    from i3dbox.commands import collect_env

    monkeypatch.setattr(collect_env, 'run', run)
    assert main('collect_env', []) == 1
    text = capsys.readouterr().err
    assert 'error: bad' in text and ('addict' in text) is named and 'numpy' not in text


def parse_by_addict():
    try:
        addict.Dict(3)
    except TypeError as error:
        raise_from(error)


def raise_from(error):
    raise ConfigError('bad') from error


def test_env_shows_what_was_tested_and_warns_of_what_is_newer(known, capsys):
    assert main('collect_env', []) == 0
    text = capsys.readouterr().out
    assert re.search(r'\| addict +\| \S+ +\| 2\.0\.0 +\|', text) and 'not trusted: numpy' in text


def test_a_python_that_was_not_tested_knows_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(versions, 'shipped_folder', lambda name: str(tmp_path / 'nowhere'))
    assert versions.tested() == {} and newer_than_tested() == []
    assert (
        main('collect_env', []) == 0
        and 'i3dbox was not tested with Python 3.' in capsys.readouterr().out
    )


def test_each_python_has_its_constraints_and_they_lie_in_the_ranges():
    assert [path.name for path in CONSTRAINTS] == [
        'oldest.txt',
        'py310.txt',
        'py311.txt',
        'py312.txt',
        'py313.txt',
        'py39.txt',
    ]
    for path in CONSTRAINTS:
        # on 3.13 there is what answers alone; the oldest packages are too old for NNCF and Gradio
        wanted = NEEDED if path.name == 'py313.txt' else set(RANGES) - UNPINNED
        old = path.name in ('oldest.txt', 'py39.txt')
        wanted = wanted - ({'nncf', *APP} if old else {'onnxruntime'})
        named = {}
        for pin in pins(path):
            named.setdefault(pin.name, []).append(str(pin.specifier)[2:])
        for name in wanted:
            assert all(version in RANGES[name] for version in named[name]), (path.name, name)


def test_the_oldest_of_each_range_is_what_is_tested():
    oldest = {}
    for pin in pins(ROOT / 'constraints' / 'oldest.txt'):
        oldest.setdefault(pin.name, []).append(Version(str(pin.specifier)[2:]))
    # PyTorch wants a newer setuptools
    for name in set(RANGES) - UNPINNED - {'nncf', *APP, 'setuptools'}:
        lower = next(Version(part.version) for part in RANGES[name] if part.operator == '>=')
        assert min(oldest[name]).release[:2] == lower.release[:2], name


def test_every_range_has_an_end():
    for name, specifier in RANGES.items():
        assert any(part.operator in ('<', '==') for part in specifier), name


def test_every_package_that_is_installed_is_watched():
    assert NEEDED <= set(versions.PACKAGES.values())


@pytest.mark.parametrize(
    'version, slow',
    [
        ('2.7.0', False),
        ('2.8.0', False),
        ('2.8.0rc1', False),
        ('2.9.0', True),
        ('2.10.0', True),
        ('3.0', True),
        ('unknown', False),
    ],
)
def test_slow_versions_of_mindspore_are_known(version, slow):
    warning = cpu_warning(version)
    assert bool(warning) is slow and (not slow or f'MindSpore {version} ' in warning)
