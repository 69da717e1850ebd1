"""From the uint8 clip that leaves the host to the network's input, on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mindspore import nn

if TYPE_CHECKING:
    from mindspore import Tensor


class Preprocess(nn.Cell):
    """uint8 B x N x T x H x W x C -> float32 (B * N) x C x T x H x W in [-1, 1].

    The scale is the authors': v / 127.5 - 1 for pixels. Flow in [-20, 20] stored as 8 bits comes to
    flow / 20, which is theirs too.
    """

    def construct(self, imgs: Tensor) -> Tensor:
        b, n, t, h, w, c = imgs.shape
        # numbers first: chips transpose floats, not every one transposes bytes
        imgs = imgs.reshape(b * n, t, h, w, c).float()
        return imgs.transpose(0, 4, 1, 2, 3) * (2 / 255) - 1
