"""Inception-v1 I3D as data: its layers, and the parameters that follow from them. Needs no
MindSpore.

Source: Carreira and Zisserman, "Quo Vadis, Action Recognition?", arXiv 1705.07750, and the authors'
code, google-deepmind/kinetics-i3d.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

# Conv: (output channels, kernel, stride). Pool: (kernel, stride). Mixed: output channels of
# 1x1x1 | 1x1x1 > 3x3x3 | 1x1x1 > 3x3x3 | pool > 1x1x1.
ENDPOINTS = {
    'Conv3d_1a_7x7': (64, 7, 2),
    'MaxPool3d_2a_3x3': ((1, 3, 3), (1, 2, 2)),
    'Conv3d_2b_1x1': (64, 1, 1),
    'Conv3d_2c_3x3': (192, 3, 1),
    'MaxPool3d_3a_3x3': ((1, 3, 3), (1, 2, 2)),
    'Mixed_3b': (64, 96, 128, 16, 32, 32),
    'Mixed_3c': (128, 128, 192, 32, 96, 64),
    'MaxPool3d_4a_3x3': ((3, 3, 3), (2, 2, 2)),
    'Mixed_4b': (192, 96, 208, 16, 48, 64),
    'Mixed_4c': (160, 112, 224, 24, 64, 64),
    'Mixed_4d': (128, 128, 256, 24, 64, 64),
    'Mixed_4e': (112, 144, 288, 32, 64, 64),
    'Mixed_4f': (256, 160, 320, 32, 128, 128),
    'MaxPool3d_5a_2x2': ((2, 2, 2), (2, 2, 2)),
    'Mixed_5b': (256, 160, 320, 32, 128, 128),
    'Mixed_5c': (384, 192, 384, 48, 128, 128),
}
BRANCHES = ('b0', 'b1a', 'b1b', 'b2a', 'b2b', 'b3b')
NORM = ('gamma', 'beta', 'moving_mean', 'moving_variance')
HEAD_WEIGHT = 'head.logits.weight'
HEAD_BIAS = 'head.logits.bias'
LOGITS = 'Logits'  # the endpoint behind the head: the logits of each time step
MIN_INPUT = (8, 32, 32)  # frames, height, width; below that the strides leave no feature map


def temporal_geometry(endpoint: str = 'Mixed_5c') -> tuple[int, int]:
    """Returns how an endpoint's time steps stand to the frames of the clip.

    Returns:
        The stride, frames per step; and the context, the number of steps before and after a step
        whose frames it may depend on, whatever the clip's length makes of the padding.
    """
    stride = 1
    before = 0
    after = 0
    for name, spec in ENDPOINTS.items():
        if name.startswith('Mixed'):
            kernel = 3
            step = 1
        else:
            kernel, step = spec[-2:]
            if not isinstance(kernel, int):
                kernel = kernel[0]
                step = step[0]
        before += (kernel - 1) // 2 * stride
        after += (kernel - 1 - max(kernel - step, 0) // 2) * stride
        stride *= step
        if name == endpoint:
            return stride, -(-max(before, after - stride + 1) // stride)
    raise KeyError(endpoint)


def map_shape(endpoint: str, frames: int, height: int, width: int) -> tuple[int, int, int, int]:
    """Returns the shape of what an endpoint gives for a clip: channels, time steps, height,
    width.
    """
    channels = 0
    sides = frames, height, width
    for name, spec in ENDPOINTS.items():
        if name.startswith('Mixed'):
            channels = spec[0] + spec[2] + spec[4] + spec[5]
        else:
            channels = spec[0] if name.startswith('Conv') else channels
            strides = spec[-1] if isinstance(spec[-1], tuple) else (spec[-1],) * 3
            sides = tuple(-(-side // stride) for side, stride in zip(sides, strides))
        if name == endpoint:
            return channels, *sides
    raise KeyError(endpoint)


def units(in_channels: int = 3) -> Iterator[tuple[str, int, int, int]]:
    """Yields (name, input channels, output channels, kernel size) of each convolution but the
    head's, as in ('Mixed_3b.b1b', 96, 128, 3).
    """
    channels = in_channels
    for name, spec in ENDPOINTS.items():
        if name.startswith('Conv'):
            yield name, channels, spec[0], spec[1]
            channels = spec[0]
        elif name.startswith('Mixed'):
            b0, b1a, b1b, b2a, b2b, b3b = spec
            inputs = (channels, channels, b1a, channels, b2a, channels)
            for branch, source, width in zip(BRANCHES, inputs, spec):
                yield f'{name}.{branch}', source, width, 3 if branch in ('b1b', 'b2b') else 1
            channels = b0 + b1b + b2b + b3b


def multiply_adds(frames: int, height: int, width: int, in_channels: int = 3) -> dict[str, int]:
    """Returns the multiply-adds of each endpoint for one clip, counted from its predecessor; pools
    cost none.
    """
    costs = dict.fromkeys(ENDPOINTS, 0)
    for name, source, channels, kernel in units(in_channels):
        endpoint = name.partition('.')[0]
        places = math.prod(map_shape(endpoint, frames, height, width)[1:])
        costs[endpoint] += places * source * channels * kernel**3
    return costs


def parameter_shapes(
    in_channels: int = 3, num_classes: int | None = None
) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of a Recognizer3D's parameters for this network, by name and in its order,
    without its dropout's counter.

    Args:
        in_channels: 3 for RGB, 2 for flow.
        num_classes: None leaves the head out.
    """
    shapes = {}
    for name, source, width, kernel in units(in_channels):
        shapes[f'backbone.{name}.conv3d.weight'] = (width, source, kernel, kernel, kernel)
        shapes.update((f'backbone.{name}.bn.{part}', (width,)) for part in NORM)
    if num_classes:
        shapes.update({HEAD_WEIGHT: (num_classes, 1024, 1, 1, 1), HEAD_BIAS: (num_classes,)})
    return shapes
