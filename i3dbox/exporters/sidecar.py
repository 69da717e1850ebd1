"""The description of an exported file: JSON beside it, under its name and .json. Needs no
MindSpore.
"""

from __future__ import annotations

import json
import os

from ..errors import ExportError
from ..fileio import atomic_write, sha256
from ..plain_json import Form, check_form, read_json

VERSION = 1
_SIZES = Form(
    'a list of sizes (whole numbers, or null where any goes)',
    lambda value: (
        isinstance(value, list)
        and 2 <= len(value) <= 6
        and all(size is None or type(size) is int and 1 <= size < 1 << 31 for size in value)
    ),
)
DTYPE = Form('uint8 or float32', lambda value: value in ('uint8', 'float32'))  # of clips
_STEPS = (None, [dict(type=str)])
_FORM = {
    'format': str,
    'sha256': str,
    'inputs': [
        {
            'name': str,
            'shape': _SIZES,
            'dtype': DTYPE,
            '?layout': str,
        }
    ],
    'output': {'shape': _SIZES, '?values': str},
    'classes': (None, [str]),
    '?modality': str,
    '?weights': {'sha256': str},
    '?openvino': {
        '?precision': Form('float32 or int8', lambda value: value in ('float32', 'int8'))
    },
    '?protocol': (
        None,
        {
            '?test_pipeline': _STEPS,
            '?rgb_test_pipeline': _STEPS,
            '?flow_test_pipeline': _STEPS,
        },
    ),
}


# what a description says of its output, by averages.HOW
VALUES = {
    'score': 'one row a clip; the mean over the clips of a video is its answer',
    'prob': 'log-probabilities, one row a clip; the log of the mean of their exponentials is the '
    'answer for the clips of a video',
    'sigmoid': 'log-odds of each class, one row a clip; those of the mean of their sigmoid are the '
    'answer for the clips of a video',
}


def average_clips(info: dict) -> str:
    """Returns which of averages.HOW the description `info` says."""
    said = info['output'].get('values', '')
    begins = {how: text.split(',')[0].split(' of ')[0] for how, text in VALUES.items()}
    return next((how for how, text in begins.items() if said.startswith(text)), 'score')


def sidecar_path(path: str) -> str:
    """Returns where the description of the exported file `path` is."""
    return f'{path}.json'


def write_sidecar(path: str, info: dict) -> None:
    """Writes the description `info` of the exported file `path`, with its hash and size."""
    weights = weights_path(path)
    if weights and os.path.isfile(weights):
        info = dict(info, weights=dict(sha256=sha256(weights)))
    info = dict(
        version=VERSION,
        file=os.path.basename(path),
        sha256=sha256(path),
        bytes=os.path.getsize(path),
        **info,
    )
    atomic_write(sidecar_path(path), json.dumps(info, indent=2, ensure_ascii=False) + '\n')


def read_sidecar(path: str, description: str | None = None) -> dict:
    """Returns the description of the exported file `path`, after comparing their hashes.

    Args:
        description: the description of the file that `path` was converted from by another
            tool; the hashes are then not compared, as they differ.

    Raises: ExportError for a file or description that is absent, damaged, or not of the other.
    """
    path = str(path)
    beside = str(description or sidecar_path(path))
    if not os.path.isfile(path):
        raise ExportError(f'the exported file {path} does not exist')
    if not os.path.isfile(beside):
        raise ExportError(
            f'{path} has no description: {beside} is not there. '
            'tools/export.py writes both files; keep them together. '
            'For what another tool has converted, name the description of its source'
        )
    try:
        info = read_json(beside, {})
        missing = [key for key in _FORM if key[0] != '?' and key not in info]
        if missing:
            raise ExportError(f'{beside} describes no exported file: it has no {missing[0]!r}')
        check_form(info, _FORM, 'the description')
        if len(info['inputs']) not in (1, 2):
            raise ValueError(f'a model takes one input or two; it names {len(info["inputs"])}')
        classes = info['output']['shape'][1]
        if not classes or info['classes'] and len(info['classes']) != classes:
            raise ValueError(f'it has {classes} logits, and names {len(info["classes"] or [])}')
    except ValueError as error:
        raise ExportError(f'{beside} is damaged: {error}') from error
    if info.get('version') != VERSION:
        raise ExportError(
            f'{beside} is of version {info.get("version")!r}; this i3dbox reads version {VERSION}'
        )
    found = sha256(path) if description is None else info['sha256']
    if found != info['sha256']:
        raise ExportError(
            f'{path} is not the file that {beside} describes: its sha256 is {found}, expected '
            f'{info["sha256"]}'
        )
    _check_weights(path, info)
    return info


def weights_path(path: str) -> str | None:
    """Returns where OpenVINO looks for the weights of an .xml; None for files that hold theirs."""
    stem, extension = os.path.splitext(path)
    return f'{stem}.bin' if extension == '.xml' else None


def _check_weights(path, info):
    """Compares the weights that lie beside an exported file."""
    weights = weights_path(path)
    if not weights:
        return
    if not os.path.isfile(weights):
        raise ExportError(f'{path} has its weights beside it, in {weights}, which is not there')
    if sha256(weights) != info.get('weights', {}).get('sha256'):
        raise ExportError(f'{weights} are not the weights of {path}: their sha256 is another')
