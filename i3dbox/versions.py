"""What is installed of the packages that i3dbox uses, beside what it was tested with."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import sys
from collections.abc import Collection
from types import ModuleType

from .shipped_files import shipped_folder

# Modules that i3dbox imports, and the packages that they come from.
PACKAGES = {
    'mindspore': 'mindspore',
    'numpy': 'numpy',
    'cv2': 'opencv-contrib-python-headless',
    'av': 'av',
    'numba': 'numba',
    'google_crc32c': 'google-crc32c',
    'addict': 'addict',
    'packaging': 'packaging',
    'pypi_simple': 'pypi-simple',
    'requests': 'requests',
    'yapf': 'yapf',
    'terminaltables': 'terminaltables',
    'tqdm': 'tqdm',
    'matplotlib': 'matplotlib',
    'PIL': 'pillow',
    'setuptools': 'setuptools',
    'onnx': 'onnx',
    'onnxruntime': 'onnxruntime',
    'openvino': 'openvino',
    'nncf': 'nncf',
    'h5py': 'h5py',
    'gradio': 'gradio',
    'ray': 'ray',
}

HOW_TO_INSTALL = (
    'pip install "i3dbox[train]" brings it for the CPU; on an Ascend machine install the one for '
    'its CANN (`i3dbox docs ascend`)'
)


def installed(package: str) -> str | None:
    """Returns the installed version of a package, or None; 'unknown' where its metadata are
    damaged.
    """
    try:
        return importlib.metadata.version(package) or 'unknown'
    except importlib.metadata.PackageNotFoundError:
        return None
    except Exception:  # whatever a broken installation raises
        return 'unknown'


def tested() -> dict[str, str]:
    """Returns the newest versions that i3dbox was tested with on this Python, by package.

    It is empty on a Python that was not tested, and where the files are not there.
    """
    path = os.path.join(shipped_folder('constraints'), 'py{}{}.txt'.format(*sys.version_info))
    if not os.path.isfile(path):
        return {}
    with open(path, encoding='utf-8') as file:
        return dict(line.strip().split('==') for line in file if '==' in line)


def import_silently(package: str) -> ModuleType:
    """Imports onnxruntime, OpenVINO or NNCF without the reports of use that newer ones send home:
    nothing opens a socket for which the user did not ask.
    """
    os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
    reporter = 'openvino_telemetry'
    absent = sys.modules.setdefault(reporter, None) is None  # OpenVINO does without it, then
    try:
        return importlib.import_module(package)
    finally:
        if absent:
            del sys.modules[reporter]


def newer_than_tested(modules: Collection[str] = tuple(PACKAGES)) -> list[str]:
    """Returns what is installed newer than it was tested, as in 'av 20.0.0 (tested: 19.0.2)'.

    Args:
        modules: the modules to look at; others than those of PACKAGES are passed over.
    """
    known = tested()
    found = []
    for module, package in PACKAGES.items():
        here = installed(package) if module in modules else None
        if here and package in known and _is_newer(here, known[package]):
            found.append(f'{package} {here} (tested: {known[package]})')
    return found


def _is_newer(version, other):
    try:
        from packaging.version import Version

        return Version(version) > Version(other)
    except (ImportError, ValueError):
        return version != other


def cpu_warning(version: str) -> str | None:
    """Returns a warning if MindSpore `version` makes CPU runs far slower than others do, else None.

    From 2.9.0 on, at least up to 2.10.0, every CPU convolution wider than 1x1x1 falls to oneDNN's
    reference kernel. Measured on 2 cores of an AMD EPYC: a 64-channel 3x3x3 convolution at 8 x 28 x
    28 takes 1370 to 1640 ms, and 14 ms in 2.8.0.
    """
    numbers = re.match(r'(\d+)\.(\d+)', version)
    if numbers and tuple(map(int, numbers.groups())) >= (2, 9):
        return (
            f'MindSpore {version} computes convolutions on the CPU about 100 times slower than '
            '2.8.0: install mindspore==2.8.0 for CPU runs'
        )
    return None
