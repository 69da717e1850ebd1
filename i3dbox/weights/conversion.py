"""From a public checkpoint to this project's parameters, and back to PyTorch."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

import numpy as np

from ..errors import CheckpointError, spelling_hint
from ..models.i3d_table import HEAD_WEIGHT, parameter_shapes
from ..streams import CHANNELS
from .checkpoint_file import COUNTER, read_checkpoint
from .flax_files import read_flax
from .foreign_names import MAKERS, foreign_names
from .inflation import slim_names, to_flow, torchvision_names
from .names import SCHEMES, plain_name, scheme
from .pytorch_files import LEGACY_MAGIC, read_pytorch
from .resnet_names import IMAGES, residual_names
from .s3d_c3d_names import FIRST
from .tensorflow_files import TABLE_MAGIC, read_tensorflow

SOURCES = ('auto', 'pytorch', 'tensorflow', 'flax', 'original')
STEM = 'backbone.Conv3d_1a_7x7.conv3d.weight'
# first convolutions of residual networks, and of S3D and C3D
_FIRST = (
    'backbone.conv1.conv.weight',
    'backbone.conv1.space.conv.weight',
    'backbone.conv1.slow.unit.conv.weight',
    *FIRST.values(),
)
# Not weights of the network: counters, what training leaves, and the classifier that is left out.
_IGNORED = (
    'num_batches_tracked',
    'global_step',
    '/Momentum',
    '/Adam',
    '/ExponentialMovingAverage',
    COUNTER,
)
_DENSE = re.compile(r'(^|\.)fc(_cls)?\.weight$')
_IGNORED_2D = ('aux', 'fc.', 'InceptionV1/Logits', 'AuxLogits')


class Converted(NamedTuple):
    """A converted checkpoint: parameters (float32 arrays by name, in the network's order),
    modality, number of classes (None without a head), and the naming that it had.
    """

    parameters: dict[str, np.ndarray]
    modality: str
    num_classes: int | None
    scheme: str


def convert(
    path: str, source: str = 'auto', modality: str | None = None, inflate: bool = False
) -> Converted:
    """Reads a checkpoint in any of the public forms.

    Args:
        path: PyTorch: .pt or .pth. TensorFlow: NAME, NAME.index or a data file. flax: a pickle of
            NumPy arrays. The original MindSpore scripts' and this project's: .ckpt.
        source: of SOURCES; 'auto' looks at the file.
        modality: 'RGB' or 'Flow': what it must be; with `inflate`, what to make (RGB).
        inflate: it holds the 2D Inception-v1 of ImageNet: torchvision's googlenet or
            TF-slim's inception_v1.

    Raises:
        CheckpointError: the file is damaged or unsafe; names, shapes or types that are not those of
            I3D; NaN.
    """
    arrays = _read(path, source)
    residual = None if inflate else _own_names(arrays) or residual_names(arrays)
    if residual:
        return _residual(path, arrays, *residual, modality)
    if inflate:
        candidates = {'torchvision': torchvision_names(), 'slim': slim_names()}
    else:
        candidates = {name: scheme(name) for name in SCHEMES}
        candidates['i3dbox'] = {name: (name, np.asarray) for name in parameter_shapes(3, 1)}
    matches = {
        name: {theirs: plain_name(theirs, known) for theirs in arrays}
        for name, known in candidates.items()
    }
    best = max(
        candidates,
        key=lambda name: sum(plain in candidates[name] for plain in matches[name].values()),
    )
    parameters = _rename(
        arrays, matches[best], candidates[best], path, _IGNORED + (_IGNORED_2D if inflate else ())
    )
    if inflate and modality == 'Flow':
        parameters[STEM] = to_flow(parameters[STEM])
    stem = parameters[STEM]
    found = _modality(path, stem, modality)
    num_classes = len(parameters[HEAD_WEIGHT]) if HEAD_WEIGHT in parameters else None
    return Converted(_check(parameters, stem.shape[1], num_classes, path), found, num_classes, best)


def _own_names(arrays):
    """Returns what residual_names does, of this project's own names."""
    names = [name for name in arrays if not any(part in name for part in _IGNORED)]
    ours = all(name.startswith(('backbone.', 'head.logits.')) for name in names)
    marked = any(name.endswith(('.bn.gamma', '.dense.weight')) for name in names)
    other = any(name in arrays for name in _FIRST)
    return ('i3dbox', {name: name for name in names}) if ours and marked and other else None


def whose(scheme: str) -> str:
    """Returns in words whose names a Converted had: "torchvision's s3d"."""
    return f'I3D ({scheme})' if scheme in SCHEMES else scheme.replace('_', "'s ", 1)


def _residual(path, arrays, scheme, names, modality):
    """Returns a residual network's Converted, whatever its depth: whether a recognizer has a place
    for each parameter is told where it is loaded.
    """
    parameters = {}
    ignored = _IGNORED + (_IGNORED_2D if scheme == IMAGES else ())
    unexpected = [
        name for name in arrays if name not in names and not any(part in name for part in ignored)
    ]
    if unexpected:
        raise CheckpointError(
            f'{path}: {len(unexpected)} of {len(arrays)} names are none of the networks '
            f'of {scheme}, the first is {unexpected[0][:100]!r}'
        )
    for theirs, ours in names.items():
        array = _checked(path, theirs, ours, arrays[theirs])
        if ours in parameters:
            raise CheckpointError(f'{path}: holds {ours} twice; is this more than one network?')
        parameters[ours] = array
    if scheme == 'pytorchvideo_slowfast' and HEAD_WEIGHT in parameters:
        fast = parameters.get('backbone.layer4.fast.0.downsample.conv.weight', ())
        # there the slow pathway's channels stand before the fast one's
        parameters[HEAD_WEIGHT] = np.roll(parameters[HEAD_WEIGHT], len(fast), axis=1)
    first = next((name for name in _FIRST if name in parameters), None)
    if first is None:
        raise CheckpointError(f'{path}: {FIRST.get(scheme, _FIRST[0])} is missing')
    found = _modality(path, parameters[first], modality)
    num_classes = len(parameters[HEAD_WEIGHT]) if HEAD_WEIGHT in parameters else None
    return Converted(parameters, found, num_classes, scheme)


def _checked(path, theirs, ours, array):
    """Returns a parameter in float32, in the shape that it has here. Raises CheckpointError for
    what no network can have.
    """
    if array.dtype.kind != 'f':
        raise CheckpointError(
            f'{path}: {theirs} is {array.dtype}; weights are floating-point numbers'
        )
    checked = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(checked).all():
        raise CheckpointError(f'{path}: holds NaN or infinity in {theirs}')
    if ours.endswith('moving_variance') and (checked < 0).any():
        raise CheckpointError(f'{path}: {theirs} holds variances below 0')
    if ours == HEAD_WEIGHT:
        checked = checked[:, :, None, None, None] if array.ndim == 2 else checked
        if checked.ndim != 5 or not checked.size:
            raise CheckpointError(
                f'{path}: {theirs} has the shape {array.shape}; expected classes x channels'
            )
    return checked


def _modality(path, stem, modality):
    """Returns the modality that a first convolution takes, which must be `modality` where one is
    given.
    """
    channels = stem.shape[1] if stem.ndim in (4, 5) else None
    found = next((name for name, count in CHANNELS.items() if count == channels), None)
    if found is None:
        raise CheckpointError(
            f'{path}: its first convolution has the shape {stem.shape}; expected 3 (RGB) or 2 '
            '(Flow) channels, as in 64 x 3 x 7 x 7 x 7'
        )
    if modality and found != modality:
        raise CheckpointError(f'{path}: is a network for {found}, not {modality}')
    return found


def to_pytorch(parameters: dict[str, np.ndarray], naming: str = 'pytorch') -> dict[str, np.ndarray]:
    """Returns the state_dict of a public PyTorch network with this project's parameters.

    Args:
        parameters: by name; other names than I3D's are left out in its namings.
        naming: of I3D 'pytorch' (piergiaj/pytorch-i3d) or 'pytorch_hassony2'; of other networks one
            of foreign_names.MAKERS.

    Raises:
        CheckpointError: parameters of I3D are missing, or the makers have no such network.
    """
    flat = next((name for name, array in parameters.items() if np.ndim(array) == 4), None)
    if flat:
        raise CheckpointError(
            f'these are weights of a network of images ({flat} has 4 dimensions): training starts '
            'from them, and what it saves goes back'
        )
    if naming in MAKERS:
        names = foreign_names(parameters, naming)
    else:
        names = {ours: theirs for theirs, (ours, _) in scheme(naming).items()}
    missing = [ours for ours in names if ours not in parameters]
    if missing:
        raise CheckpointError(
            f'{len(missing)} parameters of I3D are missing, the first is {missing[0]!r}. Other '
            f'networks go --to {" or ".join(MAKERS)}'
        )
    return {
        theirs: _theirs(theirs, np.asarray(parameters[ours]).astype(np.float32, copy=False))
        for ours, theirs in names.items()
    }


def _theirs(name, array):
    """Returns a parameter as a dense layer has it, where theirs is one."""
    return array.reshape(array.shape[:2]) if _DENSE.search(name) and array.ndim > 2 else array


def _read(path, source):
    kind = _kind(path) if source == 'auto' else source
    if kind == 'pytorch':
        return read_pytorch(path)
    if kind == 'tensorflow':
        return read_tensorflow(path)
    if kind == 'flax':
        return read_flax(path)
    return read_checkpoint(path)[0]


def _kind(path):
    """Returns what wrote a file, by its name and its first bytes."""
    if (
        path.endswith('.index')
        or '.data-' in os.path.basename(path)
        or os.path.exists(f'{path}.index')
    ):
        return 'tensorflow'
    try:
        with open(path, 'rb') as file:
            head = file.read(32)
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 8))
            tail = file.read()
    except OSError as error:
        raise CheckpointError(f'{path}: cannot be read: {error.strerror}') from error
    if tail == TABLE_MAGIC.to_bytes(8, 'little'):
        return 'tensorflow'
    if head.startswith(b'PK') or LEGACY_MAGIC in head:
        return 'pytorch'
    if head.startswith(b'\x80'):
        return 'flax'
    return 'original' if path.endswith('.ckpt') else 'pytorch'


