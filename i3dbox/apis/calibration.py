"""Clips that an int8 file's ranges are read off, and others that the file is held against."""

from __future__ import annotations

import copy
import itertools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..argument_checks import at_least_one
from ..config_checks.checks import look_up
from ..config_checks.protocols import fixed_length
from ..datasets.sampler import sample_rng
from ..errors import ConfigError, DamagedSampleError
from ..inference.clip_pipelines import config_pipelines, of_size
from ..inference.clip_steps import clip_steps
from ..inference.clip_windows import ClipWindows
from ..media.frame_iterator import FrameIterator
from ..preparation.sources import find_videos
from ..registry import DATASETS
from ..streams import STREAM_OF

if TYPE_CHECKING:
    import numpy as np

    from ..config import Config

SUBSETS = ('train', 'val', 'test')
FEWEST = 4  # clips that ranges can be read off
HELD_OUT = 4  # one video of so many


class CalibrationClips(NamedTuple):
    """Clips, each a dict of uint8 arrays 1 x T x H x W x C by input: those that ranges are read
    off, and those of other videos; and what they are.
    """

    calibration: list[dict[str, np.ndarray]]
    held_out: list[dict[str, np.ndarray]]
    text: str


def calibration_clips(
    cfg: Config, source: str, inputs: dict[str, tuple], number: int = 24, hold_out: bool = True
) -> CalibrationClips:
    """Takes clips out of many videos: of one in four those that are held out, of the others those
    for calibration.

    Args:
        cfg: its test pipeline makes the clips, else the authors' does.
        source: a folder of videos; or 'train', 'val' or 'test', of the config's data.
        inputs: modality and (frames, height, width) of each input, by name.
        number: clips for calibration.
        hold_out: whether any are held out.

    Raises: ConfigError where there are too few.
    """
    at_least_one('export', clips=number)
    places, load = _of_subset(cfg, source) if source in SUBSETS else _of_folder(cfg, source, inputs)
    held = places[HELD_OUT - 1 :: HELD_OUT] or places[1:] if hold_out else []
    taken = [place for place in places if place not in held]
    calibration = _spread(taken, number, load)
    if len(calibration) < FEWEST:
        raise ConfigError(
            f'{source}: int8 takes {FEWEST} clips or more to read ranges off, better 24 of many '
            f'videos; there are {len(calibration)}'
        )
    held_out = _spread(held, max(number // HELD_OUT, 1), load) if held else []
    return CalibrationClips(
        calibration, held_out, f'{len(calibration)} clips of {len(taken)} videos of {source}'
    )


def _spread(places: list, number: int, load: Callable) -> list:
    """Returns about `number` clips, as many of each place."""
    if len(places) > number:
        places = [places[index * len(places) // number] for index in range(number)]
    each = -(-number // max(len(places), 1))
    found = itertools.chain.from_iterable(load(place, each) for place in places)
    return list(itertools.islice(found, number))


def _of_subset(cfg, subset):
    """Returns the indices of a subset, and what loads the clips of one."""
    if look_up(cfg, f'data.{subset}') is None:
        raise ConfigError(f'the config has no data.{subset} to calibrate on; name a folder')
    cfg = copy.deepcopy(cfg)
    fixed_length(cfg, subset)
    dataset = DATASETS.build(cfg.data[subset], test_mode=True)

    def load(index: int, number: int) -> Iterator[dict]:
        results = dataset.get(index, sample_rng(0, 0, index))[0]
        count = 0 if results is None else min(map(len, (results[name] for name in dataset.inputs)))
        for clip in range(min(count, number)):
            yield {name: results[name][clip : clip + 1] for name in dataset.inputs}

    return list(range(len(dataset))), load


def _of_folder(cfg, folder, inputs):
    """Returns the videos of a folder, and what cuts clips of one."""
    if not os.path.exists(folder):
        raise ConfigError(
            f'--calibrate names a folder of videos, or one of {", ".join(SUBSETS)}; there is no '
            f'{folder}'
        )
    stream = STREAM_OF['+'.join(modality for modality, _ in inputs.values())]
    _, (frames, height, width) = next(iter(inputs.values()))
    pipelines = {
        kind: of_size(steps, frames, (width, height))
        for kind, steps in config_pipelines(cfg).items()
    }
    steps = clip_steps(pipelines, stream)
    interval = next(iter(steps.values())).frame_interval
    names = {STREAM_OF[modality]: name for name, (modality, _) in inputs.items()}

    def load(path: str, number: int) -> Iterator[dict]:
        span = (frames - 1) * interval + 1
        try:
            source = FrameIterator(path)
            stride = max(((source.total or 0) - span) // max(number - 1, 1), 1)
            windows = ClipWindows(steps, frames, stride, name=path)
            for window in itertools.islice(windows.over(source), number):
                yield {name: getattr(window, kind)[:1] for kind, name in names.items()}
        except DamagedSampleError:
            return  # what could be read will do

    return [source.path for source in find_videos(folder)], load
