"""S3D and S3D-G answer as independent ones in PyTorch do, stage by stage, and torchvision's files
fit.
"""

import mindspore as ms
import numpy as np
import pytest

torch = pytest.importorskip('torch')

from mindspore import Tensor  # noqa: E402
from test_resnet3d import Stages  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from i3dbox.errors import CheckpointError, ModelError  # noqa: E402
from i3dbox.models import build_recognizer  # noqa: E402
from i3dbox.models.backbones.s3d import S3D  # noqa: E402
from i3dbox.models.feature_network import FeatureNetwork  # noqa: E402
from i3dbox.models.i3d_table import ENDPOINTS  # noqa: E402
from i3dbox.weights.conversion import convert  # noqa: E402
from i3dbox.weights.loading import load_weights  # noqa: E402
from i3dbox.weights.resnet_names import residual_names  # noqa: E402

pytestmark = pytest.mark.slow


class Unit(nn.Sequential):
    def __init__(self, inputs, outputs, kernel=(1, 1, 1), stride=(1, 1, 1)):
        padding = tuple(size // 2 for size in kernel)
        super().__init__(
            nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False),
            nn.BatchNorm3d(outputs, eps=1e-3, momentum=0.001),
            nn.ReLU(),
        )


class Separable(nn.Sequential):
    """One convolution over space and one over time; S3D-G weighs the channels of what they give."""

    def __init__(self, inputs, outputs, size, stride=1, gating=False):
        super().__init__(
            Unit(inputs, outputs, (1, size, size), (1, stride, stride)),
            Unit(outputs, outputs, (size, 1, 1), (stride, 1, 1)),
        )
        self.context = nn.Linear(outputs, outputs) if gating else None

    def forward(self, x):
        x = self[1](self[0](x))
        if self.context is None:
            return x
        return torch.einsum('ncthw,nc->ncthw', x, self.context(x.mean((2, 3, 4))).sigmoid())


class Block(nn.Module):
    def __init__(self, inputs, widths, gating):
        super().__init__()
        b0, b1, b1_out, b2, b2_out, b3 = widths
        self.branch0 = Unit(inputs, b0)
        self.branch1 = nn.Sequential(Unit(inputs, b1), Separable(b1, b1_out, 3, gating=gating))
        self.branch2 = nn.Sequential(Unit(inputs, b2), Separable(b2, b2_out, 3, gating=gating))
        self.branch3 = nn.Sequential(nn.MaxPool3d(3, 1, 1), Unit(inputs, b3))

    def forward(self, x):
        return torch.cat([self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], 1)


