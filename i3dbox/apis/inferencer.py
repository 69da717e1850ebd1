"""A recognizer with mmaction2's face: videos in, plain values out.

inferencer = I3DInferencer('i3d_rgb_kinetics400')
inferencer('videos/', out_dir='answers')['predictions'][0]['pred_class']
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from ..argument_checks import at_least_one
from ..errors import DamagedSampleError, DataError
from ..fileio import atomic_write
from ..inference.prediction_files import summary_row, write_summary
from ..inference.recognize import inference_recognizer
from ..inference.recognizer import init_recognizer
from ..preparation.sources import find_videos, is_list


class I3DInferencer:
    """Recognises what happens in videos.

    Args:
        model, checkpoint, stream, **options: of init_recognizer.
        window, stride: of inference_recognizer; by default a video is scored in one piece.

    Raises:
        an I3DBoxError for a model that cannot be used.
    """

    def __init__(
        self,
        model: Any = None,
        checkpoint: Any = None,
        stream: str | None = None,
        window: int | None = None,
        stride: int | None = None,
        **options: Any,
    ):
        self.recognizer = init_recognizer(model, checkpoint, stream=stream, **options)
        self.window = window
        self.stride = stride

    def __call__(
        self, inputs: Any, batch_size: int = 1, out_dir: str | os.PathLike | None = None
    ) -> dict[str, list[dict]]:
        """Recognises a video, a folder of them, or a list of videos and arrays (uint8 T x H x W x
        3).

        Args:
            inputs: what to look at.
            batch_size: as mmaction2's; no answer depends on it, nor does the speed: clips pass
                through the network one by one.
            out_dir: where predictions/<name>.json of each video goes, and predictions.json and
                predictions.csv with a row a video.

        Returns: dict of `predictions`, a dict a video: name, filename, pred_label (int),
            pred_class, pred_score (a probability a class), and mmaction2's rec_labels [[int]] and
            rec_scores [[float]]; or name, filename and error of a video that cannot be read.
        Raises: DataError for what is neither; DamagedSampleError for a single video that cannot be
            read.
        """
        at_least_one('I3DInferencer', batch_size=batch_size)
        sources, single = _sources(inputs)
        predictions, rows = [], []
        for name, source in sources:
            filename = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ''
            known = dict(name=name, filename=filename)
            try:
                answer = inference_recognizer(self.recognizer, source, self.window, self.stride)
            except DamagedSampleError as error:
                if single:
                    raise
                answer = str(error)
            values = dict(error=answer) if isinstance(answer, str) else _values(answer)
            predictions.append(dict(known, **values))
            rows.append(summary_row(name, filename, answer))
            if out_dir is not None:
                path = os.path.join(out_dir, 'predictions', f'{name}.json')
                atomic_write(path, json.dumps(predictions[-1], indent=1) + '\n')
        if out_dir is not None:
            for extension in ('json', 'csv'):
                path = os.path.join(out_dir, f'predictions.{extension}')
                write_summary(path, rows, model=self.recognizer.name)
        return dict(predictions=predictions)


def _values(answer):
    (surest,) = answer.top(1)
    scores = answer.probabilities.tolist()
    return dict(
        pred_label=surest.label,
        pred_class=surest.name,
        pred_score=scores,
        rec_labels=[[one.label for one in answer.found]],
        rec_scores=[scores],
    )


def _sources(inputs):
    """Returns (name, source) of each input, and whether it is a single one."""
    if isinstance(inputs, (str, os.PathLike)):
        if os.path.isdir(inputs) or is_list(inputs):
            return [(source.name, source.path) for source in find_videos(os.fspath(inputs))], False
        return [(os.path.splitext(os.path.basename(inputs))[0], inputs)], True
    if getattr(inputs, 'ndim', None) == 4:
        return [('frames', inputs)], True
    if not isinstance(inputs, Sequence) or not inputs:
        raise DataError(
            f'inputs are a video, a folder, an array T x H x W x 3, or a list of these; got '
            f'{type(inputs).__name__}'
        )
    found = {}
    for one in inputs:
        for name, source in _sources(one)[0]:
            again = sum(known == name or known.startswith(f'{name} (') for known in found)
            found[f'{name} ({again + 1})' if again else name] = source
    return list(found.items()), False
