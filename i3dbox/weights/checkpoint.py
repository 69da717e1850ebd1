"""Checkpoints on disk: MindSpore .ckpt files with checksums, metadata and the training state."""

import json
import os

import numpy as np

from ..errors import CheckpointError, first_line
from .checkpoint_file import write_checkpoint_file
from .zoo import local_path

STATE_PREFIX = 'train.'  # what belongs to the training run and not to the recognizer
COUNTER = 'dropout.step'  # ends the name of what counts a run's steps; weights carry over to another run, it does not
_META = 'i3dbox_meta'


def save_checkpoint(path, recognizer, state=(), meta=None):
    """Writes a checkpoint in one step.

    Args:
        path (str): ends in .ckpt.
        recognizer (Cell): its parameters are saved under their own names.
        state (iterable of Parameter): optimizer and scaler state, saved as 'train.<name>'.
        meta (dict): whatever JSON holds: step, epoch, seed, config text, classes, modality.
    """
    write_checkpoint(path, {p.name: p.asnumpy() for p in recognizer.get_parameters()},
                     {p.name: p.asnumpy() for p in state}, meta)


def write_checkpoint(path, parameters, state=None, meta=None):
    """Writes arrays (dicts of name -> array) as `save_checkpoint` does a recognizer. Needs no MindSpore."""
    entries = [*parameters.items(), *((STATE_PREFIX + name, array) for name, array in (state or {}).items()),
               (_META, json.dumps(meta or {}))]
    write_checkpoint_file(path, entries)


def load_checkpoint(path):
    """Reads a checkpoint of this project, or any other MindSpore .ckpt.

    Args:
        path (str): the file, or zoo://NAME, which is downloaded where it is not there yet.

    Returns:
        (dict of name -> numpy array for the model, the same for the training state, dict meta);
        state and meta are empty for a foreign file.

    Raises:
        CheckpointError: the file is absent, is no checkpoint, or is damaged.
    """
    import mindspore as ms

    path = local_path(path)
    if not os.path.isfile(path):
        raise CheckpointError(f'checkpoint {path} does not exist')
    if not str(path).endswith('.ckpt'):
        raise CheckpointError(f'{path} is no MindSpore checkpoint: its name must end in .ckpt')
    try:
        with _quiet():
            entries = ms.load_checkpoint(str(path), crc_check=True)
    except Exception as error:  # MindSpore raises what it likes on a damaged file
        raise CheckpointError(f'checkpoint {path} is damaged or no MindSpore checkpoint: '
                              f'{first_line(error)}') from error
    meta = entries.pop(_META, None)
    if meta is None and any(name.startswith(STATE_PREFIX) for name in entries):
        raise CheckpointError(f'checkpoint {path} is truncated: its last part is missing')
    parameters, state = {}, {}
    for name, value in entries.items():
        if not hasattr(value, 'asnumpy'):
            continue  # a foreign file's plain values
        array = value.asnumpy()
        if name.startswith(STATE_PREFIX):
            state[name[len(STATE_PREFIX):]] = array
        else:
            parameters[name] = array
    for name, array in parameters.items():
        if array.dtype.kind == 'f' and not np.isfinite(array).all():
            raise CheckpointError(f'checkpoint {path} holds NaN or infinity in {name}')
    return parameters, state, json.loads(str(meta)) if meta is not None else {}


def load_weights_only(path):
    """Reads a checkpoint as `load_checkpoint` does, and leaves out what is the training run's: returns its weights
    (dict of name -> array), and of its meta what says whose they are."""
    parameters, _, meta = load_checkpoint(path)
    return ({name: array for name, array in parameters.items() if not name.endswith(COUNTER)},
            {key: meta[key] for key in ('modality', 'classes', 'config', 'source', 'licence') if key in meta})


class _quiet:
    """MindSpore logs its own lines about a file that it cannot read; ours says it once."""

    def __enter__(self):
        from mindspore import log
        self.logger = log._get_logger()
        self.level = self.logger.level
        self.logger.setLevel('CRITICAL')

    def __exit__(self, *_):
        self.logger.setLevel(self.level)