class TorchS3D(nn.Module):
    """Written from the paper, with PyTorch's padding and the names of torchvision's; returns the
    outputs of its layers, and its logits last.
    """

    def __init__(self, classes=7, gating=False):
        super().__init__()
        space = dict(kernel_size=(1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        self.features = nn.Sequential(
            Separable(3, 64, 7, 2, gating),
            nn.MaxPool3d(**space),
            Unit(64, 64),
            Separable(64, 192, 3, 1, gating),
            nn.MaxPool3d(**space),
            Block(192, (64, 96, 128, 16, 32, 32), gating),
            Block(256, (128, 128, 192, 32, 96, 64), gating),
            nn.MaxPool3d(3, 2, 1),
            Block(480, (192, 96, 208, 16, 48, 64), gating),
            Block(512, (160, 112, 224, 24, 64, 64), gating),
            Block(512, (128, 128, 256, 24, 64, 64), gating),
            Block(512, (112, 144, 288, 32, 64, 64), gating),
            Block(528, (256, 160, 320, 32, 128, 128), gating),
            nn.MaxPool3d(2, 2),
            Block(832, (256, 160, 320, 32, 128, 128), gating),
            Block(832, (384, 192, 384, 48, 128, 128), gating),
        )
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Conv3d(1024, classes, 1))

    def forward(self, x):
        found = []
        for layer in self.features:
            x = layer(x)
            found.append(x)
        pooled = F.avg_pool3d(x, (min(2, x.shape[2]), *x.shape[3:]), 1)
        return [*found, self.classifier(pooled).mean((2, 3, 4))]


def randomized(gating=False):
    torch.manual_seed(0)
    network = TorchS3D(gating=gating)
    for name, value in network.state_dict().items():
        if value.ndim == 5:
            nn.init.normal_(value, std=(2 / value[0].numel()) ** 0.5)
        elif name.endswith('context.weight'):
            nn.init.normal_(value, std=0.2)
        elif name.endswith('running_var'):
            nn.init.uniform_(value, 0.5, 1.5)
        elif value.ndim == 1:
            nn.init.normal_(value, float(name.endswith('weight')), 0.1)
    return network.eval()


def recognizer(classes=7, **changes):
    return build_recognizer(
        dict(
            type='Recognizer3D',
            backbone=dict(type='S3D', **changes),
            head=dict(type='I3DHead', num_classes=classes, dropout=0.0),
        )
    )


def ours_of(theirs):
    """Theirs to our name, those of S3D-G's gates too, which torchvision has not."""
    names = residual_names([name for name in theirs if '.context.' not in name])[1]
    for name in theirs:
        unit, found, tail = name.rpartition('.context.')
        if found:
            stem = names[f'{unit}.0.0.weight'].removesuffix('space.conv.weight')
            names[name] = f'{stem}gate.linear.{tail}'
    return names


def load(ours, arrays):
    names = ours_of(arrays)
    places = {p.name: p for p in ours.get_parameters() if not p.name.endswith('step')}
    assert set(names.values()) == set(places) and len(names) == len(places)
    for theirs, name in names.items():
        places[name].set_data(Tensor(arrays[theirs].numpy().reshape(places[name].shape)))


def clip(*sides, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (1, 3, *sides)).astype(np.float32)


@pytest.mark.parametrize('gating', [False, True])
def test_every_endpoint_and_the_logits_are_pytorchs(gating):
    theirs = randomized(gating)
    ours = recognizer(gating=gating)
    load(ours, theirs.state_dict())
    imgs = clip(17, 33, 40)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(imgs))
    ms.set_context(mode=ms.GRAPH_MODE)
    names = [*ours.backbone.name_cells(), 'logits']
    assert names == [*ENDPOINTS, 'logits'] and len(expected) == len(names)
    for name, output, value in zip(names, Stages(ours).set_train(False)(Tensor(imgs)), expected):
        value = value.numpy()
        assert output.shape == value.shape, name
        assert np.abs(output.asnumpy() - value).max() < 1e-4 * np.abs(value).max(), name


def test_gradients_are_pytorchs():
    theirs = randomized(gating=True)
    ours = recognizer(gating=True)
    load(ours, theirs.state_dict())
    imgs = clip(9, 17, 17, seed=1)  # small, so that no max pool has two that rounding tells apart
    theirs(torch.from_numpy(imgs))[-1].square().sum().backward()
    ms.set_context(mode=ms.GRAPH_MODE)
    parameters = ours.trainable_params()

    def loss(x):
        return (ours.classify(x) ** 2).sum()

    found = ms.grad(loss, None, parameters)(Tensor(imgs))
    names = ours_of(theirs.state_dict())
    expected = {names[key]: p.grad.numpy() for key, p in theirs.named_parameters()}
    assert len(found) == len(expected)
    for parameter, gradient in zip(parameters, found):
        value = expected[parameter.name].reshape(gradient.shape)
        limit = 1e-3 * np.abs(value).max()
        assert np.abs(gradient.asnumpy() - value).max() < max(limit, 1e-6), parameter.name


def test_there_are_as_many_parameters_as_torchvision_publishes():
    network = recognizer(400)
    assert sum(p.size for p in network.trainable_params()) == 8_320_048
    gated = recognizer(400, gating=True)
    widths = [p.shape[0] for p in gated.trainable_params() if p.name.endswith('gate.linear.weight')]
    assert len(widths) == 20 and widths[:2] == [64, 192]  # of the 2 + 9 x 2 separable convolutions
    more = sum(width * (width + 1) for width in widths)
    assert sum(p.size for p in gated.trainable_params()) == 8_320_048 + more


