"""Which sample stands where: pure functions of the seed and the place in the run.

Ranks, workers and restarts only read different places of a stream, so none of them changes what
is trained on.
"""

import numpy as np

from ..argument_checks import at_least_one
from ..errors import ConfigError


def sample_rng(seed, epoch, index):
    """The numpy Generator of one sample in one epoch: its only source of randomness."""
    return np.random.default_rng(
        (seed, epoch, index + 1)
    )  # 0 there would be the shuffle's generator


class EpochSampler:
    """The endless training stream.

    An epoch is `steps_per_epoch` global batches of world * batch_size samples, in an order drawn
    from (seed, epoch). The samples that fill no global batch differ from epoch to epoch, as they
    are the last of its order. A data set smaller than one global batch is wrapped round to fill it.

    Args:
        num_samples (int): size of the data set.
        batch_size (int): samples a rank takes in a step.
        world (int): number of ranks. W ranks of B samples see what one rank of W * B sees.
        seed (int): from 0.
        shuffle (bool): False keeps the data set's order.
    """

    def __init__(self, num_samples, batch_size, world=1, seed=0, shuffle=True):
        at_least_one('EpochSampler', num_samples=num_samples, batch_size=batch_size, world=world)
        if seed < 0:
            raise ConfigError(f'seed is a whole number from 0; got {seed}')
        self.num_samples, self.batch_size, self.world = num_samples, batch_size, world
        self.seed, self.shuffle = seed, shuffle
        self.steps_per_epoch = max(1, num_samples // (batch_size * world))
        self._order = None, None  # epoch, order

    def batch(self, step, rank=0):
        """Returns what `rank` reads at `step` of the run (from 0): a list of (epoch, sample
        index).
        """
        epoch, step = divmod(step, self.steps_per_epoch)
        order = self._order_of(epoch)
        first = (step * self.world + rank) * self.batch_size
        places = range(first, first + self.batch_size)
        return [(epoch, int(order[place % self.num_samples])) for place in places]

    def _order_of(self, epoch):
        known, order = self._order
        if known != epoch:
            order = np.arange(self.num_samples)
            if self.shuffle:
                np.random.default_rng((self.seed, epoch)).shuffle(order)
            self._order = epoch, order
        return order


class SequentialSampler:
    """The testing stream: over all ranks every sample once, in order.

    Every rank has `steps_per_epoch` batches of `batch_size`; the last ones are filled up with the
    sample index -1.
    """

    def __init__(self, num_samples, batch_size, world=1, seed=0):
        at_least_one(
            'SequentialSampler', num_samples=num_samples, batch_size=batch_size, world=world
        )
        self.num_samples, self.batch_size, self.world, self.seed = (
            num_samples,
            batch_size,
            world,
            seed,
        )
        self.steps_per_epoch = -(-num_samples // (batch_size * world))

    def batch(self, step, rank=0):
        """Returns what `rank` reads at `step`: a list of (0, sample index or -1)."""
        first = (step * self.world + rank) * self.batch_size
        places = range(first, first + self.batch_size)
        return [(0, place if place < self.num_samples else -1) for place in places]
