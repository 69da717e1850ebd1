"""Figures as JSON, with what they were measured on."""

import json
import os
import pathlib
import platform
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from i3dbox.versions import PACKAGES, installed  # noqa: E402

_LOAD = os.getloadavg()[0]  # before anything is measured


def write_figures(path: str, figures: dict) -> None:
    """Writes name > figure, flat, with the machine and the versions."""
    machine = {
        'machine: processor': _processor(),
        'machine: cores': len(os.sched_getaffinity(0)),
        'machine: load before': _LOAD,
        'version: python': platform.python_version(),
        **{f'version: {package}': installed(package) for package in PACKAGES.values()},
    }
    pathlib.Path(path).write_text(json.dumps({**figures, **machine}, indent=1) + '\n')


def _processor():
    try:
        lines = pathlib.Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(': ')[1] for line in lines if line.startswith('model name')), '')
