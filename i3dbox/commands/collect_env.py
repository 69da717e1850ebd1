"""Print what this machine has of all that i3dbox uses, beside what was tested."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import re

from .. import __version__
from ..ascend.diagnosis import cann_home, cann_version, diagnose, said_by, text_of
from ..errors import first_line
from ..versions import PACKAGES, cpu_warning, installed, newer_than_tested, tested
from ..workers import usable_cores

OPTIONAL_PACKAGES = ('mindspore_lite', 'mindinsight', 'tensorboardX')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--ascend', action='store_true', help='what Ascend needs, and what of it is missing here'
    )


def run(args: argparse.Namespace) -> int:
    if args.ascend:
        findings = diagnose()
        for what, found, advice in findings:
            print(f'{"to do" if advice else "ok":8}{what}: {found}')
            if advice:
                print(f'{"":8}{advice}')
        return int(any(finding.advice for finding in findings))
    rows = collect()
    known = tested()
    packages = [
        (package, installed(package) or 'not installed', known.get(package, ''))
        for package in (*PACKAGES.values(), *OPTIONAL_PACKAGES)
    ]
    show([('What', 'Here', 'Tested'), *((*row, '') for row in rows.items()), *packages])
    warning = cpu_warning(rows['MindSpore'])
    if warning:
        print(f'Warning: {warning}.')
    if not known:
        print(f'Warning: i3dbox was not tested with Python {platform.python_version()}.')
    newer = newer_than_tested()
    if newer:
        print(
            f'Warning: newer than what was tested, and not trusted: {", ".join(newer)}. To go back '
            f'to what was: '
            'bash tools/quickstart.sh in a checkout, or pip install "PACKAGE==VERSION".'
        )
    return 0


def show(rows: list[tuple]) -> None:
    """Prints a table, or plain lines where what makes tables is broken itself."""
    try:
        from ..evaluation.tables import table

        print(table(rows))
    except Exception:
        for row in rows:
            print('  '.join(row))


def collect() -> dict[str, str]:
    """Returns what is reported, a dict of str to str, in the order of the table."""
    rows = {
        'i3dbox': _own_version(),
        'Python': f'{platform.python_version()} ({platform.python_implementation()})',
        'OS': platform.platform(),
        'CPU': _cpu_model(),
        'Cores': f'{usable_cores()} usable of {os.cpu_count()}',
        'Memory': _memory(),
    }
    mindspore, rows['MindSpore'] = _import('mindspore')
    rows['Device target'] = mindspore.get_context('device_target') if mindspore else 'none'
    rows['Ascend (CANN)'] = _cann_version()
    cv2, rows['OpenCV'] = _import('cv2')
    rows['cv2.optflow (TV-L1)'] = (
        ('yes' if hasattr(cv2, 'optflow') else 'no: it is in opencv-contrib-python-headless')
        if cv2
        else 'no OpenCV'
    )
    av, rows['PyAV'] = _import('av')
    rows['FFmpeg (libavcodec)'] = (
        '.'.join(map(str, av.library_versions['libavcodec'])) if av else 'no PyAV'
    )
    return rows


def _own_version():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    commit = None
    if os.path.exists(os.path.join(root, '.git')):
        commit = said_by(
            'git',
            '--no-optional-locks',
            '-C',
            root,
            'describe',
            '--always',
            '--dirty',
            '--exclude=*',
        )
    return f'{__version__} (git commit {commit})' if commit else __version__


def _cpu_model():
    # aarch64 kernels name no model in /proc/cpuinfo; lscpu knows it.
    text = text_of('/proc/cpuinfo') + (said_by('lscpu') or '')
    found = re.search(r'model name\s*:\s*(.+)', text, re.IGNORECASE)
    return f'{found[1] if found else platform.processor() or "unknown"}, {platform.machine()}'


def _memory():
    found = {
        name: int(kib) / 2**20
        for name, kib in re.findall(r'(\w+):\s+(\d+) kB', text_of('/proc/meminfo'))
    }
    if 'MemTotal' not in found:
        return 'unknown'
    return f'{found["MemTotal"]:.1f} GiB, {found.get("MemAvailable", 0):.1f} GiB free'


def _cann_version():
    home = cann_home()
    return f'{cann_version(home)} in {home}' if home else 'none found'


def _import(name):
    """Returns a module and its version, or None and the reason why it cannot be imported."""
    # a broken installation may raise anything, and is what this command must show
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        return None, f'cannot be imported: {type(error).__name__}: {first_line(error)}'
    return module, getattr(module, '__version__', 'of no known version')
