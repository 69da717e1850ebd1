"""Test protocols: which clips of a video are scored, and how their scores become one answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..datasets.pipelines.spatial import SizedCrop
from ..errors import ConfigError, RegistryError, spelling_hint
from ..registry import DATASETS, PIPELINES, parameters_of
from ..streams import BOTH

if TYPE_CHECKING:
    from ..config import Config

KEYS = ('frames', 'crop', 'average_clips')
_MEANS = dict(prob='softmax', sigmoid='sigmoid')
UNSAID = ('OpenClip', 'DecodeClip', 'PackClips')  # steps that choose nothing


def apply_protocol(cfg: Config, name: str, data: str = 'test') -> None:
    """Changes `cfg.data.<data>` and `cfg.model` to follow the protocol `name` of `cfg.protocols`.

    A protocol is a dict with one or several of:
        frames (dict): arguments of SampleFrames; clip_len and frame_interval stay unless they are
            given.
        crop (dict): the step in the place of the pipeline's crop; `size` stays unless it is given.
        average_clips (str): of the recognizer.

    Raises: ConfigError for a name that the config has not, or a protocol that does not fit the
        pipeline.
    """
    protocols = cfg.get('protocols') or {}
    if name not in protocols:
        raise ConfigError(
            f'the config has no protocol {name!r}.{spelling_hint(name, protocols)} '
            f'It has: {", ".join(protocols) or "none"}'
        )
    protocol = protocols[name]
    unknown = [key for key in protocol if key not in KEYS]
    if unknown:
        raise ConfigError(f'protocols.{name} has the keys {", ".join(KEYS)}; got {unknown[0]!r}')
    steps = (
        ('frames', 'SampleFrames', ('type', 'clip_len', 'frame_interval')),
        ('crop', 'Crop', ('type', 'size')),
    )
    for pipeline in _all_pipelines(cfg.data[data]):
        for key, kind, kept in steps:
            if key in protocol:
                found = [step for step in pipeline if str(step.get('type')).endswith(kind)]
                if len(found) != 1:
                    raise ConfigError(
                        f'protocols.{name} needs one step {kind} in the pipeline of data.{data}; '
                        f'it has {len(found)}'
                    )
                base = {argument: found[0][argument] for argument in kept if argument in found[0]}
                found[0].clear()
                found[0].update({**base, **protocol[key]})
    if 'average_clips' in protocol:
        for model in models(cfg.model):
            model.average_clips = protocol['average_clips']


def describe_protocol(cfg: Config, data: str = 'test') -> str:
    """Returns one line on how videos are scored, which is equal for equal protocols.

    SampleFrames(clip_len=64, mode='whole') > CenterCrop(size=224), mean of the logits
    """
    texts = {}
    for stream, pipeline in pipelines(cfg.data[data]).items():
        steps = [_call(step) for step in pipeline if _is_said(step)]
        model = cfg.model.get(stream) or cfg.model
        how = _MEANS.get(model.get('average_clips'), 'logits')
        texts[stream] = ' > '.join(steps) + f', mean of the {how}'
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return '; '.join(f'{stream}: {text}' for stream, text in texts.items())


def _is_said(step):
    """Whether a step of a pipeline chooses something: for flow that is another method than TV-L1,
    or another bound.
    """
    kind = step.get('type')
    if kind == 'ComputeFlow':
        return _call(step) != 'ComputeFlow()'
    return kind not in UNSAID


def fixed_length(cfg: Config, data: str = 'test') -> None:
    """Lets all clips of `cfg.data.<data>` have one length, which is what exported files take: where
    the whole video is a clip, one clip from its middle is taken instead.
    """
    for pipeline in _all_pipelines(cfg.data[data]):
        for step in pipeline:
            if step.get('type') == 'SampleFrames' and step.get('mode') == 'whole':
                step['mode'] = 'centre'


def crop_of(steps: Sequence[dict]) -> dict | None:
    """Returns the step that says how large a pipeline's pictures are: the last crop, or where none
    is known to be one, the last step with a size. None where there is none.
    """
    sized = [step for step in steps if step.get('size')]
    crops = [step for step in sized if _is_crop(step['type'])]
    return (crops or sized or [None])[-1]


def _is_crop(kind):
    try:
        part = PIPELINES.get(kind)
    except RegistryError:  # told where the pipeline is built
        return False
    return isinstance(part, type) and issubclass(part, SizedCrop)


def clip_size(
    cfg: Config, clip_len: int | None = None, size: int | Sequence[int] | None = None
) -> tuple[int, int, int]:
    """Returns (frames, height, width) of a clip; what is not given is the config's test pipeline's,
    else 64 and 224.

    Args:
        size (int or sequence of int): the side, or width and height.
    """
    dataset = (cfg.get('data') or {}).get('test') or {}
    steps = [step for step in next(iter(pipelines(dataset).values())) if isinstance(step, dict)]
    if size is None:
        size = (crop_of(steps) or dict(size=224))['size']
    size = tuple(size) if isinstance(size, (list, tuple)) else (size,)
    if len(size) > 2:
        raise ConfigError(
            f'--size is one number, or width and height; got {" ".join(map(str, size))}'
        )
    clip_len = clip_len or next((step['clip_len'] for step in steps if 'clip_len' in step), 64)
    return clip_len, size[-1], size[0]


def check_joint(cfg: Config) -> None:
    """Raises ConfigError where both streams' answers to a clip cannot be summed before clips are
    averaged.
    """
    parts = models(cfg.model)
    other = [how for part in parts if (how := part.get('average_clips', 'score')) != 'score']
    if len(parts) == 2 and other:
        raise ConfigError(
            'one file of both streams adds their logits clip by clip; '
            f'average_clips={other[0]!r}, the mean of the {_MEANS.get(other[0])} of several clips, '
            'needs one file a stream'
        )


def models(model: dict) -> list[dict]:
    """Returns the configs of a model's single streams."""
    return [model[key] for key in BOTH if key in model] or [model]


