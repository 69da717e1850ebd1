"""Late fusion: the logits of several result files added, video by video."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from ..argument_checks import in_range
from ..averages import add_streams
from ..errors import ConfigError, first_difference
from ..streams import BOTH, MODALITIES, STREAM_OF
from .metrics import one_label
from .results import Results

FOLDS = 5


def fuse(parts: dict[str, Results], weights: Iterable[float] | None = None) -> Results:
    """Adds the logits of the same videos, joined by name; the order of the first counts.

    Args:
        parts: by file, as in errors.
        weights: one per part; default: 1 each, the paper's.

    Returns: Results.
    Raises: ConfigError where videos, labels, classes or protocols differ, naming the first
        difference.
    """
    weights = [1.0] * len(parts) if weights is None else list(weights)
    if len(weights) != len(parts):
        raise ConfigError(f'{len(parts)} results take as many weights; got {weights}')
    in_range('fuse', -1e6, 1e6, **{f'weight {i}': weight for i, weight in enumerate(weights, 1)})
    if not any(weights):
        raise ConfigError('weights of 0 alone leave nothing of the scores')
    (first_name, first), *others = parts.items()
    aligned = [first] + [_aligned(first_name, first, name, other) for name, other in others]
    joint = add_streams([part.scores for part in aligned], weights)
    titles = _stream_names(parts)

    def union(key):
        return sorted({value for part in parts.values() for value in part.meta.get(key) or ()})

    meta = dict(
        parts={name: part.meta for name, part in parts.items()},
        weights=weights,
        protocol=first.meta.get('protocol'),
        data=first.meta.get('data', 'test'),
        subset=union('subset'),
        modality='+'.join(MODALITIES.get(t, t) for t in titles),
        config_text=first.meta.get('config_text'),
        skipped=union('skipped'),
    )
    classes = next((part.classes for part in aligned if part.classes), None)
    return Results(
        first.names,
        first.labels,
        joint,
        classes,
        meta,
        {title: part.scores for title, part in zip(titles, aligned)},
    )


def _aligned(first_name, first, name, other):
    """Returns `other` in the order of `first`."""

    def refuse(text):
        raise ConfigError(f'{first_name} and {name} cannot be fused: {text}')

    indices = {video: index for index, video in enumerate(other.names)}
    for here, there, videos, known in (
        (first_name, name, first.names, indices),
        (name, first_name, other.names, set(first.names)),
    ):
        missing = [video for video in videos if video not in known]
        if missing:
            refuse(
                f'{len(missing)} videos of {here} are not in {there}, the first is {missing[0]!r}'
            )
    order = [indices[video] for video in first.names]
    if first.several != other.several:
        refuse('videos have one label in the one and several in the other')
    differ = first.labels != other.labels[order]
    wrong = np.flatnonzero(differ.any(1) if first.several else differ)
    if wrong.size:
        index = wrong[0]
        refuse(
            f'{first.names[index]!r} has label {first.labels[index]} in the one and '
            f'{other.labels[order[index]]} in the other'
        )
    if first.scores.shape[1] != other.scores.shape[1]:
        refuse(f'they have {first.scores.shape[1]} and {other.scores.shape[1]} classes')
    difference = first_difference(first.classes, other.classes)
    if difference:
        refuse(difference)
    protocols = [part.meta.get('protocol') for part in (first, other)]
    if all(protocols) and protocols[0] != protocols[1]:
        refuse(f'their protocols differ: {protocols[0]} in the one and {protocols[1]} in the other')
    return Results(first.names, first.labels, other.scores[order], other.classes, other.meta)


def _stream_names(parts):
    """Returns rgb and flow where the parts are one of each, else their files' names."""
    streams = [STREAM_OF.get(part.meta.get('modality')) for part in parts.values()]
    return (
        streams if set(streams) <= set(BOTH) and len(set(streams)) == len(streams) else list(parts)
    )


def search_weights(parts: dict[str, Results], half: int = 10) -> tuple[list[float], float, float]:
    """Finds the weights of two streams by cross-validation.

    In each of five folds, which keep the clips of one UCF101 group together, the weight is the one
    that is most often right on the other four; among equals, the nearest to equal weights. The
    answer is their mean.

    Args:
        parts: two, of videos that are not those to be tested on.
        half: of the number of weights that are tried between none of the one and none of the other.

    Returns:
        (list of float, float, float): the weights, which sum to 2 as equal ones do; the share that
        they get right, each fold with the weights of the others; and the share that equal weights
        get right.

    Raises: ConfigError: not two parts; too few videos.
    """
    if len(parts) != 2:
        raise ConfigError(f'the search is for the weights of two results; got {len(parts)}')
    joint = fuse(parts)
    one_label(joint.labels, 'the search for weights')
    first, second = joint.streams.values()
    groups = sorted({_group(name) for name in joint.names})
    if len(groups) < FOLDS:
        raise ConfigError(f'the search needs at least {FOLDS} videos or groups; got {len(groups)}')
    np.random.default_rng(0).shuffle(groups)
    fold_of = {group: index % FOLDS for index, group in enumerate(groups)}
    folds = np.array([fold_of[_group(name)] for name in joint.names])
    shares = np.arange(2 * half + 1) / half
    finite = np.isfinite(first).all(1) & np.isfinite(second).all(1)
    correct = np.array(
        [
            (((2 - share) * first + share * second).argmax(1) == joint.labels) & finite
            for share in shares
        ]
    )
    chosen = []
    hits = 0
    for fold in range(FOLDS):
        rest = correct[:, folds != fold].sum(1)
        best = min(np.flatnonzero(rest == rest.max()), key=lambda index: abs(shares[index] - 1))
        chosen.append(shares[best])
        hits += correct[best, folds == fold].sum()
    share = float(np.mean(chosen))
    return [2 - share, share], float(hits / len(folds)), float(correct[half].mean())


def pair(training: dict[str, Results], test: dict[str, Results]) -> dict[str, Results]:
    """Returns `training` in the order of `test`, paired by modality.

    Raises: ConfigError where they do not pair, or are of other classes or another protocol.
    """
    searched, fused = (
        [part.meta.get('modality') for part in parts.values()] for parts in (training, test)
    )
    if len(set(fused)) < len(fused) or sorted(map(str, searched)) != sorted(map(str, fused)):
        raise ConfigError(
            f'the files to search on are of {", ".join(map(str, searched))}, those to fuse of '
            f'{", ".join(map(str, fused))}: name one of each stream'
        )
    named = dict(zip(searched, training.items()))
    for (test_name, part), modality in zip(test.items(), fused):
        name, other = named[modality]
        difference = first_difference(part.classes, other.classes)
        if difference or part.scores.shape[1] != other.scores.shape[1]:
            raise ConfigError(
                f'{test_name} and {name} are of other classes: {difference or "another number"}'
            )
        if part.meta.get('protocol') != other.meta.get('protocol'):
            raise ConfigError(
                f'{test_name} and {name} are of other protocols: {part.meta.get("protocol")} in '
                f'the one and {other.meta.get("protocol")} in the other'
            )
    return dict(named[modality] for modality in fused)


def _group(name):
    """Returns the part of a UCF101 name that clips cut from one video share: v_Archery_g01_c02 ->
    v_Archery_g01.
    """
    return re.sub(r'_c\d+$', '', name)
