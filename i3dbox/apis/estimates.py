"""About how long a fine-tuning takes on this machine."""

from __future__ import annotations

import contextlib
import math
import os
import pathlib
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..config import Config
from ..config_checks.checks import REQUIRED_TO_TRAIN, check_config, look_up
from ..engine.run import last_checkpoint
from ..errors import I3DBoxError
from ..inference.engines import choose_engine, has_ascend
from ..inference.frozen_trunk import FOLDER
from ..media.video_reader import VideoReader
from ..models.i3d_table import map_shape, multiply_adds
from ..models.plain_i3d import plain_streams
from ..progress import in_words
from ..weights.checkpoint import load_checkpoint
from .finetune import clip_of
from .starting_point import watch

if TYPE_CHECKING:
    from ..inference.engines import Choice
    from .finetune import Plan

# How fast networks are against a product of large matrices on the same cores: measured with
# tools/benchmarks on two cores of an AMD EPYC.
SPEEDS = {
    ('openvino', 'float32'): 1.2,
    ('openvino', 'bfloat16'): 2.2,
    ('onnxruntime', 'float32'): 0.95,
    ('mindspore', 'float32'): 0.7,
}
TRAINING = 0.6
FLOW = 0.21  # pairs of frames of 340 x 256 a second, for each GFLOP/s
LOOKED_AT = 10  # videos, for their lengths
LEAST = 5  # seconds of a part that is told
STARTS = 25  # seconds: imports and compilations of a stream


def machine_speed() -> float:
    """Returns the multiply-adds a second of a product of large matrices in float32."""
    left = np.ones((1536, 1536), np.float32)
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        left @ left
        seconds.append(time.perf_counter() - start)
    return 1536**3 / min(seconds)


class Layer(NamedTuple):
    """What a layer of a backbone costs: multiply-adds of a clip, values that it gives, and whether
    something of it trains.
    """

    multiply_adds: int
    values: int
    trains: bool


def layers_of(cfg: Config, clip: tuple[int, int, int]) -> list[Layer]:
    """Returns the layers of a config's backbone, in order; what is not plain I3D is watched at
    work.

    Args:
        clip: frames, height, width.
    """
    plain = plain_streams(cfg.model)
    if plain:
        costs = multiply_adds(*clip, plain['imgs'].channels)
        values = {name: math.prod(map_shape(name, *clip)) for name in costs}
    else:
        watched, _ = watch(cfg.model, clip)
        costs = {name: layer.multiply_adds for name, layer in watched.items()}
        values = {name: math.prod(layer.shape or ()) for name, layer in watched.items()}
    prefixes = look_up(cfg, 'freeze.finetune_prefixes')
    trains = ('',) if prefixes is None else tuple(prefixes)
    return [Layer(cost, values[name], name.startswith(trains)) for name, cost in costs.items()]


def stream_seconds(
    stream: str,
    cfg: Config,
    layers: list[Layer],
    clip_len: int,
    epochs: float,
    videos: int,
    tested: int,
    windows: float,
    engine: Choice,
    speed: float,
    kept: int = 0,
) -> dict[str, float]:
    """Estimates the seconds of a stream: of its 'frozen layers', 'training' and 'test'.

    Args:
        stream: 'rgb' or 'flow'. cfg: what `prepare` wrote for it.
        layers: of its network. clip_len: frames of a clip.
        epochs: that are left. videos: that train. tested: that test, in `windows` clips each.
        engine: that computes the frozen layers and the test. speed: of machine_speed.
        kept: views of clips for which the frozen layers are computed already.
    """
    frozen = sum(layer.multiply_adds for layer in layers if not layer.trains)
    whole = sum(layer.multiply_adds for layer in layers)
    drawn = epochs * videos
    views = min(cfg.get('frozen_views') or 0, math.ceil(cfg.total_epochs))
    answering = speed * SPEEDS[engine]
    each_step = 3 * (whole - frozen)  # forward, and backward twice as much
    each_clip = frozen / answering
    each_test = whole / answering
    if stream == 'flow':
        each_clip += clip_len * 2e9 / (FLOW * speed)
        each_test += clip_len * 2e9 / (FLOW * speed)
    return {
        'frozen layers': (max(0, views * videos - kept) if views else drawn) * each_clip,
        # the first validation computes what later ones know
        'training': drawn * each_step / (speed * TRAINING) + tested * each_test + STARTS,
        'test': tested * windows * each_test,
    }


def estimate(plan: Plan, device: str, engine: str, precision: str | None) -> str:
    """Says in a line how long `finetune` will take for a Plan; nothing is said of Ascend, of whose
    speed nothing is known.

    Args:
        device, engine, precision: of `finetune`.
    """
    if device == 'Ascend' or device == 'auto' and has_ascend():
        return 'estimated time: unknown on Ascend'
    speed = machine_speed()
    times = dict.fromkeys(('frozen layers', 'training', 'test'), 0.0)
    for stream, path in plan.configs.items():
        cfg = Config.fromfile(path)
        check_config(cfg, REQUIRED_TO_TRAIN, data=['train'])
        left = cfg.total_epochs - _epochs_done(cfg.work_dir)
        if left <= 0:
            continue
        choice = choose_engine(cfg.model, engine, precision, device)
        clip_len, size = clip_of(cfg).values()
        if not all(type(side) is int and side > 0 for side in (clip_len, size)):
            return f'estimated time: unknown, as the clips of {path} are changed'
        layers = layers_of(cfg, (clip_len, size, size))
        windows = _windows(plan.split.val, cfg)
        counts = len(plan.split.train), len(plan.split.val)
        kept = _views_kept(cfg, layers)
        for part, seconds in stream_seconds(
            stream, cfg, layers, clip_len, left, *counts, windows, choice, speed, kept
        ).items():
            times[part] += seconds
    if not any(times.values()):
        return 'estimated time: all is trained'
    parts = ', '.join(
        f'{name} {in_words(seconds)}' for name, seconds in times.items() if seconds >= LEAST
    )
    whole = in_words(sum(times.values()))
    return f'estimated time: {whole} on this machine, as busy as it is now ({parts})'


def _epochs_done(work_dir):
    """Returns the epochs of the newest checkpoint of a run."""
    path = last_checkpoint(work_dir)
    return load_checkpoint(path)[2].get('epoch', 0) if path else 0


def _views_kept(cfg, layers):
    """Returns for how many views the outputs of frozen layers lie in a work dir, by their size."""
    frozen = [layer for layer in layers if not layer.trains]
    if not frozen:
        return 0
    one = 2 * frozen[-1].values  # float16
    rows = pathlib.Path(cfg.work_dir, FOLDER).glob('*.rows')
    return sum(path.stat().st_size // one for path in rows)


def _windows(tested, cfg):
    """Returns how many clips a test scores of a video in the mean: of whole ones by the headers of
    the first few.
    """
    steps = cfg.data.test.pipeline
    sampling = next((step for step in steps if step.get('type') == 'SampleFrames'), {})
    if sampling.get('mode') != 'whole':
        return sampling.get('num_clips', 1)
    clip_len = sampling.get('clip_len')
    frames = []
    for path, _ in tested[:LOOKED_AT]:
        path = os.path.join(cfg.data.test.data_prefix, path)
        with contextlib.suppress(I3DBoxError), VideoReader(path) as reader:
            frames.append(reader.stated or clip_len)
    return max(1.0, sum(frames) / max(1, len(frames)) / clip_len)
