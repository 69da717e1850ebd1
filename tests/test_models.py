"""The network agrees with an independent one, takes any size it can, and refuses the rest."""

import mindspore as ms
import numpy as np
import numpy_i3d
import pytest
from mindspore import Tensor

from i3dbox.errors import ConfigError, ModelError
from i3dbox.models import build_recognizer
from i3dbox.models.backbones.inception_i3d import ENDPOINTS, InceptionI3D
from i3dbox.models.freezing import freeze, layer_name
from i3dbox.models.layers import BatchNorm3d, Dropout
from i3dbox.models.plain_i3d import plain_streams
from i3dbox.registry import HEADS


def config(num_classes=5, modality='RGB', dropout=0.0, **backbone):
    return dict(
        type='Recognizer3D',
        modality=modality,
        backbone=dict(type='InceptionI3D', **backbone),
        head=dict(type='I3DHead', num_classes=num_classes, dropout=dropout),
    )


def randomize(network, seed=0):
    """Gives every parameter a value that matters, and returns them by name."""
    rng = np.random.default_rng(seed)
    values = {}
    for p in network.get_parameters():
        if p.name.endswith('step'):
            continue
        scale = 1 / np.sqrt(np.prod(p.shape[1:])) if p.ndim > 1 else 0.2
        value = rng.normal(0, scale, p.shape) * (1.5 if p.ndim > 1 else 1)
        if p.name.endswith(('gamma', 'variance')):
            value = 1 + np.abs(value)
        values[p.name] = value.astype(np.float32)
        p.set_data(Tensor(values[p.name]))
    return values


