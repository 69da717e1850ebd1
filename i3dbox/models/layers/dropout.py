"""Dropout whose mask is a function of (seed, step, place in the global batch)."""

from __future__ import annotations

import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from mindspore import dtype as mstype
from mindspore.communication import GlobalComm, get_rank

# Odd, below 2**15, found by trying: shares, neighbours, steps, ranks and seeds do not correlate
_FACTORS = (0x5A2D, 0x6E35, 0x4CF5, 0x7A91, 0x5BD1, 0x67F3)


class Dropout(nn.Cell):
    """Zeroes elements with probability `p` in training and scales the rest by 1 / (1 - p).

    MindSpore's own operator keeps its random state inside the kernel, where no checkpoint reaches
    it, and draws the same mask on every rank. Here the mask is a hash of the training step (a
    parameter, saved with the rest) and of the element's place in the batch of all ranks: a resumed
    run goes on with the masks that it would have had, and W ranks of B samples see those of one
    rank of W * B.

    Args:
        p: probability of zero, in [0, 1).
        seed: of the run; `build_recognizer` gives it, and each layer a stream of its own.

    The hash is a Feistel network of six rounds on two halves of 16 bits. No product in it reaches
    2**31: what Ascend chips do with an int32 that overflows is documented nowhere.

    Inputs: N x ... float, with fewer than 2**31 elements over all ranks.
    """

    def __init__(self, p: float = 0.5, seed: int = 0):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f'dropout must be at least 0 and less than 1; got {p}')
        self.p = p
        self.rank = get_rank() if GlobalComm.INITED else 0
        self.step = Parameter(Tensor(0, mstype.int32), name='step', requires_grad=False)
        self.reseed(seed)
        # A draw is uniform over 24 bits; larger ones than this are kept.
        self.threshold = Tensor(int(p * (1 << 24)), mstype.int32)
        self.factors = tuple(Tensor(factor, mstype.int32) for factor in _FACTORS)
        self.low8 = Tensor(0xFF, mstype.int32)
        self.low16 = Tensor(0xFFFF, mstype.int32)
        self.seven = Tensor(7, mstype.int32)
        self.sixteen = Tensor(16, mstype.int32)

    def reseed(self, seed: int, layer: int = 0) -> None:
        """Chooses the random stream. Takes effect before the first call."""
        mixed = np.random.SeedSequence((seed, layer)).generate_state(1)[0]
        self.seed = Tensor(int(mixed & 0x7FFFFFFF), mstype.int32)

    def _halves(self, x):
        high = ops.bitwise_and(ops.bitwise_right_shift(x, self.sixteen), self.low16)
        return high, ops.bitwise_and(x, self.low16)

    def _mix(self, x, key):
        """Hashes integers under a key, both as halves of 16 bits."""
        high = ops.bitwise_xor(x[0], key[0])
        low = ops.bitwise_xor(x[1], key[1])
        for factor in self.factors:
            scrambled = ops.bitwise_right_shift(low * factor, self.seven)
            high, low = low, ops.bitwise_xor(high, ops.bitwise_and(scrambled, self.low16))
        return high, low

    def construct(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        size = x.size
        index = Tensor(np.arange(size, dtype=np.int32) + self.rank * size)
        key = self._mix(self._halves(self.step), self._halves(self.seed))
        high, low = self._mix(self._halves(index), key)
        draw = ops.bitwise_and(high, self.low8) * (self.low16 + 1) + low
        ops.assign_add(self.step, Tensor(1, mstype.int32))
        return x * (draw >= self.threshold).reshape(x.shape).astype(x.dtype) / (1 - self.p)