def test_a_file_of_torchvisions_is_loaded_as_it_is(tmp_path):
    theirs = randomized()
    torch.save(theirs.state_dict(), tmp_path / 's3d.pth')
    ours = recognizer()
    load_weights(ours, str(tmp_path / 's3d.pth'))
    imgs = np.random.default_rng(0).integers(0, 256, (1, 1, 8, 32, 32, 3), np.uint8)
    ms.set_context(mode=ms.GRAPH_MODE)
    found = ours(Tensor(imgs)).asnumpy()
    mean, std = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)  # torchvision's
    values = (imgs[:, 0] / 255 - mean) / std
    with torch.no_grad():
        expected = theirs(torch.from_numpy(values.transpose(0, 4, 1, 2, 3)).float())[-1].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_a_damaged_file_of_torchvisions_is_refused_by_its_tensor(tmp_path):
    arrays = randomized().state_dict()
    arrays.pop('features.0.0.0.weight')
    torch.save(arrays, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='Conv3d_1a_7x7.space.conv.weight is missing'):
        convert(str(tmp_path / 'a.pth'))
    arrays['features.5.branch4.0.weight'] = torch.zeros(1)
    torch.save(arrays, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='none of the networks of torchvision_s3d'):
        convert(str(tmp_path / 'a.pth'))


def test_one_graph_gives_the_logits_of_clips_of_any_length():
    theirs = randomized()
    ours = recognizer()
    load(ours, theirs.state_dict())
    ms.set_context(mode=ms.GRAPH_MODE)
    network = FeatureNetwork(ours, 'Logits', any_length=True)
    for frames in (8, 21):
        imgs = np.random.default_rng(frames).integers(0, 256, (1, frames, 32, 32, 3), np.uint8)
        steps = network(Tensor(imgs)).asnumpy()[0]
        if steps.shape[1] > 1:
            steps = (steps[:, 1:] + steps[:, :-1]) / 2
        with torch.no_grad():
            expected = theirs(torch.from_numpy(ours.normalization(imgs)))[-1].numpy()[0]
        np.testing.assert_allclose(steps.mean(1), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize('endpoint', ['Conv3d_2c_3x3', 'Mixed_3c', 'MaxPool3d_5a_2x2', 'Mixed_5c'])
def test_a_step_sees_the_frames_that_the_geometry_says_and_no_others(endpoint):
    """The gradient of a step's sum with respect to the clip, by PyTorch."""
    stride, context = S3D().temporal_geometry(endpoint)
    network = randomized()
    frames = torch.randn(1, 3, stride * (2 * context + 4), 17, 17, requires_grad=True)
    maps = network(frames)[list(ENDPOINTS).index(endpoint)]
    step = context + 1
    maps[:, :, step].sum().backward()
    seen = frames.grad.abs().sum((0, 1, 3, 4)).nonzero().flatten()
    assert seen.min() >= (step - context) * stride and seen.max() < (step + context + 1) * stride


def test_each_step_of_s3dg_sees_all_of_a_clip_and_says_so():
    backbone = S3D(gating=True)
    assert backbone.temporal_geometry('Mixed_3b') is None
    assert not hasattr(backbone, 'temporal_context')
    assert (S3D().temporal_stride, S3D(endpoints='Mixed_3c').temporal_stride) == (8, 2)


def test_several_endpoints_are_built_no_further_than_the_last():
    backbone = S3D(endpoints=('Mixed_3b', 'Conv3d_2c_3x3'))
    assert backbone.out_channels == (256, 192)
    assert not any('Mixed_3c' in p.name for p in backbone.get_parameters())


def test_what_it_cannot_take_is_refused():
    with pytest.raises(ModelError, match="S3D has no endpoint 'Mixed_6a'"):
        S3D(endpoints='Mixed_6a')
    network = recognizer()
    small = np.zeros((1, 1, 4, 17, 17, 3), np.uint8)
    with pytest.raises(ModelError, match='S3D takes clips of at least 5 frames of 17 x 17'):
        network.check_input(small)
    with pytest.raises(ValueError, match='S3D takes clips of at least 5 frames of 17 x 17; got 4'):
        network(Tensor(small))


def test_the_smallest_clip_leaves_one_step_of_one_place():
    imgs = Tensor(clip(5, 17, 17))
    ms.set_context(mode=ms.GRAPH_MODE)
    assert S3D().set_train(False)(imgs).shape == (1, 1024, 1, 1, 1)