def clip(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def as_input(imgs):
    """The network's input, channels last, computed here on its own."""
    return imgs[:, 0].astype(np.float64) / 127.5 - 1


def assert_close(ours, reference, tolerance=1e-4):
    assert ours.shape == reference.shape
    assert np.abs(ours - reference).max() <= tolerance * np.abs(reference).max()


@pytest.fixture(scope='module')
def rgb():
    network = build_recognizer(config())
    return network, randomize(network)


def test_the_rgb_model_has_the_papers_number_of_parameters():
    network = build_recognizer(config(num_classes=400))
    assert sum(p.size for p in network.trainable_params()) == 12_697_264


@pytest.mark.slow
@pytest.mark.parametrize('size', [(16, 64, 64), (9, 33, 47), (8, 32, 32)])
def test_logits_agree_with_an_independent_network_on_even_and_odd_sizes(rgb, size):
    network, parameters = rgb
    imgs = clip(1, 1, *size, 3)
    assert_close(
        network(Tensor(imgs)).asnumpy(), numpy_i3d.endpoints(as_input(imgs), parameters)['logits']
    )


@pytest.mark.slow
def test_the_flow_network_agrees_too():
    network = build_recognizer(config(modality='Flow'))
    parameters = randomize(network, seed=1)
    imgs = clip(2, 1, 11, 45, 51, 2)
    assert_close(
        network(Tensor(imgs)).asnumpy(), numpy_i3d.endpoints(as_input(imgs), parameters)['logits']
    )


@pytest.mark.slow
def test_every_endpoint_can_be_tapped_and_agrees():
    network = build_recognizer(config())
    parameters = randomize(network)
    backbone = InceptionI3D(endpoints=tuple(ENDPOINTS)).set_train(False)
    for p, q in zip(backbone.get_parameters(), network.backbone.get_parameters()):
        p.set_data(q.value())
    imgs = clip(1, 1, 10, 40, 72, 3)
    outputs = backbone(Tensor(as_input(imgs).transpose(0, 4, 1, 2, 3).astype(np.float32)))
    expected = numpy_i3d.endpoints(as_input(imgs), parameters)
    for name, output, channels in zip(ENDPOINTS, outputs, backbone.out_channels):
        assert output.shape[1] == channels
        assert_close(output.asnumpy().transpose(0, 2, 3, 4, 1), expected[name])


@pytest.mark.slow
def test_values_are_normalized_by_the_models_own_mean_and_std():
    own = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
    network = build_recognizer(dict(config(), data_preprocessor=own))
    imgs = clip(2, 1, 8, 32, 32, 3)
    expected = (imgs[:, 0] - np.array(own['mean'])) / own['std']
    found = network.preprocess(Tensor(imgs)).asnumpy()
    np.testing.assert_allclose(found.transpose(0, 2, 3, 4, 1), expected, atol=1e-5)
    np.testing.assert_allclose(network.normalization(imgs[:, 0]), found, atol=1e-6)
    assert plain_streams(dict(config(), data_preprocessor=own)) is None
    assert str(network.normalization).startswith('(v - [123.675, 116.28')
    flow = build_recognizer(dict(config(modality='Flow'), data_preprocessor=dict(mean=128, std=64)))
    np.testing.assert_allclose(
        flow.preprocess(Tensor(imgs[..., :2])).asnumpy(), found_flow(imgs), atol=1e-6
    )


def found_flow(imgs):
    return ((imgs[:, 0, ..., :2] - 128.0) / 64).transpose(0, 4, 1, 2, 3)


@pytest.mark.parametrize(
    'given, message',
    [
        (dict(type='ActionDataPreprocessor', mean=1, std=1), 'mean=..., std=...\\), of values'),
        (dict(mean=1), 'and nothing else'),
        ([1, 2], 'and nothing else'),
        (dict(mean=[1, 2], std=1), 'data_preprocessor.mean is a number, or 3, one a channel'),
        (dict(mean=1, std=0), 'data_preprocessor.std is .* from 1e-06 to 255; got 0'),
        (dict(mean=float('nan'), std=1), 'data_preprocessor.mean'),
        (dict(mean=300, std=1), 'data_preprocessor.mean'),
        (dict(mean=1, std=['a', 1, 1]), 'data_preprocessor.std'),
    ],
)
def test_a_mean_and_std_that_cannot_be_are_refused(given, message):
    with pytest.raises(ModelError, match=message):
        build_recognizer(dict(config(), data_preprocessor=given))


def test_the_network_is_built_no_further_than_the_last_endpoint():
    backbone = InceptionI3D(endpoints='Mixed_3b')
    assert backbone.out_channels == 256
    assert not any('Mixed_4' in p.name for p in backbone.get_parameters())


def test_an_unknown_endpoint_is_refused_by_name():
    with pytest.raises(ModelError, match="no endpoint 'Mixed_6a'"):
        InceptionI3D(endpoints=('Mixed_3b', 'Mixed_6a'))


@pytest.mark.parametrize('size', [(7, 32, 32), (8, 31, 32), (8, 32, 31)])
def test_a_clip_that_is_too_small_is_refused_with_the_reason(rgb, size):
    network, _ = rgb
    with pytest.raises(
        ModelError,
        match='at least 8 frames of 32 x 32; the pipeline gives {} frames of {} x {}'.format(*size),
    ):
        network.check_input(clip(1, 1, *size, 3))
    with pytest.raises(ValueError, match='at least 8 frames of 32 x 32'):
        network(Tensor(clip(1, 1, *size, 3)))


def test_the_wrong_modality_is_refused_by_name(rgb):
    network, _ = rgb
    with pytest.raises(ModelError, match='RGB clips of 3 channels; the data set gives 2'):
        network.check_input(clip(1, 1, 8, 32, 32, 2))


@pytest.mark.slow
def test_clips_of_a_video_are_averaged():
    network = build_recognizer(config(endpoints='Mixed_3b'))
    randomize(network)
    imgs = clip(2, 3, 8, 32, 32, 3)
    together = network(Tensor(imgs)).asnumpy()
    apart = np.stack([network(Tensor(imgs[:, i : i + 1])).asnumpy() for i in range(3)]).mean(0)
    np.testing.assert_allclose(together, apart, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_streams_add_their_logits_with_weights():
    network = build_recognizer(
        dict(
            type='TwoStreamRecognizer',
            rgb=config(endpoints='Mixed_3b'),
            flow=config(modality='Flow', endpoints='Mixed_3b'),
            weights=(1, 0.5),
        )
    )
    randomize(network)
    rgb, flow = clip(1, 1, 8, 32, 32, 3), clip(1, 1, 8, 32, 32, 2)
    expected = network.rgb(Tensor(rgb)) + 0.5 * network.flow(Tensor(flow))
    np.testing.assert_allclose(
        network(Tensor(rgb), Tensor(flow)).asnumpy(), expected.asnumpy(), rtol=1e-4
    )


@pytest.mark.slow
def test_two_streams_of_different_classes_are_refused():
    with pytest.raises(ModelError, match='5 in rgb, 6 in flow'):
        build_recognizer(dict(type='TwoStreamRecognizer', rgb=config(5), flow=config(6, 'Flow')))


class TestDropout:
    ones = Tensor(np.ones((4, 1000), np.float32))

    def test_it_drops_the_share_asked_for_and_keeps_the_mean(self):
        kept = Dropout(0.3).set_train(True)(self.ones).asnumpy()
        assert np.isclose((kept == 0).mean(), 0.3, atol=0.03)
        assert np.isclose(kept.max(), 1 / 0.7)

    def test_it_does_nothing_in_evaluation(self):
        np.testing.assert_array_equal(
            Dropout(0.3).set_train(False)(self.ones).asnumpy(), self.ones.asnumpy()
        )

    @pytest.mark.slow
    def test_each_step_has_its_own_mask_and_a_restored_step_repeats_it(self):
        dropout = Dropout(0.5).set_train(True)
        masks = [dropout(self.ones).asnumpy() for _ in range(3)]
        assert (masks[0] != masks[1]).mean() > 0.4 and (masks[1] != masks[2]).mean() > 0.4
        again = Dropout(0.5).set_train(True)
        again.step.set_data(Tensor(1, ms.int32))
        np.testing.assert_array_equal(again(self.ones).asnumpy(), masks[1])

    @pytest.mark.slow
    def test_two_ranks_see_the_mask_of_one_with_the_doubled_batch(self):
        whole = Dropout(0.5).set_train(True)(self.ones).asnumpy()
        for rank in range(2):
            half = Dropout(0.5).set_train(True)
            half.rank = rank
            np.testing.assert_array_equal(
                half(self.ones[:2]).asnumpy(), whole[2 * rank : 2 * rank + 2]
            )


class TestFreezing:
    def build(self):
        return build_recognizer(config(endpoints='Mixed_3c', num_classes=3))

    def test_only_the_finetune_prefixes_train(self):
        network = self.build()
        names = freeze(network, finetune_prefixes=['logits', 'Mixed_3c'])
        assert {layer_name(name).split('.')[0] for name in names} == {'logits', 'Mixed_3c'}

    def test_the_opposite_freezes_the_prefixes(self):
        network = self.build()
        names = freeze(network, freeze_prefixes=['backbone.Conv3d', 'Mixed_3b'])
        assert {layer_name(name).split('.')[0] for name in names} == {'logits', 'Mixed_3c'}

    @pytest.mark.slow
    def test_frozen_layers_keep_their_statistics_and_the_others_move_theirs(self):
        network = self.build()
        freeze(network, finetune_prefixes=['logits', 'Mixed_3c'])
        before = {
            p.name: p.asnumpy().copy() for p in network.get_parameters() if 'moving' in p.name
        }
        network.set_train(True)(Tensor(clip(2, 1, 8, 32, 32, 3)))
        moved = {
            name
            for name, value in before.items()
            if not np.array_equal(value, dict(network.parameters_dict())[name].asnumpy())
        }
        assert moved and all('Mixed_3c' in name for name in moved)
        assert {name for name in before if 'Mixed_3c' in name} == moved

    def test_batch_norm_can_be_frozen_while_convolutions_train(self):
        network = self.build()
        names = freeze(network, freeze_norm=True)
        assert not any('.bn.' in name for name in names) and any('conv3d' in name for name in names)
        assert all(
            c.use_batch_statistics is False
            for _, c in network.cells_and_names()
            if isinstance(c, BatchNorm3d)
        )

    def test_a_prefix_that_matches_nothing_is_named(self):
        with pytest.raises(ConfigError, match="'Mixed_9'"):
            freeze(self.build(), finetune_prefixes=['Mixed_9'])


@pytest.mark.slow
def test_a_head_takes_any_map():
    head = HEADS.build(dict(type='I3DHead', num_classes=3, in_channels=4, dropout=0)).set_train(
        False
    )
    for shape in ((2, 4, 1, 1, 1), (2, 4, 5, 3, 2)):
        assert head(Tensor(np.ones(shape, np.float32))).shape == (2, 3)
