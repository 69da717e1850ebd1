"""Averages of clips, of steps and of streams are the same on the host and in the graph, for any
logits.
"""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from i3dbox import averages
from i3dbox.averages import ClipAverage, add_streams, average_clips, log_softmax, mean_over_steps
from i3dbox.evaluation.metrics.accuracy import top_k_accuracy

FAR_APART = np.array([[[2000, 0, -2000], [-2000, 0, 1999]]], np.float32)


class InGraph(nn.Cell):
    """One of the functions of `averages` with all arguments but its tensors, as a graph."""

    def __init__(self, function, *others):
        super().__init__()
        self.function, self.others = function, others

    def construct(self, *tensors):
        return self.function(*tensors, *self.others)


def in_graph(function, *arrays, others=()):
    ms.set_context(mode=ms.GRAPH_MODE)
    return InGraph(function, *others)(
        *(Tensor(array.astype(np.float32)) for array in arrays)
    ).asnumpy()


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(scale=5, size=(2, 4, 3)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize('how', averages.HOW)
def test_clips_average_alike_on_the_host_and_in_the_graph(logits, how):
    for scores in (logits, logits[:, :1], FAR_APART):
        graph = in_graph(averages.average_clips_in_graph, scores, others=(how,))
        np.testing.assert_allclose(graph, average_clips(scores, how), rtol=1e-6, atol=1e-6)


def test_the_mean_of_probabilities_is_their_mean(logits):
    shares = np.exp(logits.astype(float))
    shares = (shares / shares.sum(-1, keepdims=True)).mean(1)
    np.testing.assert_allclose(np.exp(average_clips(logits, 'prob')), shares, rtol=1e-6)


def test_log_odds_of_the_mean_of_sigmoids_are_those(logits):
    shares = (1 / (1 + np.exp(-logits.astype(float)))).mean(1)
    odds = np.log(shares / (1 - shares))
    np.testing.assert_allclose(average_clips(logits, 'sigmoid'), odds, rtol=1e-5, atol=1e-6)
    far = average_clips(np.array([[[900, -900, 900], [800, -800, -900]]], float), 'sigmoid')[0]
    np.testing.assert_allclose(far, [800 + np.log(2), -800 - np.log(2), 0], rtol=1e-6)


def test_logits_that_are_far_apart_have_a_finite_answer_that_tells_them_apart():
    rows = [average_clips(np.array([row], float), 'prob') for row in ([[800, 0, 5]], [[0, 900, 3]])]
    scores = np.concatenate(rows)
    assert np.isfinite(scores).all()
    assert top_k_accuracy(scores, np.array([0, 1]))['top1_acc'] == 1.0
    answer = average_clips(FAR_APART, 'prob')[0]
    np.testing.assert_allclose(
        answer, [-np.log(2), -1999 + np.log((1 + np.exp(-1)) / 2), -np.log(2)], rtol=1e-6
    )


@pytest.mark.parametrize('how', averages.HOW)
def test_clips_one_after_the_other_give_what_they_give_together(logits, how):
    average = ClipAverage(how)
    for number in range(logits.shape[1]):
        average.add(logits[:, number])
        np.testing.assert_array_equal(average.mean, average_clips(logits[:, : number + 1], how))
    assert average.count == 4 and average.mean.dtype == np.float32


def test_log_softmax_is_the_same_in_the_graph(logits):
    np.testing.assert_allclose(
        in_graph(averages.log_softmax_in_graph, logits), log_softmax(logits), atol=1e-5
    )
    np.testing.assert_allclose(np.exp(log_softmax(FAR_APART)).sum(-1), 1)


@pytest.mark.parametrize('steps', [1, 2, 5])
def test_the_first_and_the_last_step_count_half(steps):
    values = np.random.default_rng(1).normal(size=(3, steps))
    shares = (
        np.ones(steps) if steps == 1 else np.array([0.5, *[1] * (steps - 2), 0.5]) / (steps - 1)
    )
    np.testing.assert_allclose(mean_over_steps(values), values @ shares)
    graph = in_graph(averages.pairs_of_steps, values[None]).mean(2)
    np.testing.assert_allclose(graph[0], mean_over_steps(values), rtol=1e-5, atol=1e-6)


def test_streams_are_added_by_their_weights(logits):
    rgb, flow = logits[0], logits[1]
    found = add_streams([rgb, flow], [1, 0.5])
    np.testing.assert_array_equal(found, rgb + np.float32(0.5) * flow)
    np.testing.assert_allclose(
        in_graph(averages.add_streams_in_graph, rgb, flow, others=((1.0, 0.5),)), found
    )
