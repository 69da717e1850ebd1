"""How many answers become one: those of clips, of time steps and of streams, on the host and in a
network's graph.

Each is here twice, side by side: for NumPy arrays, and for MindSpore's tensors by their methods
alone, so that nothing is imported. tests/test_averages.py holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .errors import ConfigError

if TYPE_CHECKING:
    from mindspore import Tensor

# mmaction's words: the mean of the logits, or the logarithm of the mean of their softmax; and for
# classes that are each there or not, the log-odds of the mean of their sigmoid
HOW = ('score', 'prob', 'sigmoid')


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Returns float64 ... x K: the logarithms of the probabilities that logits stand for, finite
    for finite logits.
    """
    logits = np.asarray(logits, np.float64)
    below = logits - logits.max(-1, keepdims=True)
    return below - np.log(np.exp(below).sum(-1, keepdims=True))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns float64 ... x K: the probabilities that logits stand for."""
    logits = np.asarray(logits, np.float64)
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def probabilities(scores: np.ndarray, several: bool = False) -> np.ndarray:
    """Returns float64 ... x K: the softmax of scores, or where several classes may be there the
    sigmoid of each.
    """
    return np.exp(log_sigmoid(scores)) if several else softmax(scores)


def log_sigmoid(logits: np.ndarray) -> np.ndarray:
    """Returns float64 ... x K: the logarithms of the probabilities of classes that are each there
    or not.
    """
    return -np.logaddexp(0, -np.asarray(logits, np.float64))


def log_softmax_in_graph(logits: Tensor) -> Tensor:
    """Returns what `log_softmax` is, of a float tensor."""
    below = logits - logits.max(axis=-1, keepdims=True)
    return below - below.exp().sum(axis=-1, keepdims=True).log()


def log_sigmoid_in_graph(logits: Tensor) -> Tensor:
    """Returns what `log_sigmoid` is, of a float tensor."""
    size = logits.abs()
    return (logits - size) / 2 - ((-size).exp() + 1).log()


class ClipAverage:
    """The answer to a video from those to its clips, one after the other, in the memory of one.

    Args:
        how: of HOW.
    """

    def __init__(self, how: str = 'score'):
        if how not in HOW:
            raise ConfigError(f'clips are averaged by {" or ".join(map(repr, HOW))}; got {how!r}')
        self.how = how
        self.count = 0
        self._total = None

    def add(self, logits: np.ndarray) -> None:
        """Takes the logits (... x K) of a clip."""
        self.count += 1
        values = np.asarray(logits, np.float64)
        if self.how == 'score':
            self._total = values if self._total is None else self._total + values
            return
        values = log_softmax(values) if self.how == 'prob' else _log_chances(values)
        self._total = values if self._total is None else np.logaddexp(self._total, values)

    @property
    def mean(self) -> np.ndarray:
        """float32 ... x K: the answer to the clips so far."""
        if self.how == 'score':
            mean = self._total / self.count
        elif self.how == 'prob':
            mean = self._total - np.log(self.count)
        else:
            mean = self._total[0] - self._total[1]
        return mean.astype(np.float32)


def _log_chances(logits):
    """Returns the logarithms of the probabilities that a class is there, and that it is not."""
    return np.stack((log_sigmoid(logits), log_sigmoid(-logits)))


def average_clips(logits: np.ndarray, how: str) -> np.ndarray:
    """Returns float32 B x K: the answers to B videos from the logits of their N clips, B x N x K;
    how (str): of HOW.
    """
    average = ClipAverage(how)
    for clip in np.swapaxes(np.asarray(logits), 0, 1):
        average.add(clip)
    return average.mean


def average_clips_in_graph(logits: Tensor, how: str) -> Tensor:
    """Returns what `average_clips` is, of a float32 tensor B x N x K."""
    if how == 'score':
        return logits.mean(1)
    if how == 'prob':
        return _log_mean_in_graph(log_softmax_in_graph(logits))
    there = _log_mean_in_graph(log_sigmoid_in_graph(logits))
    return there - _log_mean_in_graph(log_sigmoid_in_graph(-logits))


def _log_mean_in_graph(logs):
    """Returns the logarithm, B x K, of the mean over clips of exp(logs), B x N x K."""
    highest = logs.max(axis=1, keepdims=True)
    return (logs - highest).exp().mean(1).log() + highest.squeeze(1)


def mean_over_steps(steps: np.ndarray) -> np.ndarray:
    """Returns float64 K: the logits of a clip from those of its T time steps, K x T.

    I3D pools two neighbouring steps with stride 1 and takes the mean over the T - 1 pairs (Carreira
    and Zisserman, their code), so the first and the last step count half. A single step is its own
    mean.
    """
    steps = np.asarray(steps, np.float64)
    return (pairs_of_steps(steps[None])[0]).mean(1)


def pairs_of_steps(x: np.ndarray | Tensor) -> np.ndarray | Tensor:
    """Returns the means of neighbouring time steps, N x C x (T - 1) ...; of one step, the step.
    Arrays and tensors.
    """
    if x.shape[2] > 1:
        return (x[:, :, 1:] + x[:, :, :-1]) / 2
    return x


def add_streams(scores: Iterable[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Returns the float32 sum of the streams' scores (arrays of one shape), each by its weight, in
    their order.
    """
    return sum(
        np.float32(weight) * np.asarray(part, np.float32) for part, weight in zip(scores, weights)
    )


def add_streams_in_graph(rgb: Tensor, flow: Tensor, weights: Sequence[float]) -> Tensor:
    """Returns what `add_streams` is, of two tensors."""
    return weights[0] * rgb + weights[1] * flow
