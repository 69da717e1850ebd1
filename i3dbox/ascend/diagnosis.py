"""Whether a machine has what Ascend needs: driver, CANN, MindSpore, network; each with what to do
where it is missing. Reads files and asks npu-smi; starts nothing on the chip.
"""

from __future__ import annotations

import glob
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from typing import NamedTuple

from .chips import chip_called

# The versions of CANN that a MindSpore accepts: mindspore/run_check/_check_version.py of 2.8.0, and
# the table of MindFormers for 2.7 (docs/ascend.md).
CANN = {'2.7.0': ('8.2',), '2.7.1': ('8.3',), '2.8.0': ('8.2', '8.3', '8.5')}
# What npu-smi says of a card's health; other rows of its table have numbers there
_HEALTHS = 'OK|NA|Warning|Alarm|Critical|Unknown|Offline'
TOOLKITS = (
    '/usr/local/Ascend/cann',  # since 8.5
    '/usr/local/Ascend/ascend-toolkit/latest',
    '/usr/local/Ascend/nnae/latest',
    '/usr/local/Ascend/latest',
)
DRIVER = '/usr/local/Ascend/driver/version.info'
NETWORK = '/etc/hccn.conf'
MEMORY = 16 << 30  # bytes for a rank that trains: batches, queues, compilation


class Finding(NamedTuple):
    """What was looked at, what was found, and what to do; '' where nothing is."""

    what: str
    found: str
    advice: str = ''


def diagnose() -> list[Finding]:
    """Returns what this machine has of all that training and serving on Ascend need."""
    return [check() for check in CHECKS]


def cann_home() -> str | None:
    """Returns the folder of CANN's toolkit: the environment's, or where it is installed."""
    named = (os.environ.get(name) for name in ('ASCEND_HOME_PATH', 'ASCEND_TOOLKIT_HOME'))
    return next((home for home in (*named, *TOOLKITS) if home and os.path.isdir(home)), None)


def cann_version(home: str) -> str | None:
    """Returns the version of a toolkit, None where it says none."""
    for parts in (('compiler', 'version.info'), ('version.*',), ('*', 'version.*')):
        for path in sorted(glob.glob(os.path.join(glob.escape(home), *parts))):
            # the toolkit's own name, where there is one, and not a component's
            for key in ('version_dir', 'version'):
                pattern = rf'^{key}\s*=\s*"?([\w.]+)'
                found = re.search(pattern, text_of(path), re.IGNORECASE | re.MULTILINE)
                if found:
                    return found[1]
    return None


def _driver():
    version = re.search(r'^Version\s*=\s*(\S+)', text_of(DRIVER), re.IGNORECASE | re.MULTILINE)
    if version:
        return Finding('driver', version[1])
    return Finding(
        'driver',
        'none',
        'install Ascend-hdk-CHIP-npu-driver, then -npu-firmware, as root, and restart',
    )


def _devices():
    nodes = [path for path in glob.glob('/dev/davinci*') if path[-1].isdigit()]
    closed = [path for path in nodes if not os.access(path, os.R_OK | os.W_OK)]
    if not nodes:
        return Finding(
            'devices',
            'no /dev/davinci*',
            'without a card nothing runs; in a container give it --device=/dev/davinci0, '
            '/dev/davinci_manager, /dev/devmm_svm and /dev/hisi_hdc',
        )
    if closed:
        advice = 'join the group of the device: sudo usermod -aG HwHiAiUser $USER, and log in again'
        return Finding('devices', f'{closed[0]} is closed to you', advice)
    return Finding('devices', f'{len(nodes)} of /dev/davinci*')


