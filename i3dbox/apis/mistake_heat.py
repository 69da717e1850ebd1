"""Where networks looked in the mistakes of a report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ConfigError
from ..fileio import sha256
from ..inference.engines.mindspore_engine import mindspore_streams
from ..inference.gradcam import maps_of, resized
from ..models import build_recognizer
from ..models.gradcam import GradCam
from ..models.plain_i3d import plain_streams
from ..plain_json import check_form
from ..reports.mistakes import plain_part
from ..weights.loading import load_weights

if TYPE_CHECKING:
    from ..evaluation.results import Results


class MistakeHeat:
    """Finds the heat of a class over clips, by the network that results are of.

    A result file may come from anywhere: its config is read as plain values, nothing but plain I3D
    with as many classes as it has scores is built, and of files only `checkpoints` are opened,
    which must be those that it names, by their hash.

    Args:
        results: of one stream, or of several.
        checkpoints: files of the networks' weights.
        endpoint: a layer of the backbone.

    Inputs: the column of a batch, its clip uint8 T x H x W x C, the class.
    Outputs: float32 T x H x W, from 0 to 1.
    Raises: ConfigError for checkpoints that are not the results', and another network; as GradCam.
    """

    def __init__(self, results: Results, checkpoints: Sequence[str], endpoint: str = 'Mixed_5c'):
        for path in checkpoints:
            if not os.path.isfile(path):
                raise ConfigError(f'checkpoint {path} does not exist')
        parts = results.meta.get('parts')
        meta = next(iter(parts.values())) if parts else results.meta
        try:
            check_form(meta.get('checkpoint') or {}, {str: {'?sha256': str}}, 'checkpoint')
        except ValueError as error:
            raise ConfigError(f'the results do not say what they are of: {error}') from error
        files = _named(meta.get('checkpoint') or {}, checkpoints)
        model = plain_part(meta, 'model')
        streams = plain_streams(model) if isinstance(model, dict) else None
        classes = results.scores.shape[1]
        if not streams or any(stream.num_classes != classes for stream in streams.values()):
            raise ConfigError(
                'the results are not of plain I3D with as many classes; `i3dbox gradcam --config '
                'CONFIG --checkpoint CKPT` shows where another network looks'
            )
        recognizer = build_recognizer(model)
        load_weights(recognizer, files.get('model', files), new_head='never')
        self.networks = {}
        for column, stream in mindspore_streams(recognizer).items():
            cam = GradCam(stream.cell, endpoint)
            self.networks[column] = stream.upto(endpoint, 'none'), cam

    def __call__(self, column: str, clip: np.ndarray, label: int) -> np.ndarray:
        (found,) = maps_of(clip[None], *self.networks[column], label)
        heat = resized(found, clip.shape[:3])
        return heat / max(heat.max(), np.finfo(np.float32).tiny)


def _named(wanted, checkpoints):
    """Returns those of `checkpoints` that results are of, by the part that each is of."""
    known = {sha256(path): path for path in checkpoints}
    missing = [part for part, file in wanted.items() if file.get('sha256') not in known]
    if missing or not wanted:
        file = wanted[missing[0]] if missing else {}
        raise ConfigError(
            f'the results are of the checkpoint {file.get("path", "?")} '
            f'(sha256 {file.get("sha256", "not said")}), which is none of '
            f'{", ".join(map(str, checkpoints))}'
        )
    return {part: known[file['sha256']] for part, file in wanted.items()}
