"""Exported files laid out as model servers expect them: NVIDIA Triton and OpenVINO Model Server.

    DIR/NAME/config.pbtxt      for Triton
    DIR/NAME/labels.txt        the classes, in the order of the logits
    DIR/NAME/1/model.onnx      or model.xml and model.bin; a later export is version 2
    DIR/NAME/1/model.onnx.json its description

Sources: docs/user_guide/model_repository.md and model_configuration.md of Triton; "Prepare a Model
Repository" of OpenVINO Model Server.
"""

from __future__ import annotations

import os
import re
import shutil

from ..errors import ExportError
from ..fileio import atomic_write

SERVED = {'.onnx': 'platform: "onnxruntime_onnx"', '.xml': 'backend: "openvino"'}
TYPES = {'uint8': 'TYPE_UINT8', 'float32': 'TYPE_FP32'}
MOST = 8  # clips that Triton puts together where the batch size is open


def versioned_file(folder: str, name: str, extension: str) -> str:
    """Returns where the next version of a model goes, and makes its folder. Raises ExportError for
    a format that no server reads, or a name that is none.
    """
    if extension not in SERVED:
        raise ExportError(f'model servers read ONNX and OPENVINO; got a file {extension}')
    if not re.fullmatch(r'[A-Za-z0-9][\w.-]*', name):
        raise ExportError(
            f'the name of a served model has letters, digits, _, . and -; got {name!r}'
        )
    home = os.path.join(folder, name)
    there = os.listdir(home) if os.path.isdir(home) else []
    version = 1 + max((int(number) for number in there if number.isdecimal()), default=0)
    path = os.path.join(home, str(version))
    os.makedirs(path, exist_ok=True)
    return os.path.join(path, f'model{extension}')


def write_server_files(path: str, info: dict) -> str:
    """Writes what Triton wants to know of the exported file `path`, which lies at `versioned_file`.

    Args:
        info: its description, see sidecar.

    Returns: the path of config.pbtxt.
    Raises: ExportError where earlier versions are of another model; the new one is then removed.
    """
    home = os.path.dirname(os.path.dirname(path))
    classes = info['classes'] or [f'class {label}' for label in range(info['num_classes'])]
    labels = ''.join(f'{one}\n' for one in classes)
    open_batch = info['inputs'][0]['shape'][0] is None
    lines = [
        f'name: "{os.path.basename(home)}"',
        SERVED[os.path.splitext(path)[1]],
        f'max_batch_size: {MOST if open_batch else 0}',
        *(_tensor('input', spec, open_batch) for spec in info['inputs']),
        _tensor('output', info['output'], open_batch, '\n    label_filename: "labels.txt"'),
        *['dynamic_batching { }'] * open_batch,
    ]
    config = os.path.join(home, 'config.pbtxt')
    files = {os.path.join(home, 'labels.txt'): labels, config: '\n'.join(lines) + '\n'}
    if any(_differs(*file) for file in files.items()):
        shutil.rmtree(os.path.dirname(path))
        raise ExportError(
            f'{home} is of another model: its earlier versions have other classes, inputs or batch '
            'sizes, which all versions share. Give another --name; nothing was added'
        )
    for file, text in files.items():
        atomic_write(file, text)
    return config


def _differs(path, text):
    try:
        with open(path, encoding='utf-8') as file:
            return file.read() != text
    except FileNotFoundError:
        return False


def _tensor(kind, spec, open_batch, more=''):
    sizes = ', '.join(map(str, spec['shape'][open_batch:]))
    return (
        f'{kind} [\n  {{\n    name: "{spec["name"]}"\n    data_type: {TYPES[spec["dtype"]]}\n'
        f'    dims: [ {sizes} ]{more}\n  }}\n]'
    )
