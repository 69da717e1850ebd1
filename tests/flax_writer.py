"""Writes variables as flax has them, in a pickle, without flax."""

import pickle

from i3dbox.weights.names import scheme


def flax_pickle(parameters, protocol=4):
    """Returns a pickle of our parameters as a public network of flax names and shapes them: nested
    dicts, filters t x h x w x in x out, statistics with unit axes, no scale.
    """
    variables = {'params': {}, 'batch_stats': {}}
    for theirs, (name, _) in scheme('flax').items():
        *path, last = theirs.split('/')
        inner = variables['batch_stats' if last in ('mean', 'var') else 'params']
        for step in path:
            inner = inner.setdefault(step, {})
        array = parameters[name]
        if last == 'kernel':
            array = array.transpose(2, 3, 4, 1, 0)
        inner[last] = array.reshape(1, 1, 1, 1, -1) if last in ('mean', 'var') else array
    return pickle.dumps(variables, protocol)
