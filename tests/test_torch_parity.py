"""The network against an independent one in PyTorch with the same weights."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn, ops

torch = pytest.importorskip('torch')

from torch_i3d import random_network  # noqa: E402

from i3dbox.models import build_recognizer  # noqa: E402
from i3dbox.models.i3d_table import ENDPOINTS, parameter_shapes  # noqa: E402
from i3dbox.weights.checkpoint_file import write_checkpoint  # noqa: E402
from i3dbox.weights.conversion import convert  # noqa: E402
from i3dbox.weights.loading import load_weights  # noqa: E402

pytestmark = pytest.mark.slow

CHANNELS = {'RGB': 3, 'Flow': 2}


class AllEndpoints(nn.Cell):
    """A recognizer's endpoints and logits, of clips N x C x T x H x W."""

    def __init__(self, recognizer):
        super().__init__()
        self.backbone, self.head = recognizer.backbone, recognizer.head

    def construct(self, x):
        outputs = self.backbone(x)
        return outputs + (self.head(outputs[-1]),)


@pytest.fixture(scope='module')
def networks(tmp_path_factory):
    """By modality: PyTorch's network, and ours with the weights of its file."""
    built = {}
    for modality, channels in CHANNELS.items():
        folder = tmp_path_factory.mktemp(modality)
        theirs = random_network(channels, 17)
        torch.save(theirs.state_dict(), folder / 'a.pt')
        ours = build_recognizer(
            dict(
                type='Recognizer3D',
                modality=modality,
                head=dict(type='I3DHead', num_classes=17, in_channels=1024),
                backbone=dict(type='InceptionI3D', endpoints=list(ENDPOINTS)),
            )
        )
        write_checkpoint(str(folder / 'a.ckpt'), convert(str(folder / 'a.pt')).parameters)
        load_weights(ours, str(folder / 'a.ckpt'))
        built[modality] = theirs, AllEndpoints(ours)
    return built


@pytest.mark.parametrize(
    'modality, shape',
    [('RGB', (16, 64, 64)), ('RGB', (79, 65, 97)), ('Flow', (79, 33, 47))],
)
def test_every_endpoint_and_the_logits_agree(networks, modality, shape):
    theirs, ours = networks[modality]
    clip = (
        np.random.default_rng(0).uniform(-1, 1, (1, CHANNELS[modality], *shape)).astype(np.float32)
    )
    with torch.no_grad():
        expected = theirs(torch.from_numpy(clip))
    outputs = ours.set_train(False)(ms.Tensor(clip))
    assert len(outputs) == len(expected) == len(ENDPOINTS) + 1
    for (name, value), output in zip(expected.items(), outputs):
        value, output = value.numpy(), output.asnumpy()
        assert output.shape == value.shape, name
        assert np.abs(output - value).max() < 1e-4 * np.abs(value).max(), name


def test_in_training_the_loss_gradients_and_moving_statistics_agree(tmp_path):
    """A ReLU or max pool on its kink can go either way in float32: PyTorch's gradients then differ
    by per cents from its own in float64. Small clips meet few kinks; of several sets of weights,
    one that meets none is enough."""
    ours = build_recognizer(
        dict(
            type='Recognizer3D',
            modality='Flow',
            backbone=dict(type='InceptionI3D'),
            head=dict(type='I3DHead', num_classes=5, dropout=0),
        )
    ).set_train(True)
    clips = np.random.default_rng(0).integers(0, 256, (6, 1, 16, 32, 32, 2), np.uint8)
    labels = np.array([0, 3, 4, 1, 2, 0], np.int32)

    def loss_of(imgs, label):
        return ops.cross_entropy(ours(imgs), label)

    compute = ms.value_and_grad(loss_of, None, ours.trainable_params())
    worst = {}
    for seed in (10, 5, 19, 20):
        loss, gradients, statistics = torch_training_step(seed, clips, labels, tmp_path)
        load_weights(ours, str(tmp_path / 'a.ckpt'))
        value, found = compute(ms.Tensor(clips), ms.Tensor(labels))
        assert float(value.asnumpy()) == pytest.approx(loss, rel=1e-4)
        for parameter in ours.get_parameters():
            if 'moving' in parameter.name:
                np.testing.assert_allclose(
                    parameter.asnumpy(), statistics[parameter.name], rtol=1e-3, atol=1e-4
                )
        largest = max(np.abs(gradient).max() for gradient in gradients.values())
        # some are zero but for rounding
        errors = {
            parameter.name: np.abs(gradient.asnumpy() - gradients[parameter.name]).max()
            / (np.abs(gradients[parameter.name]).max() + 1e-3 * largest)
            for parameter, gradient in zip(ours.trainable_params(), found)
        }
        worst[seed] = max(zip(errors.values(), errors))
        if worst[seed][0] < 1e-3:
            return
    pytest.fail(f'gradients differ, at worst by {worst}')


def torch_training_step(seed, clips, labels, folder):
    """Writes a network's weights to a.ckpt; returns its loss, gradients and moving statistics by
    our names.
    """
    network = random_network(2, 5, seed).train()
    for name, value in network.state_dict().items():
        if name.endswith('bn.bias'):
            value += 0.5
    torch.save(network.state_dict(), folder / 'a.pt')
    write_checkpoint(str(folder / 'a.ckpt'), convert(str(folder / 'a.pt')).parameters)
    inputs = torch.from_numpy(
        (clips[:, 0].astype(np.float32) / 127.5 - 1).transpose(0, 4, 1, 2, 3).copy()
    )
    loss = torch.nn.functional.cross_entropy(
        network(inputs)['logits'], torch.from_numpy(labels).long()
    )
    loss.backward()
    after = {name: value for name, value in network.state_dict().items() if 'running' in name}
    torch.save(
        {name: parameter.grad for name, parameter in network.named_parameters()} | after,
        folder / 'b.pt',
    )
    found = convert(str(folder / 'b.pt')).parameters  # the gradients under the weights' names
    return (
        loss.item(),
        {name: array for name, array in found.items() if 'moving' not in name},
        {name: array for name, array in found.items() if 'moving' in name},
    )


@pytest.mark.parametrize('modality, num_classes', [('RGB', 400), ('Flow', 7)])
def test_the_table_lists_the_networks_parameters(modality, num_classes):
    recognizer = build_recognizer(
        dict(
            type='Recognizer3D',
            modality=modality,
            backbone=dict(type='InceptionI3D'),
            head=dict(type='I3DHead', num_classes=num_classes),
        )
    )
    names = {
        p.name: tuple(p.shape)
        for p in recognizer.get_parameters()
        if not p.name.endswith('dropout.step')
    }
    assert names == parameter_shapes(CHANNELS[modality], num_classes)
