"""One training step as a graph: accumulation, clipping, overflow."""

import mindspore as ms
import numpy as np
import pytest
import tiny  # noqa: F401  (registers its parts)
from mindspore import Parameter, Tensor

from i3dbox.engine.optimizers.build import build_optimizer, multipliers
from i3dbox.engine.train_step import TrainStep
from i3dbox.errors import ConfigError
from i3dbox.models import build_recognizer
from i3dbox.models.freezing import freeze
from i3dbox.registry import LOSSES


class TestStep:
    """One step as a graph: accumulation, clipping, overflow."""

    def step(self, rates=(0.1,) * 8, norm=True, optimizer=None, **kwargs):
        ms.set_seed(0)
        recognizer = build_recognizer(
            dict(
                type='Recognizer3D',
                backbone=dict(type='TinyBackbone'),
                head=dict(type='I3DHead', num_classes=3, dropout=0.0),
            )
        )
        freeze(recognizer, freeze_norm=norm)
        parameters = [p for p in recognizer.get_parameters() if p.requires_grad]
        optimizer = build_optimizer(
            optimizer or dict(type='SGD', lr=0.1, momentum=0.0), parameters, list(rates)
        )
        return TrainStep(
            recognizer, LOSSES.build(dict(type='CrossEntropyLoss')), optimizer, **kwargs
        ).set_train(True)

    def batch(self, size=4):
        rng = np.random.default_rng(1)
        return rng.integers(0, 256, (size, 1, 4, 8, 8, 3), np.uint8), np.arange(
            size, dtype=np.int32
        ) % 3

    def weights(self, step):
        return {p.name: p.asnumpy().copy() for p in step.recognizer.trainable_params()}

    @pytest.mark.slow
    def test_accumulating_two_halves_equals_the_whole_batch(self):
        whole, halves = self.step(), self.step(accumulate=2)
        imgs, labels = self.batch()
        whole(Tensor(imgs), Tensor(labels))
        before = self.weights(halves)
        halves(Tensor(imgs[:2]), Tensor(labels[:2]))
        for name, value in self.weights(halves).items():
            np.testing.assert_array_equal(value, before[name])  # nothing yet
        halves(Tensor(imgs[2:]), Tensor(labels[2:]))
        for name, value in self.weights(whole).items():
            np.testing.assert_allclose(self.weights(halves)[name], value, rtol=1e-4, atol=1e-6)

    @pytest.mark.slow
    def test_a_clipped_gradient_has_the_norm_asked_for(self):
        step = self.step(clip_norm=0.01)
        before = self.weights(step)
        step(*map(Tensor, self.batch()))
        change = np.sqrt(sum(((self.weights(step)[n] - before[n]) ** 2).sum() for n in before))
        assert change == pytest.approx(0.1 * 0.01, rel=1e-3)  # rate times norm

    @pytest.mark.slow
    def test_an_overflow_changes_nothing_but_the_scale(self):
        step = self.step(loss_scaler=ms.amp.DynamicLossScaler(2.0**126, 2, 100))
        weight = step.recognizer.head.logits.weight
        weight.set_data(weight * 1e6)
        before = self.weights(step)
        _, _, finite = step(*map(Tensor, self.batch()))
        assert not finite.asnumpy() and float(step.scale_value.asnumpy()) == 2.0**125
        for name, value in self.weights(step).items():
            np.testing.assert_array_equal(value, before[name])

    @pytest.mark.slow
    @pytest.mark.smoke
    def test_a_loss_scale_changes_no_update(self):
        plain, scaled = self.step(), self.step(loss_scaler=ms.amp.DynamicLossScaler(1024, 2, 100))
        for step in (plain, scaled):
            step(*map(Tensor, self.batch()))
        for name, value in self.weights(plain).items():
            np.testing.assert_allclose(self.weights(scaled)[name], value, rtol=1e-5, atol=1e-7)

    @pytest.mark.slow
    @pytest.mark.parametrize('name', ['SGD', 'Adam', 'AdamW', 'RMSProp'])
    def test_layers_have_rates_of_their_own(self, name):
        keys = {'second.conv3d': dict(lr_mult=0), 'head': dict(lr_mult=10)}
        optimizer = dict(type=name, lr=0.01, weight_decay=0.0)
        plain = self.step([0.01] * 8, optimizer=optimizer)
        own = self.step([0.01] * 8, optimizer=dict(optimizer, paramwise_cfg=dict(custom_keys=keys)))
        before = self.weights(plain)
        batch = [Tensor(part) for part in self.batch()]
        plain(*batch)
        own(*batch)
        for key, value in self.weights(own).items():
            moved, usual = value - before[key], self.weights(plain)[key] - before[key]
            factor = 0 if 'second.conv3d' in key else 10 if 'head' in key else 1
            np.testing.assert_allclose(moved, factor * usual, rtol=1e-3, atol=2e-6, err_msg=key)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        'name, lr', [('SGD', 0.3), ('Adam', 0.02), ('AdamW', 0.02), ('RMSProp', 0.3)]
    )
    def test_every_optimizer_brings_the_loss_down(self, name, lr):
        step = self.step([lr] * 40, optimizer=dict(type=name, lr=lr))
        losses = [float(step(*map(Tensor, self.batch()))[0].asnumpy()) for _ in range(40)]
        assert losses[-1] < 0.9 * losses[0]

    @pytest.mark.slow
    def test_weight_decay_leaves_norm_and_bias_out_when_asked(self):
        decay = dict(type='SGD', lr=0.1, momentum=0.0, weight_decay=0.5, decay_norm_and_bias=False)
        with_decay, without = self.step(norm=False, optimizer=decay), self.step(norm=False)
        for step in (with_decay, without):
            step(*map(Tensor, self.batch()))
        for name, value in self.weights(without).items():
            same = np.allclose(value, self.weights(with_decay)[name], rtol=1e-5, atol=1e-7)
            assert same == (value.ndim == 1), name


