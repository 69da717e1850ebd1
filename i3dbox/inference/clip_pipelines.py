"""Test pipelines for videos: a config's, an exported file's, the authors'."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..argument_checks import at_least_one
from ..config_checks.protocols import crop_of, pipelines
from ..errors import ConfigError
from .clip_steps import BOUND, WINDOW

if TYPE_CHECKING:
    from ..config import Config
    from ..runtimes.exported import ExportedModel


def config_pipelines(cfg: Config) -> dict[str, list[dict]]:
    """Returns the pipelines of a config's test set (dict of lists of dict): of 'rgb' and 'flow', or
    of 'imgs'; the authors' where there is none.
    """
    found = pipelines((cfg.get('data') or {}).get('test') or {})
    return {kind: steps for kind, steps in found.items() if steps} or dict(imgs=authors_pipeline())


def exported_pipelines(model: ExportedModel) -> dict[str, list[dict]]:
    """Returns the same of an ExportedModel: what its description says, for the size that is built
    in.
    """
    protocol = model.info.get('protocol') or {}
    keys = dict(imgs='test_pipeline', rgb='rgb_test_pipeline', flow='flow_test_pipeline')
    found = {kind: protocol[key] for kind, key in keys.items() if protocol.get(key)}
    found = found or dict(imgs=authors_pipeline())
    shapes = {spec.name: spec.shape for spec in model.inputs}
    built = {kind: shapes.get(kind, model.inputs[0].shape) for kind in found}
    return {
        kind: of_size(steps, frames, (width, height))
        for (kind, steps), (_, frames, height, width, _) in zip(found.items(), built.values())
    }


def of_size(steps: list[dict], frames: int, size: tuple[int, int]) -> list[dict]:
    """Returns a pipeline for clips of `frames` frames and `size` (width, height)."""
    steps = [dict(step) for step in steps]
    crop = crop_of(steps)
    own = crop and crop['size']
    other = own and size != (tuple(own) if isinstance(own, (list, tuple)) else (own, own))
    if other:
        crop['size'] = size[0] if size[0] == size[1] else size
    for step in steps:
        if 'clip_len' in step:
            step.update(clip_len=frames)
        if other and step.get('short_side'):
            step.update(short_side=max(step['short_side'], *size))
    return steps


def with_geometry(
    steps: list[dict], short_side: int | None = None, size: int | None = None
) -> list[dict]:
    """Returns a pipeline that resizes to another short side and cuts another square, where they are
    given; steps that it lacks are added.
    """
    steps = [dict(step) for step in steps]
    if short_side:
        first = _position(steps, 'DecodeClip') + 1
        resize = dict(type='Resize', short_side=short_side)
        steps = [step for step in steps if step['type'] != 'Resize']
        steps.insert(first, resize)
    if size:
        crop = crop_of(steps)
        if crop is None:
            crop = dict(type='CenterCrop')
            steps.insert(_position(steps, 'PackClips'), crop)
        crop['size'] = size
    _check_crop(steps)
    return steps


def _check_crop(steps):
    short_side = _short_side(steps)
    size = (crop_of(steps) or {}).get('size')
    at_least_one('clips', short_side=short_side or 1, size=size or 1)
    if short_side and size and size > short_side:
        raise ConfigError(f'size ({size}) is at most short_side ({short_side})')


def described(pipelines: dict[str, list[dict]], changes: dict) -> dict:
    """Returns what makes clips, in the words of authors_pipeline; and the pipelines where these
    words do not say all.
    """
    first = next(iter(pipelines.values()))
    flow = next((step for step in first if step['type'] == 'ComputeFlow'), {})
    words = dict(
        short_side=_short_side(first),
        size=(crop_of(first) or {}).get('size'),
        method=changes.get('method', flow.get('method', 'tvl1')),
        bound=changes.get('bound', flow.get('bound', BOUND)),
    )
    plain = len(pipelines) == 1 and _of_clips(first) == _of_clips(authors_pipeline(**words))
    return words if plain else dict(words, pipelines=json.loads(json.dumps(pipelines, default=str)))


def _of_clips(steps):
    """Returns the steps that make a clip other than by its length and flow."""
    usual = ('OpenClip', 'ComputeFlow')
    return [
        step
        for step in steps
        if step['type'] not in usual
        and (step['type'] != 'SampleFrames' or step.get('frame_interval', 1) > 1)
    ]


def _short_side(steps):
    return next((step['short_side'] for step in steps if step.get('short_side')), None)


def _position(steps, kind):
    kinds = [step['type'] for step in steps]
    if kind not in kinds:
        raise ConfigError(f'a test pipeline for videos has the step {kind}')
    return kinds.index(kind)


def authors_pipeline(
    short_side: int | None = 256,
    size: int = 224,
    method: str = 'tvl1',
    bound: float = BOUND,
    clip_len: int = WINDOW,
) -> list[dict]:
    """Returns the test pipeline of I3D's authors (list of dict); short_side=None: no resize."""
    resize = [] if short_side is None else [dict(type='Resize', short_side=short_side)]
    steps = [
        dict(type='OpenClip'),
        dict(type='SampleFrames', clip_len=clip_len, mode='whole'),
        dict(type='DecodeClip'),
        *resize,
        dict(type='ComputeFlow', method=method, bound=bound),
        dict(type='CenterCrop', size=size),
        dict(type='PackClips'),
    ]
    _check_crop(steps)
    return steps
