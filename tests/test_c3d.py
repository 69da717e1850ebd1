"""C3D answers as an independent one in PyTorch does, layer by layer, and mmaction2's files fit."""

import mindspore as ms
import numpy as np
import pytest

torch = pytest.importorskip('torch')

from mindspore import Tensor  # noqa: E402
from test_resnet3d import Stages, published  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from i3dbox.errors import CheckpointError, ModelError  # noqa: E402
from i3dbox.models import build_recognizer  # noqa: E402
from i3dbox.models.backbones.c3d import C3D  # noqa: E402
from i3dbox.weights.conversion import convert  # noqa: E402
from i3dbox.weights.loading import load_weights  # noqa: E402
from i3dbox.weights.resnet_names import residual_names  # noqa: E402

pytestmark = pytest.mark.slow

# channels in and out, and the pool that follows
LAYERS = {
    'conv1a': (3, 64, 'pool1'),
    'conv2a': (64, 128, 'pool2'),
    'conv3a': (128, 256, None),
    'conv3b': (256, 256, 'pool3'),
    'conv4a': (256, 512, None),
    'conv4b': (512, 512, 'pool4'),
    'conv5a': (512, 512, None),
    'conv5b': (512, 512, 'pool5'),
}
SMALL = (16, 16, 32)  # whose last map is 512 x 1 x 1 x 2


class TorchC3D(nn.Module):
    """Written from the paper, with the names of mmaction2's and the padding of its last pool;
    returns the outputs of its layers by name, and its logits last.
    """

    def __init__(self, numbers=1024, classes=7, with_bn=False):
        super().__init__()
        self.backbone = nn.Module()
        for name, (inputs, outputs, _) in LAYERS.items():
            unit = nn.Module()
            unit.conv = nn.Conv3d(inputs, outputs, 3, padding=1, bias=not with_bn)
            if with_bn:
                unit.bn = nn.BatchNorm3d(outputs)
            setattr(self.backbone, name, unit)
        self.backbone.fc6 = nn.Linear(numbers, 4096)
        self.backbone.fc7 = nn.Linear(4096, 4096)
        self.cls_head = nn.Module()
        self.cls_head.fc_cls = nn.Linear(4096, classes)

    def forward(self, x):
        found = {}
        for name, (_, _, pool) in LAYERS.items():
            unit = getattr(self.backbone, name)
            x = unit.conv(x)
            x = found[name] = F.relu(unit.bn(x) if hasattr(unit, 'bn') else x)
            if pool:
                size = (1, 2, 2) if pool == 'pool1' else 2
                x = F.max_pool3d(x, size, padding=(0, 1, 1) if pool == 'pool5' else 0)
                found[pool] = x
        x = found['fc6'] = F.relu(self.backbone.fc6(x.flatten(1)))
        x = found['fc7'] = F.relu(self.backbone.fc7(x))
        found['logits'] = self.cls_head.fc_cls(x)
        return found


def randomized(**changes):
    torch.manual_seed(0)
    network = TorchC3D(**changes)
    for name, value in network.state_dict().items():
        if value.ndim > 1:
            nn.init.normal_(value, std=(2 / value[0].numel()) ** 0.5)
        elif name.endswith('running_var'):
            nn.init.uniform_(value, 0.5, 1.5)
        elif value.ndim == 1:
            nn.init.normal_(value, float(name.endswith('bn.weight')), 0.1)
    return network.eval()


def recognizer(classes=7, out_dim=1024, dropout=0.0, **changes):
    return build_recognizer(
        dict(
            type='Recognizer3D',
            backbone=dict(type='C3D', out_dim=out_dim, dropout=dropout, **changes),
            head=dict(type='PoolHead', num_classes=classes, dropout=dropout),
        )
    )


def load(ours, arrays):
    names = residual_names(arrays)[1]
    places = {p.name: p for p in ours.get_parameters() if not p.name.endswith('step')}
    assert set(names.values()) == set(places) and len(names) == len(places)
    for theirs, name in names.items():
        places[name].set_data(Tensor(arrays[theirs].numpy().reshape(places[name].shape)))
    return names


def clip(number=1, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (number, 3, *SMALL)).astype(np.float32)


@pytest.mark.parametrize('with_bn', [False, True])
def test_every_layer_and_the_logits_are_pytorchs(with_bn):
    theirs = randomized(with_bn=with_bn)
    ours = recognizer(with_bn=with_bn)
    load(ours, theirs.state_dict())
    imgs = clip()
    with torch.no_grad():
        expected = theirs(torch.from_numpy(imgs))
    ms.set_context(mode=ms.GRAPH_MODE)
    names = [*ours.backbone.name_cells(), 'logits']
    assert names == list(expected)
    for name, output in zip(names, Stages(ours).set_train(False)(Tensor(imgs))):
        value = expected[name].numpy()
        if name.startswith('fc'):
            value = value[..., None, None, None]
        assert output.shape == value.shape, name
        assert np.abs(output.asnumpy() - value).max() < 1e-4 * np.abs(value).max(), name


def test_gradients_are_pytorchs():
    theirs = randomized()
    ours = recognizer()
    names = load(ours, theirs.state_dict())
    imgs = clip(2, seed=1)
    theirs(torch.from_numpy(imgs))['logits'].square().sum().backward()
    ms.set_context(mode=ms.GRAPH_MODE)
    parameters = ours.trainable_params()

    def loss(x):
        return (ours.classify(x) ** 2).sum()

    found = ms.grad(loss, None, parameters)(Tensor(imgs))
    expected = {names[key]: p.grad.numpy() for key, p in theirs.named_parameters()}
    assert len(found) == len(expected)
    for parameter, gradient in zip(parameters, found):
        value = expected[parameter.name].reshape(gradient.shape)
        limit = 1e-3 * np.abs(value).max()
        assert np.abs(gradient.asnumpy() - value).max() < max(limit, 1e-6), parameter.name