def named(*names):
    shapes = {'weight': (2, 3), 'gamma': (2,), 'beta': (2,), 'bias': (2,)}
    return [Parameter(np.zeros(shapes[name.split('.')[-1]], np.float32), name) for name in names]


PARAMETERS = named(
    'backbone.Conv3d_1a.conv3d.weight',
    'backbone.Conv3d_1a.bn.gamma',
    'backbone.Mixed_5b.b0.conv3d.weight',
    'backbone.Mixed_5b.b0.bn.beta',
    'head.logits.weight',
    'head.logits.bias',
)


@pytest.mark.parametrize(
    'config, wanted',
    [
        ({}, [(1, 1)] * 6),
        (dict(norm_decay_mult=0), [(1, 1), (1, 0), (1, 1), (1, 0), (1, 1), (1, 1)]),
        (
            dict(bias_decay_mult=0, bias_lr_mult=2),
            [(1, 1), (1, 1), (1, 1), (1, 1), (1, 1), (2, 0)],
        ),
        (
            dict(
                custom_keys={'Mixed_5': dict(lr_mult=3), 'Mixed_5b.b0.bn': dict(decay_mult=0)},
                norm_decay_mult=0.5,
            ),
            [(1, 1), (1, 0.5), (3, 1), (1, 0), (1, 1), (1, 1)],
        ),
        (dict(layer_decay=0.5), [(0.25, 1), (0.25, 1), (0.5, 1), (0.5, 1), (1, 1), (1, 1)]),
    ],
    ids=str,
)
def test_parameters_have_factors_by_their_names(config, wanted):
    assert multipliers(PARAMETERS, **config) == wanted


def test_a_factor_of_norm_goes_before_decay_norm_and_bias():
    given = dict(type='SGD', lr=0.1, weight_decay=0.5, decay_norm_and_bias=False)
    own = dict(given, paramwise_cfg=dict(norm_decay_mult=0.1))
    optimizer = build_optimizer(own, PARAMETERS, [0.1])
    decays = [float(decay.asnumpy()) for decay in optimizer.weight_decay]
    assert decays == pytest.approx([0.5, 0.05, 0.5, 0.05, 0.5, 0.0])


@pytest.mark.parametrize(
    'config, message',
    [
        (dict(custom_key={}), "no key 'custom_key'. Did you mean 'custom_keys'"),
        (dict(custom_keys=dict(absent=dict(lr_mult=1))), "the prefix 'absent', which no parameter"),
        (dict(custom_keys=dict(head=2)), "'head' has lr_mult, decay_mult or both; got 2"),
        (dict(custom_keys=dict(head=dict(lr=2))), "'head' has lr_mult, decay_mult or both"),
        (dict(custom_keys=dict(head=dict(lr_mult=-1))), 'lr_mult is a number from 0 to 1000'),
        (dict(layer_decay='half'), 'layer_decay is a number from 0 to 1000'),
    ],
)
def test_a_paramwise_cfg_that_is_none_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        build_optimizer(dict(type='SGD', lr=0.1, paramwise_cfg=config), PARAMETERS, [0.1])
