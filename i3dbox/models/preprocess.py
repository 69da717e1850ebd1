"""From the uint8 clip that leaves the host to the network's input, on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from mindspore import Tensor, nn

from .normalization import SYMMETRIC, Normalization

if TYPE_CHECKING:
    from collections.abc import Sequence


class Preprocess(nn.Cell):
    """uint8 B x N x T x H x W x C -> float32 (B * N) x C x T x H x W, normalized."""

    def __init__(self, normalization: Normalization = SYMMETRIC):
        super().__init__()
        self.scale = _constant(normalization.scale)
        self.offset = _constant(normalization.offset)

    def construct(self, imgs: Tensor) -> Tensor:
        b, n, t, h, w, c = imgs.shape
        # numbers first: chips transpose floats, not every one transposes bytes
        imgs = imgs.reshape(b * n, t, h, w, c).float()
        return imgs.transpose(0, 4, 1, 2, 3) * self.scale - self.offset


def _constant(values: Sequence[float]) -> float | Tensor:
    """Returns one number for all channels, or a Tensor that goes with N x C x T x H x W."""
    if len(set(values)) == 1:
        return values[0]
    return Tensor(np.reshape(np.float32(values), (1, -1, 1, 1, 1)))