def test_each_published_tensor_has_one_place_of_its_shape():
    names = published()['mmaction2/c3d']
    scheme, ours = residual_names(names)
    assert scheme == 'mmaction2_c3d'
    network = recognizer(101, out_dim=8192, dropout=0.5)
    shapes = {p.name: p.shape for p in network.get_parameters() if not p.name.endswith('step')}
    assert len(ours) == len(names) == len(shapes)
    for theirs, place in ours.items():
        assert shapes[place] in (names[theirs], (*names[theirs], 1, 1, 1)), place
    # the file of Sports-1M, of 311,985,866 bytes, holds the backbone alone; its names begin there
    plain = [name.removeprefix('backbone.') for name in names if name.startswith('backbone.')]
    assert set(residual_names(plain)[1].values()) == {n for n in shapes if 'head.' not in n}
    backbone = sum(p.size for p in network.trainable_params() if 'head.' not in p.name)
    assert 0 < 311_985_866 - 4 * backbone < 10_000


@pytest.mark.parametrize('prefix', ['backbone.', ''])
def test_a_file_of_mmaction2s_is_loaded_as_it_is(tmp_path, prefix):
    theirs = randomized()
    arrays = theirs.state_dict()
    if not prefix:
        arrays = {
            name.removeprefix('backbone.'): array
            for name, array in arrays.items()
            if 'cls_head' not in name
        }
    torch.save(dict(state_dict=arrays), tmp_path / 'c3d.pth')
    ours = recognizer()
    (report,) = load_weights(ours, str(tmp_path / 'c3d.pth'))
    assert report.new_head == (not prefix)
    imgs = np.random.default_rng(0).integers(0, 256, (1, 1, *SMALL, 3), np.uint8)
    ms.set_context(mode=ms.GRAPH_MODE)
    found = ours.backbone(ours.preprocess(Tensor(imgs))).asnumpy()[..., 0, 0, 0]
    values = imgs[:, 0].transpose(0, 4, 1, 2, 3) - np.reshape([104, 117, 128], (1, 3, 1, 1, 1))
    with torch.no_grad():
        expected = theirs(torch.from_numpy(values).float())['fc7'].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_a_damaged_file_of_mmaction2s_is_refused_by_its_tensor(tmp_path):
    arrays = TorchC3D(numbers=1).state_dict()
    arrays.pop('backbone.conv1a.conv.weight')
    torch.save(arrays, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='backbone.conv1a.conv.weight is missing'):
        convert(str(tmp_path / 'a.pth'))


def test_there_are_as_many_parameters_as_mmaction2_counts():
    network = recognizer(101, out_dim=8192, dropout=0.5)
    assert sum(p.size for p in network.trainable_params()) == 78_409_573


def test_fc6_drops_out_in_training_alone():
    backbone = C3D(out_dim=1024, dropout=0.5)
    imgs = Tensor(clip())
    ms.set_context(mode=ms.GRAPH_MODE)
    first, second = (backbone.set_train(True)(imgs).asnumpy() for _ in range(2))
    assert not np.array_equal(first, second)
    first, second = (backbone.set_train(False)(imgs).asnumpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    'sides, out_dim, message',
    [
        (
            (16, 224, 224),
            8192,
            'C3D takes clips of 16 frames of 112 x 112, as .* gives 16 frames of 224 x 224, for '
            'which out_dim is 32768',
        ),
        ((32, 112, 112), 8192, 'for which out_dim is 16384'),
        ((15, 112, 112), 8192, 'gives 15 frames of 112 x 112$'),
        ((16, 112, 15), 8192, 'gives 16 frames of 112 x 15$'),
        ((16, 112, 112), 512, 'C3D with out_dim=512 takes .* for which out_dim is 8192'),
    ],
)
def test_a_clip_of_another_size_is_refused_before_it_is_compiled(sides, out_dim, message):
    network = recognizer(out_dim=out_dim)
    with pytest.raises(ModelError, match=message):
        network.check_input(np.broadcast_to(np.uint8(0), (1, 1, *sides, 3)))


@pytest.mark.parametrize('sides', [(16, 16, 16), (17, 31, 31), (33, 64, 49), (16, 112, 112)])
def test_the_size_that_is_checked_is_that_of_the_last_map(sides):
    with torch.no_grad():
        x = torch.zeros(1, 1, *sides)
        for number in range(1, 6):
            size = (1, 2, 2) if number == 1 else 2
            x = F.max_pool3d(x, size, padding=(0, 1, 1) if number == 5 else 0)
    network = recognizer(out_dim=512 * x.numel())
    network.check_input(np.broadcast_to(np.uint8(0), (1, 1, *sides, 3)))


def test_a_clip_of_another_size_is_refused_in_the_graph_too():
    imgs = Tensor(np.zeros((1, 3, 16, 32, 32), np.float32))
    with pytest.raises(ValueError, match='1024 numbers a clip gets 512 x 1 x 2 x 2'):
        C3D(out_dim=1024)(imgs)


def test_its_maps_say_how_they_stand_to_frames_and_its_vectors_that_they_see_all():
    backbone = C3D(out_dim=512)
    assert backbone.temporal_geometry('pool1') == (1, 1)
    assert backbone.temporal_geometry('pool2') == (2, 2)
    assert backbone.temporal_geometry('conv5b')[0] == 8
    assert backbone.temporal_geometry('fc6') is None and not hasattr(backbone, 'temporal_stride')


def test_an_out_dim_that_cannot_be_is_refused():
    with pytest.raises(Exception, match='C3D: out_dim is a whole number from 1; got 0'):
        C3D(out_dim=0)
