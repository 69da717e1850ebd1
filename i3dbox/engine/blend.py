"""Blends the samples of a batch, on the device, as the host has drawn it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from ..datasets.loader import WrappedLoader
from ..models.losses.class_weights import targets_of
from .blendings import Mixture

if TYPE_CHECKING:
    from ..datasets.loader import ClipLoader

# of a row of draws: the sample that is mixed in, the share and the box of a Mixture, the label's
ROW = ('other', 'share', 'top', 'bottom', 'left', 'right', 'label')


class BlendingLoader(WrappedLoader):
    """A ClipLoader whose batches also say how their samples are to be blended: `blending`, float32
    B x 7, see ROW.

    What is drawn follows from the run's seed, the step and the rank, so that a resumed run goes on
    with the same.

    Args:
        clips: of ClipLoader. blending: of BLENDINGS. height, width: of the clips.
    """

    def __init__(self, clips: ClipLoader, blending: Callable, height: int, width: int):
        super().__init__(clips)
        self.blending = blending
        self.size = height, width

    def column(self, size: int) -> tuple[str, tuple[list[int], np.dtype]]:
        return 'blending', ([size, len(ROW)], np.dtype(np.float32))

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        for step, batch in enumerate(self.clips, self.clips.start_step):
            yield dict(batch, blending=self.draw(step, len(batch['index'])))

    def draw(self, step: int, count: int) -> np.ndarray:
        """Returns the rows of a step, float32 count x 7: one Mixture for all, each with another
        sample.
        """
        # a generator that no sample and no shuffle has, see sampler.sample_rng
        rng = np.random.default_rng((self.clips.sampler.seed, step, self.clips.rank, 1))
        mixture = self.blending(rng, *self.size)
        return rows_of(mixture, rng.permutation(count), *self.size)


def rows_of(mixture: Mixture, others: Sequence[int], height: int, width: int) -> np.ndarray:
    """Returns a row, see ROW, for each of `others`: float32 B x 7."""
    alike = (mixture.share, *mixture.box, mixture.of_label(height, width))
    return np.array([(other, *alike) for other in others], np.float32)


class Blend(nn.Cell):
    """Blends clips and labels.

    Args:
        num_classes: K.

    Inputs: clips uint8 B x N x T x H x W x C, one array a stream; label int32 B or float32 B x K;
    draws float32 B x 7, see ROW.
    Outputs: the clips, float32 from 0 to 255, and the labels, float32 B x K.
    """

    def __init__(self, num_classes: int):
        super().__init__(auto_prefix=False)
        self.num_classes = num_classes

    def construct(self, clips: tuple[Tensor, ...], label: Tensor, draws: Tensor) -> tuple:
        other = draws[:, 0].astype(ms.int32)
        blended = ()
        for imgs in clips:
            own = self.share_of_pixels(draws, imgs.shape[3], imgs.shape[4])
            imgs = imgs.float()
            blended += (own * imgs + (1 - own) * ops.gather(imgs, other, 0),)
        targets = targets_of(label, self.num_classes)
        own = draws[:, 6:]
        return blended, own * targets + (1 - own) * ops.gather(targets, other, 0)

    def share_of_pixels(self, draws: Tensor, height: int, width: int) -> Tensor:
        """Returns the clip's own share of each pixel, B x 1 x 1 x H x W x 1."""
        rows = ops.arange(height).reshape(1, height, 1)
        columns = ops.arange(width).reshape(1, 1, width)
        share, top, bottom, left, right = [draws[:, i].reshape(-1, 1, 1) for i in range(1, 6)]
        boxed = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
        own = ops.where(boxed, ops.zeros_like(share), share)
        return own.reshape(-1, 1, 1, height, width, 1)
