"""Whether a clip suits a network. Needs no MindSpore."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ModelError
from ..streams import CHANNELS


def check_clip_shape(
    shape: Sequence[int], modality: str, least: Sequence[int], backbone: str
) -> None:
    """Raises ModelError where a batch does not suit a network.

    Args:
        shape: of the batch, B x N x T x H x W x C.
        modality: of the network, 'RGB' or 'Flow'.
        least: the fewest frames, and the smallest height and width, that it takes.
        backbone: its name.
    """
    shape = tuple(shape)
    channels = CHANNELS[modality]
    if len(shape) != 6:
        raise ModelError(
            f'a batch is B x N x T x H x W x C; got {shape}. Does the pipeline end in PackClips?'
        )
    if shape[5] != channels:
        raise ModelError(
            f'the model takes {modality} clips of {channels} channels; the data set gives '
            f'{shape[5]}. Check the modality of both.'
        )
    if any(size < low for size, low in zip(shape[2:5], least)):
        raise ModelError(
            '{} takes clips of at least {} frames of {} x {}; the pipeline gives {} frames of '
            '{} x {}'.format(backbone, *least, *shape[2:5])
        )
