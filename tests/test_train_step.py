"""One training step as a graph: accumulation, clipping, overflow."""

import mindspore as ms
import numpy as np
import pytest
import tiny  # noqa: F401  (registers its parts)
from mindspore import Tensor

from i3dbox.engine.optimizers.build import build_optimizer
from i3dbox.engine.train_step import TrainStep
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

    def test_a_clipped_gradient_has_the_norm_asked_for(self):
        step = self.step(clip_norm=0.01)
        before = self.weights(step)
        step(*map(Tensor, self.batch()))
        change = np.sqrt(sum(((self.weights(step)[n] - before[n]) ** 2).sum() for n in before))
        assert change == pytest.approx(0.1 * 0.01, rel=1e-3)  # rate times norm

    def test_an_overflow_changes_nothing_but_the_scale(self):
        step = self.step(loss_scaler=ms.amp.DynamicLossScaler(2.0**126, 2, 100))
        weight = step.recognizer.head.logits.weight
        weight.set_data(weight * 1e6)
        before = self.weights(step)
        _, _, finite = step(*map(Tensor, self.batch()))
        assert not finite.asnumpy() and float(step.scale_value.asnumpy()) == 2.0**125
        for name, value in self.weights(step).items():
            np.testing.assert_array_equal(value, before[name])

    @pytest.mark.smoke
    def test_a_loss_scale_changes_no_update(self):
        plain, scaled = self.step(), self.step(loss_scaler=ms.amp.DynamicLossScaler(1024, 2, 100))
        for step in (plain, scaled):
            step(*map(Tensor, self.batch()))
        for name, value in self.weights(plain).items():
            np.testing.assert_allclose(self.weights(scaled)[name], value, rtol=1e-5, atol=1e-7)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        'name, lr', [('SGD', 0.3), ('Adam', 0.02), ('AdamW', 0.02), ('RMSProp', 0.3)]
    )
    def test_every_optimizer_brings_the_loss_down(self, name, lr):
        step = self.step([lr] * 40, optimizer=dict(type=name, lr=lr))
        losses = [float(step(*map(Tensor, self.batch()))[0].asnumpy()) for _ in range(40)]
        assert losses[-1] < 0.9 * losses[0]

    def test_weight_decay_leaves_norm_and_bias_out_when_asked(self):
        decay = dict(type='SGD', lr=0.1, momentum=0.0, weight_decay=0.5, decay_norm_and_bias=False)
        with_decay, without = self.step(norm=False, optimizer=decay), self.step(norm=False)
        for step in (with_decay, without):
            step(*map(Tensor, self.batch()))
        for name, value in self.weights(without).items():
            same = np.allclose(value, self.weights(with_decay)[name], rtol=1e-5, atol=1e-7)
            assert same == (value.ndim == 1), name