def _chips():
    text = said_by('npu-smi', 'info')
    if text is None:
        return Finding('chips', 'npu-smi does not answer', 'it comes with the driver: see there')
    row = rf'^\|\s*\d+\s+(\w[\w.-]*)\s*\|\s*({_HEALTHS})\s*\|'
    shown = re.findall(row, text, re.MULTILINE | re.IGNORECASE)
    names = sorted({name for name, _ in shown})
    ill = [name for name, health in shown if health.upper() not in ('OK', 'NA')]
    chips = {name: chip_called(name) for name in names}
    unknown = [name for name in names if chips[name] is None]
    said = ', '.join(f'{name} ({chips[name].name})' if chips[name] else name for name in names)
    if ill:
        return Finding('chips', said, f'npu-smi says that {ill[0]} is not well: npu-smi info')
    if not names or unknown:
        return Finding('chips', said or 'none', 'a chip that i3dbox does not know: please tell us')
    return Finding('chips', f'{len(shown)}: {said}')


def _cann():
    home = cann_home()
    if home is None:
        return Finding('CANN', 'none', 'install Ascend-cann-toolkit and the operators of your chip')
    version = cann_version(home)
    if 'ASCEND_OPP_PATH' not in os.environ:
        script = os.path.join(home, 'set_env.sh')
        other = os.path.join(os.path.dirname(home), 'set_env.sh')
        script = script if os.path.exists(script) else other
        return Finding('CANN', f'{version} in {home}', f'source {script}')
    return Finding('CANN', f'{version} in {home}')


def _mindspore():
    try:
        import mindspore
    except Exception as error:  # a broken installation may raise anything
        return Finding('MindSpore', f'{type(error).__name__}: {error}', 'pip install mindspore')
    version = mindspore.__version__
    package = glob.escape(os.path.dirname(mindspore.__file__))
    if not glob.glob(os.path.join(package, 'lib', 'plugin', '*ascend*.so*')):
        return Finding(
            'MindSpore',
            f'{version}, without Ascend',
            'the wheel for Ascend is on https://www.mindspore.cn/install, for Linux',
        )
    home = cann_home()
    cann = cann_version(home) if home else None
    known = CANN.get(version)
    if known and cann and not cann.startswith(known):
        return Finding('MindSpore', version, f'it goes with CANN {" or ".join(known)}, not {cann}')
    return Finding('MindSpore', version)


def _wheels():
    missing = [name for name in ('te', 'hccl', 'sympy') if not importlib.util.find_spec(name)]
    if not missing:
        return Finding('te, hccl, sympy', 'there')
    home = cann_home() or '/usr/local/Ascend/ascend-toolkit/latest'
    return Finding(
        'te, hccl, sympy',
        f'no {", ".join(missing)}',
        f'pip install sympy {home}/lib64/te-*.whl {home}/lib64/hccl-*.whl',
    )


def _network():
    if os.path.exists(NETWORK) and text_of(NETWORK).strip():
        return Finding('network of the cards', NETWORK)
    return Finding(
        'network of the cards',
        f'no {NETWORK}, which one machine does not need; for several: hccn_tool -i K -ip -s '
        'address A netmask M',
    )


def _serving():
    found = [name for name in ('atc', 'converter_lite') if shutil.which(name)]
    found += [name for name in ('mindspore_lite',) if importlib.util.find_spec(name)]
    none = 'neither atc nor MindSpore Lite; on inference chips exported files need one of them'
    return Finding('serving', ', '.join(found) or none)


def _memory():
    found = re.search(r'^MemAvailable:\s+(\d+) kB', text_of('/proc/meminfo'), re.MULTILINE)
    free = int(found[1]) << 10 if found else 0
    said = f'{free / (1 << 30):.0f} GB free'
    if free < MEMORY:
        return Finding('memory', said, 'a rank that trains takes about 16 GB: fewer workers')
    return Finding('memory', said)


CHECKS: tuple[Callable[[], Finding], ...] = (
    _driver,
    _devices,
    _chips,
    _cann,
    _mindspore,
    _wheels,
    _network,
    _serving,
    _memory,
)


def text_of(path: str) -> str:
    """Returns what is in a file; '' where it cannot be read."""
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            return file.read()
    except OSError:
        return ''


def said_by(*command: str) -> str | None:
    """Returns what a program prints, or None where it is absent, fails or does not answer."""
    try:
        done = subprocess.run(command, check=True, capture_output=True, timeout=20)
        return done.stdout.decode(errors='replace').strip()
    except (OSError, subprocess.SubprocessError):
        return None
