"""An independent I3D in NumPy, written from the paper and TensorFlow's definition of "same"
padding.

It shares nothing with the package but the names of the parameters. Slow and plain on purpose.
"""

import itertools

import numpy as np

STEM = [
    ('Conv3d_1a_7x7', (7, 7, 7), (2, 2, 2)),
    ('MaxPool3d_2a_3x3', (1, 3, 3), (1, 2, 2)),
    ('Conv3d_2b_1x1', (1, 1, 1), (1, 1, 1)),
    ('Conv3d_2c_3x3', (3, 3, 3), (1, 1, 1)),
    ('MaxPool3d_3a_3x3', (1, 3, 3), (1, 2, 2)),
    ('Mixed_3b',),
    ('Mixed_3c',),
    ('MaxPool3d_4a_3x3', (3, 3, 3), (2, 2, 2)),
    ('Mixed_4b',),
    ('Mixed_4c',),
    ('Mixed_4d',),
    ('Mixed_4e',),
    ('Mixed_4f',),
    ('MaxPool3d_5a_2x2', (2, 2, 2), (2, 2, 2)),
    ('Mixed_5b',),
    ('Mixed_5c',),
]


def windows(x, kernel, stride, fill):
    """Yields (offset, strided view) of x (N x T x H x W x C), padded as TensorFlow pads for
    "same".
    """
    pads, sizes = [(0, 0)], []
    for size, k, s in zip(x.shape[1:4], kernel, stride):
        out = -(-size // s)
        total = max((out - 1) * s + k - size, 0)
        pads.append((total // 2, total - total // 2))
        sizes.append(out)
    x = np.pad(x, [*pads, (0, 0)], constant_values=fill)
    for offset in itertools.product(*map(range, kernel)):
        yield (
            offset,
            x[
                (
                    slice(None),
                    *(slice(o, o + (n - 1) * s + 1, s) for o, n, s in zip(offset, sizes, stride)),
                )
            ],
        )


def convolve(x, weight, stride):
    """weight: out x in x t x h x w."""
    total = 0
    for (t, h, w), view in windows(x, weight.shape[2:], stride, 0):
        total = total + view @ weight[:, :, t, h, w].T
    return total


def max_pool(x, kernel, stride):
    result = -np.inf
    for _, view in windows(x, kernel, stride, -np.inf):
        result = np.maximum(result, view)
    return result


def unit(x, p, name, stride=(1, 1, 1)):
    y = convolve(x, p[f'{name}.conv3d.weight'], stride)
    y = (y - p[f'{name}.bn.moving_mean']) / np.sqrt(p[f'{name}.bn.moving_variance'] + 1e-3)
    return np.maximum(y * p[f'{name}.bn.gamma'] + p[f'{name}.bn.beta'], 0)


def mixed(x, p, name):
    branches = [
        unit(x, p, f'{name}.b0'),
        unit(unit(x, p, f'{name}.b1a'), p, f'{name}.b1b'),
        unit(unit(x, p, f'{name}.b2a'), p, f'{name}.b2b'),
        unit(max_pool(x, (3, 3, 3), (1, 1, 1)), p, f'{name}.b3b'),
    ]
    return np.concatenate(branches, -1)


def endpoints(x, p):
    """x: N x T x H x W x C in [-1, 1]. Returns every endpoint, channels last, and the logits."""
    # without 'backbone.' and 'head.'
    p = {name.split('.', 1)[1]: value for name, value in p.items()}
    outputs = {}
    for name, *geometry in STEM:
        if name.startswith('Mixed'):
            x = mixed(x, p, name)
        elif name.startswith('MaxPool'):
            x = max_pool(x, *geometry)
        else:
            x = unit(x, p, name, geometry[1])
        outputs[name] = x
    x = x.mean((2, 3))
    if x.shape[1] > 1:
        x = (x[:, 1:] + x[:, :-1]) / 2
    outputs['logits'] = (x @ p['logits.weight'][:, :, 0, 0, 0].T + p['logits.bias']).mean(1)
    return outputs
