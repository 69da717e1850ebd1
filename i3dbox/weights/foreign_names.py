"""From this project's names back to those of the makers of PyTorch's residual networks, S3D and
C3D: the schemes of resnet_names, turned round.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Mapping

import numpy as np

from ..errors import CheckpointError
from .resnet_names import NORM, SCHEMES
from .s3d_c3d_names import LAYERS

MAKERS = ('torchvision', 'mmaction2')
_NORM = {ours: theirs for theirs, ours in NORM.items()}
_NUMBERS = {name: number for number, name in LAYERS.items()}


def foreign_names(parameters: Mapping[str, np.ndarray], makers: str) -> dict[str, str]:
    """Returns how makers of PyTorch networks call the parameters of a network: ours -> theirs.

    Args:
        parameters: by name.
        makers: one of MAKERS.

    Raises: CheckpointError where none of their networks has all of them.
    """
    schemes = [scheme for scheme in SCHEMES if scheme.startswith(makers)]
    found = [_named(parameters, scheme) for scheme in schemes]
    best = max(found, key=len)
    missing = [name for name in parameters if name not in best]
    if missing:
        raise CheckpointError(
            f'{makers} has no network with these {len(parameters)} parameters: {missing[0]} is '
            'none of theirs'
        )
    return best


def _named(parameters, scheme):
    """Returns the names that a scheme knows: ours -> theirs."""
    inverses = [_inverse(*rule) for rule in SCHEMES[scheme]]
    found = {}
    for name in parameters:
        theirs = _theirs(_prepared(name, parameters), inverses)
        if theirs:
            found[name] = theirs
    return found


def _prepared(name, parameters):
    """Returns our name as the replacements of a scheme have it."""
    *path, tail = name.split('.')
    if path[-1:] == ['bn']:
        tail = _NORM.get(tail, tail)
    if path[0] == 'backbone':
        path = [_NUMBERS.get(layer, layer) for layer in path[1:]]
    if path[-2:-1] == ['conv2']:
        weight = parameters.get('.'.join(['backbone', *path[:-1], 'conv.weight']))
        if weight is not None and weight.shape[1] == 1:
            path.insert(-1, '0')  # CSN's, which stand in a row in mmaction2; others have none
    return '.'.join([*path, tail])


def _theirs(name, inverses):
    for pattern, template in inverses:
        match = re.fullmatch(pattern, name)
        if match:
            return re.sub(r'\\(\d+)', functools.partial(_group, match), template)
    return None


def _group(match, number):
    return match[f'g{number[1]}']


@functools.cache
def _inverse(pattern, replacement):
    r"""Returns a pattern of our names, with groups g1, g2 and so on, and a template of theirs with
    \1, \2 in their places.
    """
    groups, template = _taken_apart(pattern)
    parts = re.split(r'\\(\d+)', replacement)
    literals = [re.escape(part) for part in parts[::2]]
    named = [f'(?P<g{number}>{groups[int(number)]})' for number in parts[1::2]]
    return ''.join(itertools.chain(*itertools.zip_longest(literals, named, fillvalue=''))), template


def _taken_apart(pattern):
    r"""Returns the outer groups of a pattern by number, and the pattern with \1, \2 in their
    places.
    """
    pattern = pattern.replace('(?:', '').replace(')?', '')  # what may be there is there
    groups = {}
    template = ''
    number = depth = start = outer = 0
    for place, letter in enumerate(pattern):
        if letter == '(':
            number += 1
            if depth == 0:
                start, outer = place + 1, number
            depth += 1
        elif letter == ')':
            depth -= 1
            if depth == 0:
                groups[outer] = pattern[start:place]
                template += f'\\{outer}'
        elif depth == 0:
            template += letter
    return groups, template.replace(r'\.', '.')