_RESNET = " These are a 2D ResNet's: load_from takes them as they are, for a type='ResNet3d'."


def _rename(arrays, plain, known, path, ignored):
    parameters = {}
    unexpected = []
    for theirs, array in arrays.items():
        if plain[theirs] not in known:
            if not any(part in theirs for part in ignored):
                unexpected.append(theirs)
            continue
        ours, function = known[plain[theirs]]
        if ours in parameters:
            raise CheckpointError(f'{path}: holds {ours} twice; is this more than one network?')
        if array.dtype.kind != 'f':
            raise CheckpointError(
                f'{path}: {theirs} is {array.dtype}; weights are floating-point numbers'
            )
        try:
            parameters[ours] = np.ascontiguousarray(function(array), np.float32)
        except ValueError as error:
            raise CheckpointError(
                f'{path}: {theirs} has the shape {array.shape}, which is not that of I3D'
            ) from error
    if unexpected:
        is_resnet = any(re.match(r'(module\.)?layer[1-4]\.\d+\.', name) for name in unexpected)
        hint = _RESNET if is_resnet else spelling_hint(unexpected[0], known)
        raise CheckpointError(
            f"{path}: {len(unexpected)} of {len(arrays)} names are none of I3D's, the first is "
            f'{unexpected[0][:100]!r}.{hint}'
        )
    if STEM not in parameters:
        raise CheckpointError(f'{path}: holds no weights of I3D')
    return parameters


def _check(parameters, in_channels, num_classes, path):
    """Returns the parameters in the network's order, with gamma = 1 where there is none. Raises
    CheckpointError.
    """
    shapes = parameter_shapes(in_channels, num_classes)
    ordered = {}
    for name, shape in shapes.items():
        if name not in parameters and name.endswith('.gamma'):
            parameters[name] = np.ones(shape, np.float32)  # the authors' batch norm has none
        if name not in parameters:
            raise CheckpointError(f'{path}: {name} is missing')
        if parameters[name].shape != shape:
            raise CheckpointError(
                f'{path}: {name} has the shape {parameters[name].shape}; expected {shape}'
            )
        if not np.isfinite(parameters[name]).all():
            raise CheckpointError(f'{path}: holds NaN or infinity in {name}')
        ordered[name] = parameters[name]
    return ordered
