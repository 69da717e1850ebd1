"""A stream's network as testing, features and answers see it, whatever computes it."""

from __future__ import annotations

from typing import Any

import numpy as np


class StreamNetwork:
    """What an engine makes of one stream.

    Attributes:
        modality (str), channels (int), num_classes (int).
        layers (tuple of str): of the backbone, which `upto` takes; none where it cannot be taken
            apart.
        average_clips (str): of averages.HOW: how the clips of a video become one answer.
        geometry (tuple or None): (stride, context) of the time steps before the head, see
            i3d_table.temporal_geometry; None where the backbone does not say it.
        steps_have_logits (bool): whether the head tells the logits of single time steps.
        few_lengths (bool): whether each length of clips costs a compilation, so that there must be
            few.
    """

    geometry = None
    layers = ()
    steps_have_logits = few_lengths = False

    def check_input(self, imgs: np.ndarray) -> None:
        """Raises ModelError where a batch, uint8 B x N x T x H x W x C, does not suit it."""
        raise NotImplementedError

    def logits(self, clips: np.ndarray) -> np.ndarray:
        """Scores clips of one shape, uint8 B x T x H x W x C -> float32 B x classes."""
        raise NotImplementedError

    def upto(self, endpoint: str, pool: str = 'avg', any_length: bool = False) -> EndpointNetwork:
        """Returns the network up to an endpoint; arguments and errors are those of
        models.feature_network.FeatureNetwork.
        """
        raise NotImplementedError


class EndpointNetwork:
    """A network up to an endpoint. Called with a clip, 1 x T x H x W x C, uint8 or float32 from 0
    to 255, it returns float32 1 x K x t, or 1 x K x t x h x w where `pool` is 'none'.

    Attributes:
        pool (str).
        temporal_geometry (tuple): (stride, context) of its time steps. Raises ConfigError where it
            is unknown.
    """

    pool: str
    temporal_geometry: tuple[int, int]

    def __call__(self, clip: np.ndarray) -> Any:
        raise NotImplementedError
