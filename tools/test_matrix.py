"""Run the fast tests on every Python that i3dbox promises, with the oldest and the newest of what
it needs.

    python tools/test_matrix.py                       # Python 3.9 to 3.12, both ends of each range,
                                                      # and 3.13 without MindSpore
    python tools/test_matrix.py --python 3.9 3.12 --newest
    python tools/test_matrix.py --python 3.12 -- tests/test_video.py -x
    python tools/test_matrix.py --smoke               # two minutes each: the two ends and what is
                                                      # without MindSpore, for CI
    python tools/test_matrix.py --renew               # resolves the ranges of setup.py anew, by uv

Each pair has a clean environment of its own, which nox makes in .nox/ from constraints/; it takes
some two gigabytes, and is removed when everything passed in it.
Deprecations of what i3dbox depends on are errors. Arguments after -- go to pytest. The exit status
is 0 when everything passed.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree

try:
    import nox
except ImportError:
    sys.exit("nox is missing: pip install -e '.[test]', or use .venv/bin/python of run_tests.sh")

ROOT = pathlib.Path(__file__).resolve().parents[1]
CONSTRAINTS, ENVIRONMENTS = ROOT / 'constraints', ROOT / '.nox'
REPORTS = ENVIRONMENTS / 'reports'
PYTHONS = ('3.9', '3.10', '3.11', '3.12')
ENDS = ('oldest', 'newest')
WITHOUT = ('3.13', 'without MindSpore')  # which has no MindSpore; the newest packages, NumPy 2
# Warnings that a package raises over its own code, or over MindSpore's, are not ours to mend.
FOREIGN = (
    'mindspore|matplotlib|tqdm|astunparse|dateutil|openvino|onnx|h5py|sklearn|importlib|torch|joblib|'
    'pyparsing'
)
WARNINGS = '\n'.join(
    [
        'error::DeprecationWarning',
        'error::PendingDeprecationWarning',
        'error::FutureWarning',
        *(
            f'ignore::{kind}:({FOREIGN})'
            for kind in ('DeprecationWarning', 'PendingDeprecationWarning', 'FutureWarning')
        ),
    ]
)


@nox.session(python=PYTHONS, venv_backend='venv')
@nox.parametrize('end', ENDS)
def tests(session, end):
    """What nox does for one Python and one end of the ranges."""
    session.chdir(ROOT)
    session.install(
        '--editable',
        '.[test]',
        env={'PIP_CONSTRAINT': constraints_of(session.python, end).as_uri()},
    )
    session.run(
        'python',
        '-m',
        'pytest',
        '-n',
        '2',
        '--dist',
        'loadfile',
        '-p',
        'no:cacheprovider',
        '-o',
        f'filterwarnings={WARNINGS}',
        f'--junitxml={report_of(session.python, end)}',
        *session.posargs,
    )


@nox.session(python=[WITHOUT[0]], venv_backend='venv')
def without_mindspore(session):
    """What nox does for an installation that answers and does not train."""
    session.chdir(ROOT)
    session.install(
        '--editable',
        '.',
        'pytest',
        'pytest-xdist',
        env={'PIP_CONSTRAINT': constraints_of(*WITHOUT).as_uri()},
    )
    session.run(
        'python',
        '-m',
        'pytest',
        '-p',
        'no:cacheprovider',
        f'--junitxml={report_of(*WITHOUT)}',
        'tests/test_without_mindspore.py',
    )


def main():
    args, pytest_arguments = parse(sys.argv[1:])
    wanted = args.python or (*PYTHONS, WITHOUT[0])
    found = {python: path for python in wanted if (path := find_python(python))}
    missing = [python for python in wanted if python not in found]
    if not found or args.python and missing:
        sys.exit(f'Python {", ".join(missing)} is neither on PATH nor among those of pyenv')
    if args.renew:
        renew()
    whole = [python for python in found if python in PYTHONS]
    pairs = [(python, end) for python in whole for end in args.ends]
    if args.smoke and whole:
        pairs = [(min(whole, key=number), 'oldest'), (max(whole, key=number), 'newest')]
    if WITHOUT[0] in found:
        pairs.append(WITHOUT)
    shutil.rmtree(REPORTS, ignore_errors=True)
    minutes, results = {}, {}
    for pair in pairs:
        minutes[pair] = run(*pair, found[pair[0]], pytest_arguments)
        results[pair] = read_report(*pair)
        if passed(results[pair]):
            shutil.rmtree(environment_of(*pair), ignore_errors=True)
    print(
        '\n| Python | packages | passed | skipped | failed | minutes |\n|---|---|---|---|---|---|'
    )
    for (python, end), counts in results.items():
        print(f'| {python} | {end} | {counts or "no test was run"} | {minutes[python, end]:.1f} |')
    for python in missing:
        print(f'| {python} | | not found | | | |')
    return 0 if all(map(passed, results.values())) else 1


def parse(argv):
    """Returns the arguments, and what is meant for pytest."""
    split = argv.index('--') if '--' in argv else len(argv)
    parser = argparse.ArgumentParser(
        usage='%(prog)s [--python VERSION ...] [--oldest | --newest] [--smoke] [--renew] '
        '[-- PYTEST ARGUMENTS]',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--python',
        nargs='+',
        choices=(*PYTHONS, WITHOUT[0]),
        metavar='VERSION',
        help=', '.join((*PYTHONS, WITHOUT[0])),
    )
    ends = parser.add_mutually_exclusive_group()
    for end in ENDS:
        ends.add_argument(
            f'--{end}',
            dest='ends',
            action='store_const',
            const=(end,),
            default=ENDS,
            help=f'the {end} packages alone',
        )
    parser.add_argument(
        '--smoke', action='store_true', help='the tests marked so, on the two ends alone'
    )
    parser.add_argument('--renew', action='store_true', help='write constraints/ anew first')
    args = parser.parse_args(argv[:split])
    if args.smoke and args.ends != ENDS:
        parser.error('--smoke is of both ends: it goes with neither --oldest nor --newest')
    return args, argv[split + 1 :] or ['-m', 'smoke' if args.smoke else 'not slow']


def number(python):
    """3.10 comes after 3.9."""
    return tuple(map(int, python.split('.')))


def find_python(python):
    """Returns the path of this Python's interpreter, on PATH or among pyenv's, or None."""
    pyenv = pathlib.Path(os.environ.get('PYENV_ROOT') or pathlib.Path.home() / '.pyenv')
    candidates = [
        shutil.which(f'python{python}'),
        *map(str, pyenv.glob(f'versions/{python}.*/bin/python')),
    ]
    for path in filter(None, candidates):
        # a command of pyenv's may stand for any version, so the interpreter itself says where it is
        about = 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2], sys.executable)'
        try:
            done = subprocess.run([path, '-c', about], capture_output=True, text=True)
        except OSError:  # no program
            continue
        version, _, executable = done.stdout.partition(' ')
        if version == python:
            return executable.strip()
    return None


def constraints_of(python, end):
    return CONSTRAINTS / ('oldest.txt' if end == 'oldest' else f'py{python.replace(".", "")}.txt')


def report_of(python, end):
    return REPORTS / f'{python}-{end}.xml'


def environment_of(python, end):
    return ENVIRONMENTS / f'{python}-{end.replace(" ", "-")}'


def run(python, end, interpreter, pytest_arguments):
    """Runs one pair by nox. Returns the minutes that it took."""
    start = time.monotonic()
    path = os.pathsep.join([os.path.dirname(interpreter), os.environ['PATH']])
    subprocess.run(
        [
            sys.executable,
            '-m',
            'nox',
            '--noxfile',
            __file__,
            '--envdir',
            str(environment_of(python, end)),
            '--session',
            f'without_mindspore-{python}'
            if (python, end) == WITHOUT
            else f"tests-{python}(end='{end}')",
            '--',
            *pytest_arguments,
        ],
        cwd=ROOT,
        env={**os.environ, 'PATH': path},
    )
    return (time.monotonic() - start) / 60


def read_report(python, end):
    """Returns 'passed | skipped | failed' of a pair, or None where pytest did not come to its
    end.
    """
    if not report_of(python, end).is_file():
        return None
    suite = xml.etree.ElementTree.parse(report_of(python, end)).getroot().find('testsuite')
    tests, skipped, failures, errors = (
        int(suite.get(key)) for key in ('tests', 'skipped', 'failures', 'errors')
    )
    return (
        f'{tests - skipped - failures - errors} | {skipped} | {failures + errors}'
        if tests
        else None
    )


def passed(counts):
    """Whether what read_report returns is of tests that all passed."""
    return bool(counts) and counts.endswith('| 0')


def renew():
    """Writes constraints/: the newest of each Python, and the oldest of all of them in one file."""
    CONSTRAINTS.mkdir(exist_ok=True)
    oldest = {}
    for python in PYTHONS:
        newest = resolve(python, 'highest', ('train', 'test', 'parity', 'app'))
        constraints_of(python, 'newest').write_text('\n'.join(newest) + '\n')
        for pin in resolve(python, 'lowest-direct', ('train', 'test')):
            oldest.setdefault(pin, []).append(python)
    without = resolve(WITHOUT[0], 'highest', ('app',))
    constraints_of(*WITHOUT).write_text('\n'.join(without) + '\n')
    constraints_of('', 'oldest').write_text(
        ''.join(f'{pin}{marker(pythons)}\n' for pin, pythons in sorted(oldest.items()))
    )


def resolve(python, resolution, extras=()):
    """Returns the pins ('name==version') of all that the ranges of setup.py bring in, found by
    uv.
    """
    from distutils.core import run_setup

    import setuptools  # noqa: F401  (brings distutils to Python 3.12)

    setup = run_setup(str(ROOT / 'setup.py'), stop_after='init')
    ranges = [*setup.install_requires]
    for extra in extras:
        ranges += setup.extras_require[extra]
    done = subprocess.run(
        [
            'uv',
            'pip',
            'compile',
            '--quiet',
            '--no-header',
            '--no-annotate',
            '--only-binary',
            ':all:',
            '--resolution',
            resolution,
            '--python-version',
            python,
            '-',
        ],
        input='\n'.join(ranges),
        capture_output=True,
        text=True,
        check=True,
    )
    # PyTorch pins its CUDA packages itself, and its CPU build has none
    return [
        pin for pin in done.stdout.split('\n') if pin and not re.match('(nvidia|cuda)-|triton', pin)
    ]


def marker(pythons):
    """The end of a requirement's line that holds it to these Pythons; '' for all."""
    if tuple(pythons) == PYTHONS:
        return ''
    return ' ; ' + ' or '.join(f"python_version == '{python}'" for python in pythons)


if __name__ == '__main__':
    sys.exit(main())
