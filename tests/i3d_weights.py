"""Checkpoints of I3D with made-up weights under which signals keep their size, so that differences
mean something.
"""

import numpy as np

from i3dbox.models.i3d_table import parameter_shapes
from i3dbox.weights.checkpoint_file import write_checkpoint

CHANNELS = {'RGB': 3, 'Flow': 2}


def write_i3d_checkpoint(path, modality, num_classes, **meta):
    """Writes a .ckpt of a whole I3D; returns its path as text."""
    write_checkpoint(
        str(path),
        plausible(parameter_shapes(CHANNELS[modality], num_classes), CHANNELS[modality]),
        meta=dict(modality=modality, **meta),
    )
    return str(path)


def plausible(shapes, seed=0):
    """Arrays for parameters (name -> shape): He's deviation for weights, statistics around 0 and
    1.
    """
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, shape in shapes.items():
        if name.endswith('moving_variance'):
            array = rng.uniform(0.5, 1.5, shape)
        elif name.endswith('gamma'):
            array = rng.uniform(0.6, 1.2, shape)
        elif name.endswith('weight'):
            array = rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
        else:
            array = rng.normal(0, 0.1, shape)
        arrays[name] = array.astype(np.float32)
    return arrays