def subsets(dataset: dict) -> list[str]:
    """Returns the subsets that a data set's config names, those of its streams too: sorted list of
    str.
    """
    return sorted({part.get('subset') for part in single(dataset)} - {None})


def pipelines(dataset: dict) -> dict[str, list[dict]]:
    """Returns the pipelines of a data set's config, by stream; of several joined, the first's."""
    first = next(simple(dataset))
    streams = {key: next(simple(first[key])) for key in BOTH if key in first} or {'imgs': first}
    return {stream: part.get('pipeline') or [] for stream, part in streams.items()}


def simple(dataset: dict) -> Iterator[dict]:
    """Yields the configs that a data set's is made of, as of ConcatDataset; or itself."""
    inner = dataset.get('datasets')
    inner = inner if isinstance(inner, (list, tuple)) else [dataset.get('dataset')]
    parts = [part for part in inner if isinstance(part, dict)]
    if not parts:
        yield dataset
    for part in parts:
        yield from simple(part)


def single(dataset: dict) -> list[dict]:
    """Returns the configs of single data sets of one stream that a data set's is made of."""
    found = []
    for part in simple(dataset):
        inner = [part[key] for key in BOTH if isinstance(part.get(key), dict) and part[key]]
        found += [leaf for one in inner for leaf in simple(one)] or [part]
    return found


def has_several_labels(dataset: dict) -> bool:
    """Whether the samples of a data set's config have several labels each."""
    return any(
        part.get('multi_class', getattr(DATASETS.get(part.get('type')), 'multi_class', False))
        for part in (single(dataset) if isinstance(dataset, dict) else ())
    )


def _all_pipelines(dataset):
    return [part.get('pipeline') or [] for part in single(dataset)]


def _call(step):
    name = step.get('type')
    part = PIPELINES.get(name)
    defaults = {key: parameter.default for key, parameter in parameters_of(part)[0].items()}
    arguments = ', '.join(
        f'{key}={value!r}'
        for key, value in sorted(step.items())
        if key != 'type' and not (key in defaults and defaults[key] == value)
    )
    return f'{name if isinstance(name, str) else name.__name__}({arguments})'
