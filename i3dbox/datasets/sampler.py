"""Which sample stands where: pure functions of the seed and the place in the run.

Ranks, workers and restarts only read different places of a stream, so none of them changes what
is trained on.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ..argument_checks import at_least, at_least_one


def sample_rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Returns the numpy Generator of one sample in one epoch: its only source of randomness."""
    # index 0 there would be the shuffle's generator
    return np.random.default_rng((seed, epoch, index + 1))


@dataclasses.dataclass(eq=False)
class SequentialSampler:
    """The testing stream: over all ranks every sample once, in order.

    Every rank has `steps_per_epoch` batches of `batch_size`; the last ones are filled up with the
    sample index -1.
    """

    num_samples: int
    batch_size: int
    world: int = 1
    seed: int = 0

    def __post_init__(self):
        at_least_one(
            type(self).__name__,
            num_samples=self.num_samples,
            batch_size=self.batch_size,
            world=self.world,
        )
        self.steps_per_epoch = -(-self.num_samples // (self.batch_size * self.world))

    def batch(self, step: int, rank: int = 0) -> list[tuple[int, int]]:
        """Returns what `rank` reads at `step`: a list of (0, sample index or -1)."""
        positions = self._positions(step, rank)
        return [(0, index if index < self.num_samples else -1) for index in positions]

    def _positions(self, step, rank):
        """Returns where the samples of a batch stand in the epoch."""
        first = (step * self.world + rank) * self.batch_size
        return range(first, first + self.batch_size)


@dataclasses.dataclass(eq=False)
class EpochSampler(SequentialSampler):
    """The endless training stream.

    An epoch is `steps_per_epoch` global batches of world * batch_size samples, in an order drawn
    from (seed, epoch). The samples that fill no global batch differ from epoch to epoch, as they
    are the last of its order. A data set smaller than one global batch is wrapped round to fill it.

    Args:
        num_samples: size of the data set.
        batch_size: samples a rank takes in a step.
        world: number of ranks. W ranks of B samples see what one rank of W * B sees.
        seed: from 0.
        shuffle: False keeps the data set's order.
    """

    shuffle: bool = True

    def __post_init__(self):
        super().__post_init__()
        at_least('EpochSampler', 0, 1 << 63, seed=self.seed)
        self.steps_per_epoch = max(1, self.num_samples // (self.batch_size * self.world))
        self._order = None, None  # epoch, order

    def batch(self, step: int, rank: int = 0) -> list[tuple[int, int]]:
        """Returns what `rank` reads at `step` of the run (from 0): a list of (epoch, sample
        index).
        """
        epoch, step = divmod(step, self.steps_per_epoch)
        order = self._order_of(epoch)
        positions = self._positions(step, rank)
        return [(epoch, int(order[position % self.num_samples])) for position in positions]

    def _order_of(self, epoch):
        known, order = self._order
        if known != epoch:
            order = np.arange(self.num_samples)
            if self.shuffle:
                np.random.default_rng((self.seed, epoch)).shuffle(order)
            self._order = epoch, order
        return order
