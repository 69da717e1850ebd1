"""Losses against PyTorch's, and their formulas where it has none."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, ops

from i3dbox.errors import ConfigError
from i3dbox.registry import LOSSES

torch = pytest.importorskip('torch')

LOGITS = np.random.default_rng(0).normal(0, 3, (6, 4)).astype(np.float32)
LABELS = np.array([0, 1, 1, 3, 2, 1], np.int32)
SOFT = np.random.default_rng(1).dirichlet(np.ones(4), 6).astype(np.float32)
WEIGHTS = [0.5, 2.0, 0.0, 1.25]


def ours(labels=LABELS, logits=LOGITS, **config):
    """(loss, gradient) of a loss of LOSSES."""
    loss = LOSSES.build(config)
    value, gradient = ops.value_and_grad(loss)(Tensor(logits), Tensor(labels))
    return float(value.asnumpy()), gradient.asnumpy()


def theirs(function, labels=LABELS, logits=LOGITS):
    leaf = torch.tensor(logits, requires_grad=True)
    target = torch.tensor(labels if labels.ndim == 2 else labels.astype(np.int64))
    value = function(leaf, target)
    value.backward()
    return float(value.detach()), leaf.grad.numpy()


def assert_same(found, wanted):
    assert found[0] == pytest.approx(wanted[0], rel=1e-5)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('weights', [None, WEIGHTS], ids=['alike', 'weighted'])
@pytest.mark.parametrize('smoothing', [0, 0.1])
def test_cross_entropy_is_pytorchs(weights, smoothing):
    def cross_entropy(logits, labels):
        weight = None if weights is None else torch.tensor(weights)
        return torch.nn.functional.cross_entropy(
            logits, labels, weight=weight, label_smoothing=smoothing
        )

    loss = dict(type='CrossEntropyLoss', class_weight=weights, label_smoothing=smoothing)
    assert_same(ours(**loss), theirs(cross_entropy))


def test_soft_labels_are_pytorchs():
    assert_same(
        ours(SOFT, type='CrossEntropyLoss'), theirs(torch.nn.functional.cross_entropy, SOFT)
    )


def test_soft_labels_are_weighted_by_what_they_say_of_each_class():
    def weighted(logits, labels):
        weight = torch.tensor(WEIGHTS)
        terms = -(labels * weight * torch.log_softmax(logits, -1)).sum()
        return terms / (labels * weight).sum()

    assert_same(ours(SOFT, type='CrossEntropyLoss', class_weight=WEIGHTS), theirs(weighted, SOFT))


@pytest.mark.parametrize('gamma', [0, 0.5, 2])
@pytest.mark.parametrize('weights', [None, WEIGHTS], ids=['alike', 'weighted'])
def test_focal_loss_is_its_formula(gamma, weights):
    def focal(logits, labels):
        logs = torch.log_softmax(logits, -1)[torch.arange(6), labels]
        weight = torch.ones(6) if weights is None else torch.tensor(weights)[labels]
        return (weight * (1 - logs.exp()) ** gamma * -logs).sum() / weight.sum()

    assert_same(ours(type='FocalLoss', gamma=gamma, class_weight=weights), theirs(focal))


def test_what_is_sure_has_a_focal_gradient_of_zero_and_no_nan():
    sure = np.array([[200, 0, 0, 0]], np.float32)
    value, gradient = ours(np.array([0], np.int32), sure, type='FocalLoss', gamma=0.5)
    assert value == 0 and np.isfinite(gradient).all() and not gradient.any()


def test_a_batch_of_classes_that_count_nothing_changes_nothing():
    labels = np.full(6, 2, np.int32)
    value, gradient = ours(labels, type='CrossEntropyLoss', class_weight=WEIGHTS)
    assert value == 0 and not gradient.any()


@pytest.mark.parametrize(
    'weights, message',
    [
        ([], 'class_weight is a list of one number a class'),
        ('balanced', 'class_weight is a list of one number a class'),
        ([1, -1], 'class_weight: a number from 0 for each class; got -1'),
        ([1, float('nan')], 'class_weight: a number from 0 for each class; got nan'),
        ([0, 0], 'class_weight: one class at least counts more than 0'),
    ],
)
def test_wrong_weights_are_refused(weights, message):
    with pytest.raises(ConfigError, match=message):
        LOSSES.build(dict(type='CrossEntropyLoss', class_weight=weights))


def test_without_weights_nothing_is_asked_of_other_ranks(monkeypatch):
    monkeypatch.setattr(ms, 'get_auto_parallel_context', lambda key: pytest.fail('was asked'))
    LOSSES.build(dict(type='CrossEntropyLoss'))


@pytest.mark.parametrize('pos', [None, WEIGHTS], ids=['alike', 'rarer'])
@pytest.mark.parametrize('weights', [None, WEIGHTS], ids=['alike', 'weighted'])
@pytest.mark.parametrize('labels', [SOFT, (SOFT > 0.3).astype(np.float32)], ids=['soft', 'hard'])
def test_binary_cross_entropy_is_pytorchs(labels, weights, pos):
    weight = None if weights is None else torch.tensor(weights)
    theirs_ = torch.nn.BCEWithLogitsLoss(
        weight, pos_weight=None if pos is None else torch.tensor(pos)
    )
    logits = LOGITS.copy()
    logits[0] = [-200, 200, 0, -90]
    found = ours(labels, logits, type='BCEWithLogitsLoss', class_weight=weights, pos_weight=pos)
    assert_same(found, theirs(theirs_, labels, logits))


def test_one_label_a_sample_is_each_class_against_the_others():
    one_hot = np.eye(4, dtype=np.float32)[LABELS]
    assert_same(ours(LABELS, type='BCEWithLogitsLoss'), ours(one_hot, type='BCEWithLogitsLoss'))


def test_weights_of_unlike_numbers_are_refused():
    with pytest.raises(ConfigError, match='class_weight has 3 numbers and pos_weight 2'):
        LOSSES.build(dict(type='BCEWithLogitsLoss', class_weight=[1, 2, 3], pos_weight=[1, 2]))
