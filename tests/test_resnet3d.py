"""Residual networks over video answer as independent ones in PyTorch do, stage by stage, and their
checkpoints convert.
"""

import pathlib

import mindspore as ms
import numpy as np
import pytest

torch = pytest.importorskip('torch')

from mindspore import Tensor, nn  # noqa: E402
from torch_resnet3d import ImageResNet, TorchResNet3d, randomized  # noqa: E402

from i3dbox.commands import main  # noqa: E402
from i3dbox.errors import CheckpointError, ConfigError, ModelError  # noqa: E402
from i3dbox.models import build_recognizer  # noqa: E402
from i3dbox.models.layers import DepthwiseConv3d  # noqa: E402
from i3dbox.models.temporal_geometry import temporal_geometry  # noqa: E402
from i3dbox.weights.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from i3dbox.weights.conversion import convert, to_pytorch  # noqa: E402
from i3dbox.weights.foreign_names import MAKERS, foreign_names  # noqa: E402
from i3dbox.weights.loading import load_weights  # noqa: E402
from i3dbox.weights.pytorch_files import write_pytorch  # noqa: E402
from i3dbox.weights.resnet_names import SCHEMES, residual_names  # noqa: E402

I3D = dict(
    conv1=(5, 7, 7),
    conv1_stride=2,
    pool1=2,
    pool2=True,
    inflate=((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0)),
)
OUR_I3D = dict(conv1_kernel=(5, 7, 7), conv1_stride_t=2, pool1_stride_t=2, inflate=I3D['inflate'])
ATTENDS = ((0, 0, 0), (0, 1, 0, 1), (0, 1, 0, 1, 0, 1), (0, 0, 0))
ATTENDS_OF_18 = ((0, 0), (0, 1), (0, 1), (0, 0))
SLOW = dict(conv1=(1, 7, 7), inflate=(0, 0, 1, 1))
# name: (ours, theirs)
NETWORKS = {
    'i3d_r50': (dict(type='ResNet3d', **OUR_I3D), dict(depth=50, **I3D)),
    'i3d_nl_r50': (
        dict(type='ResNet3d', **OUR_I3D, non_local=ATTENDS),
        dict(depth=50, **I3D, non_local=ATTENDS),
    ),
    'i3d_nl_r18': (
        dict(type='ResNet3d', depth=18, non_local=ATTENDS_OF_18, with_pool2=True),
        dict(depth=18, non_local=ATTENDS_OF_18, pool2=True),
    ),
    'slowonly_r50': (dict(type='ResNet3dSlowOnly'), dict(depth=50, **SLOW)),
    'slowonly_r18': (dict(type='ResNet3dSlowOnly', depth=18), dict(depth=18, **SLOW)),
    'r3d_18': (
        dict(
            type='ResNet3d',
            depth=18,
            with_pool1=False,
            with_pool2=False,
            temporal_strides=(1, 2, 2, 2),
        ),
        dict(depth=18, pool1=0, temporal=(1, 2, 2, 2)),
    ),
    'mc3_18': (
        dict(type='ResNet3d', depth=18, with_pool1=False, with_pool2=False, inflate=(1, 0, 0, 0)),
        dict(depth=18, pool1=0, inflate=(1, 0, 0, 0)),
    ),
    'r2plus1d_18': (
        dict(type='ResNet2Plus1d', depth=18, middle='own', with_pool1=True),
        dict(depth=18, kind='2plus1d', temporal=(1, 2, 2, 2)),
    ),
    'csn_ir_50': (
        dict(type='ResNet3dCSN', depth=50),
        dict(depth=50, kind='ir', temporal=(1, 2, 2, 2)),
    ),
    'csn_ip_50': (
        dict(type='ResNet3dCSN', depth=50, bottleneck_mode='ip'),
        dict(depth=50, kind='ip', temporal=(1, 2, 2, 2)),
    ),
}


def recognizer(name, classes=7, **changes):
    return build_recognizer(
        dict(
            type='Recognizer3D',
            backbone=dict(NETWORKS[name][0], **changes),
            head=dict(type='PoolHead', num_classes=classes, dropout=0.0),
        )
    )


def load(ours, arrays):
    """Gives a recognizer the arrays of a checkpoint in another's naming; all must have a place."""
    scheme, names = residual_names(arrays)
    places = {p.name: p for p in ours.get_parameters() if not p.name.endswith('step')}
    assert set(names.values()) == set(places)
    for theirs, name in names.items():
        places[name].set_data(Tensor(arrays[theirs].numpy().reshape(places[name].shape)))
    return scheme


class Stages(nn.Cell):
    def __init__(self, recognizer):
        super().__init__(auto_prefix=False)
        self.layers = recognizer.backbone.cell_list
        self.head = recognizer.head

    def construct(self, x):
        outputs = ()
        for layer in self.layers:
            x = layer(x)
            outputs += (x,)
        return outputs + (self.head(x),)


@pytest.mark.slow
@pytest.mark.parametrize(
    'name', ['i3d_nl_r50', 'slowonly_r18', 'r3d_18', 'r2plus1d_18', 'csn_ip_50']
)
def test_every_stage_and_the_logits_are_pytorchs(name):
    theirs = randomized(TorchResNet3d(classes=7, **NETWORKS[name][1]))
    ours = recognizer(name)
    assert load(ours, theirs.state_dict()).startswith('mmaction2')
    clip = np.random.default_rng(0).normal(0, 1, (1, 3, 9, 49, 64)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(clip))
    ms.set_context(mode=ms.GRAPH_MODE)
    names = [*ours.backbone.name_cells(), 'logits']
    assert names == list(expected)
    for stage, output in zip(names, Stages(ours).set_train(False)(Tensor(clip))):
        value = expected[stage].numpy()
        assert output.shape == value.shape, stage
        assert np.abs(output.asnumpy() - value).max() < 1e-4 * np.abs(value).max(), stage


@pytest.mark.slow
def test_gradients_are_pytorchs():
    name = 'i3d_nl_r18'
    theirs = randomized(TorchResNet3d(classes=7, **NETWORKS[name][1]))
    ours = recognizer(name)
    load(ours, theirs.state_dict())
    clip = np.random.default_rng(1).normal(0, 1, (2, 3, 8, 32, 32)).astype(np.float32)
    theirs(torch.from_numpy(clip))['logits'].square().sum().backward()
    ms.set_context(mode=ms.GRAPH_MODE)
    parameters = ours.trainable_params()

    def loss(x):
        return (ours.classify(x) ** 2).sum()

    found = ms.grad(loss, None, parameters)(Tensor(clip))
    names = residual_names(theirs.state_dict())[1]
    expected = {names[key]: p.grad.numpy() for key, p in theirs.named_parameters()}
    assert len(found) == len(expected)
    for parameter, gradient in zip(parameters, found):
        value = expected[parameter.name].reshape(gradient.shape)
        limit = 1e-3 * np.abs(value).max()
        assert np.abs(gradient.asnumpy() - value).max() < max(limit, 1e-6), parameter.name


@pytest.mark.slow
def test_a_convolution_of_each_channel_and_its_gradients_are_pytorchs():
    theirs = torch.nn.Conv3d(4, 4, (3, 3, 3), (2, 2, 1), 1, groups=4, bias=False)
    ours = DepthwiseConv3d(4, (3, 3, 3), (2, 2, 1))
    ours.weight.set_data(Tensor(theirs.weight.detach().numpy()))
    clip = np.random.default_rng(2).normal(0, 1, (2, 4, 5, 6, 7)).astype(np.float32)
    x = torch.from_numpy(clip).requires_grad_()
    expected = theirs(x)
    expected.square().sum().backward()
    ms.set_context(mode=ms.GRAPH_MODE)
    np.testing.assert_allclose(ours(Tensor(clip)).asnumpy(), expected.detach(), atol=1e-5)

    def loss(x):
        return (ours(x) ** 2).sum()

    of_clip, (of_weight,) = ms.grad(loss, 0, ours.trainable_params())(Tensor(clip))
    np.testing.assert_allclose(of_clip.asnumpy(), x.grad, atol=1e-4)
    np.testing.assert_allclose(of_weight.asnumpy(), theirs.weight.grad, atol=1e-3)


def published():
    """Names and shapes of published checkpoints' tensors, by the network."""
    found = {}
    for line in (
        (pathlib.Path(__file__).parent / 'data/published_names.txt').read_text().split('\n')
    ):
        if line.startswith('['):
            names = found[line.strip('[]')] = {}
        elif line and not line.startswith('#'):
            name, shape = line.split()
            names[name] = tuple(map(int, shape.split('x')))
    return found


R3D = NETWORKS['r3d_18'][0]
BACKBONES = {
    'torchvision/r3d_18': R3D,
    'torchvision/r2plus1d_18': dict(type='ResNet2Plus1d'),
    'pytorchvideo/slow_r50': dict(type='ResNet3dSlowOnly'),
    'pytorchvideo/i3d_r50': dict(
        type='ResNet3d', conv1_kernel=(5, 7, 7), inflate=OUR_I3D['inflate']
    ),
    'pytorchvideo/slowfast_r50': dict(
        type='ResNet3dSlowFast',
        resample_rate=4,
        speed_ratio=4,
        fusion_kernel=7,
        fusion_norm=True,
    ),
    'torchvision/s3d': dict(type='S3D'),
    'pytorchvideo/csn_r101': dict(type='ResNet3dCSN', depth=101, norm=dict(eps=1e-5)),
}


@pytest.mark.slow
@pytest.mark.parametrize('name', BACKBONES)
def test_each_published_tensor_has_one_place_of_its_shape(name):
    names = published()[name]
    scheme, ours = residual_names(names)
    assert scheme.startswith(name.split('/')[0])
    network = build_recognizer(
        dict(
            type='Recognizer3D',
            backbone=BACKBONES[name],
            head=dict(type='PoolHead', num_classes=400),
        )
    )
    shapes = {p.name: p.shape for p in network.get_parameters() if not p.name.endswith('step')}
    assert len(ours) == len(names) == len(shapes)
    for theirs, place in ours.items():
        found = shapes[place]
        assert found == names[theirs] or found == (*names[theirs], 1, 1, 1), place


@pytest.mark.slow
def test_a_file_of_pytorchs_is_loaded_as_it_is_and_converts(tmp_path, capsys):
    name = 'csn_ir_50'
    theirs = randomized(TorchResNet3d(classes=7, **NETWORKS[name][1]))
    content = dict(meta=dict(epoch=3, CLASSES=('a', 'b')), state_dict=theirs.state_dict())
    torch.save(content, tmp_path / 'epoch_3.pth')
    ours = recognizer(name)
    load_weights(ours, str(tmp_path / 'epoch_3.pth'))
    clip = np.random.default_rng(0).integers(0, 256, (1, 1, 8, 32, 32, 3), np.uint8)
    ms.set_context(mode=ms.GRAPH_MODE)
    found = ours(Tensor(clip)).asnumpy()
    with torch.no_grad():
        expected = theirs(torch.from_numpy(ours.normalization(clip[:, 0])))['logits'].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    assert main('convert_weights', [str(tmp_path / 'epoch_3.pth'), str(tmp_path / 'a.ckpt')]) == 0
    assert 'RGB, 7 classes' in capsys.readouterr().out
    parameters, _, meta = load_checkpoint(str(tmp_path / 'a.ckpt'))
    assert meta['modality'] == 'RGB' and {p.name for p in ours.trainable_params()} <= set(
        parameters
    )
    save_checkpoint(str(tmp_path / 'run.ckpt'), ours)  # as training does: with a counter
    back = str(tmp_path / 'back.pth')
    assert main('convert_weights', [str(tmp_path / 'run.ckpt'), back, '--to', 'mmaction2']) == 0
    again = torch.load(back, weights_only=True)
    assert again.keys() == {name for name in theirs.state_dict() if 'num_batches' not in name}
    theirs.load_state_dict(again)
    for name, tensor in content['state_dict'].items():
        torch.testing.assert_close(again.get(name, tensor), tensor, rtol=0, atol=0)


@pytest.mark.parametrize(
    'name', ['torchvision/r3d_18', 'torchvision/r2plus1d_18', 'torchvision/s3d', 'mmaction2/c3d']
)
def test_the_names_go_back_to_their_makers(name):
    names = published()[name]
    _, ours = residual_names(names)
    arrays = {
        ours[theirs]: np.broadcast_to(np.float32(0), shape) for theirs, shape in names.items()
    }
    back = to_pytorch(arrays, name.split('/')[0])
    assert {theirs: array.shape for theirs, array in back.items()} == names


@pytest.mark.parametrize(
    'makers, backbone, message',
    [
        ('torchvision', dict(type='ResNet3dSlowFast', depth=18), 'torchvision has no network'),
        ('mmaction2', dict(type='S3D'), 'mmaction2 has no network .*Conv3d_1a_7x7.* is none of'),
        ('pytorch', dict(type='ResNet3d', depth=18), 'go --to torchvision or mmaction2'),
    ],
)
def test_a_network_that_the_makers_have_not_is_refused(makers, backbone, message):
    head = dict(type='PoolHead', num_classes=3)
    network = build_recognizer(dict(type='Recognizer3D', backbone=backbone, head=head))
    with pytest.raises(CheckpointError, match=message):
        to_pytorch({p.name: p.asnumpy() for p in network.trainable_params()}, makers)


@pytest.mark.slow
@pytest.mark.parametrize('scheme', [scheme for scheme in SCHEMES if scheme.startswith(MAKERS)])
def test_every_name_of_a_scheme_that_goes_back_is_read_as_it_was(scheme):
    maker = scheme.split('_')[0]
    model = dict(
        torchvision=BACKBONES['torchvision/r3d_18'],
        torchvision_2plus1d=dict(type='ResNet2Plus1d'),
        mmaction2=dict(type='ResNet3d', depth=50, non_local=(0, 1, 0, 0)),
        mmaction2_2plus1d=dict(type='ResNet2Plus1d', depth=34, middle='own'),
        mmaction2_slowfast=dict(type='ResNet3dSlowFast'),
        torchvision_s3d=dict(type='S3D'),
        mmaction2_c3d=dict(type='C3D', out_dim=512, with_bn=True),
    )[scheme]
    head = dict(type='PoolHead', num_classes=3)
    network = build_recognizer(dict(type='Recognizer3D', backbone=model, head=head))
    arrays = {p.name: p.asnumpy() for p in network.get_parameters() if 'dropout' not in p.name}
    names = foreign_names(arrays, maker)
    assert residual_names(names.values()) == (scheme, {names[ours]: ours for ours in arrays})


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda d: d.update({'backbone.layer9.x': d['backbone.conv1.bn.bias']}), 'layer9.x'),
        (lambda d: d['cls_head.fc_cls.bias'].fill_(float('nan')), 'NaN or infinity in cls_head'),
        (lambda d: d.pop('backbone.conv1.conv.weight'), 'conv1.conv.weight is missing'),
        (
            lambda d: d.update({'cls_head.fc_cls.bias': torch.zeros(7, dtype=torch.int32)}),
            'cls_head.fc_cls.bias is int32',
        ),
    ],
)
def test_a_damaged_file_of_pytorchs_is_refused_by_its_tensor(tmp_path, change, message):
    arrays = TorchResNet3d(classes=7, **NETWORKS['r3d_18'][1]).state_dict()
    change(arrays)
    torch.save(arrays, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=message):
        convert(str(tmp_path / 'a.pth'))


@pytest.mark.parametrize(
    'backbone, message',
    [
        (dict(type='ResNet3d', depth=20), 'depth is one of 18, 34, 50, 101, 152; got 20'),
        (dict(type='ResNet3d', inflate=(1, 1)), 'inflate is a number for each of four layers'),
        (dict(type='ResNet3d', non_local=((1, 0), 0, 0, 0)), 'or for each of their blocks .3, 4'),
        (dict(type='ResNet3d', inflate_style='1x3x3'), "inflate_style is '3x1x1' or '3x3x3'"),
        (dict(type='ResNet3d', inflate=5), 'inflate is a number for each of four layers'),
        (dict(type='ResNet3d', temporal_strides=(1, 2)), 'temporal_strides is 4 numbers in a row'),
        (dict(type='ResNet3d', stage_blocks=5), 'stage_blocks is 4 numbers in a row; got 5'),
        (dict(type='ResNet3d', stage_blocks=(1, 1, 0, 1)), 'each number of stage_blocks is'),
        (dict(type='ResNet3d', conv1_kernel=7), 'conv1_kernel is 3 numbers in a row; got 7'),
        (dict(type='ResNet3d', pool1_stride_t=0), 'pool1_stride_t is a whole number from 1; got 0'),
        (dict(type='ResNet3d', norm=3), 'norm is a dict of eps and momentum; got 3'),
        (dict(type='S3D', norm=dict(epsilon=1)), "norm is a dict of .* got {'epsilon': 1}"),
        (dict(type='ResNet3dSlowFast', stage_blocks='1111'), 'stage_blocks is 4 numbers'),
        (dict(type='ResNet3dCSN', depth=18), 'the depth of CSN is 50, 101 or 152; got 18'),
        (dict(type='ResNet3dCSN', bottleneck_mode='x'), "bottleneck_mode is 'ir' or 'ip'"),
        (dict(type='ResNet2Plus1d', depth=50), r'the depth of R.2.1.D is 18 or 34; got 50'),
        (dict(type='ResNet2Plus1d', middle=3), "middle is 'block' or 'own'; got 3"),
    ],
)
def test_what_a_network_has_not_is_refused(backbone, message):
    with pytest.raises((ModelError, ConfigError), match=message):
        build_recognizer(
            dict(type='Recognizer3D', backbone=backbone, head=dict(type='PoolHead', num_classes=2))
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    'name, endpoint, stride',
    [
        ('i3d_r50', 'pool1', 4),
        ('i3d_r50', None, 8),
        ('slowonly_r50', None, 1),
        ('r3d_18', None, 8),
        ('csn_ir_50', 'layer3', 4),
    ],
)
def test_a_step_sees_the_frames_that_the_geometry_says_and_no_others(name, endpoint, stride):
    """The gradient of a step's sum with respect to the clip, by PyTorch."""
    found, context = temporal_geometry(recognizer(name).backbone, endpoint)
    assert found == stride
    theirs = TorchResNet3d(classes=7, **NETWORKS[name][1]).eval()
    frames = stride * (2 * context + 4)
    clip = torch.randn(1, 3, frames, 32, 32, requires_grad=True)
    maps = theirs(clip)[endpoint or 'layer4']
    step = context + 1
    maps[:, :, step].sum().backward()
    seen = clip.grad.abs().sum((0, 1, 3, 4)).nonzero().flatten()
    assert seen.min() >= (step - context) * stride and seen.max() < (step + context + 1) * stride


@pytest.mark.parametrize(
    ('name', 'array', 'message'),
    [
        ('fc.weight', np.ones((0, 512), 'f4'), r'fc.weight has the shape \(0, 512\); expected'),
        ('fc.weight', np.float32(1), r'fc.weight has the shape \(\); expected classes x channels'),
        ('stem.1.running_var', -np.ones(64, 'f4'), 'stem.1.running_var holds variances below 0'),
        ('layer٣.0.conv1.0.weight', np.ones(3, 'f4'), '1 of 103 names are none of the networks'),
        ('layer1.(a+)+$' * 4000, np.ones(3, 'f4'), r"layer1\.\(a[^']{0,100}'$"),
    ],
    ids=['no class', 'a number', 'variance', 'digit', 'long'],
)
def test_what_no_network_has_is_refused_in_a_line(tmp_path, name, array, message):
    names = published()['torchvision/r3d_18']
    state = {theirs: np.broadcast_to(np.float32(1), shape) for theirs, shape in names.items()}
    write_pytorch(str(tmp_path / 'a.pth'), {**state, name: array})
    with pytest.raises(CheckpointError, match=message):
        convert(str(tmp_path / 'a.pth'))


def of_images(path, expansion):
    """Writes ImageNet's kind of file; returns its network."""
    network = randomized(ImageResNet(expansion))
    torch.save(network.state_dict(), path)
    return network


@pytest.mark.parametrize('depth, expansion', [(18, 1), (50, 4)])
def test_weights_of_images_give_a_still_video_what_they_gave_the_image(depth, expansion, tmp_path):
    theirs = of_images(tmp_path / 'resnet.pth', expansion)
    backbone = dict(
        type='ResNet3d',
        depth=depth,
        with_pool2=False,
        inflate=(1, 0, 0, 1),
        non_local=(0, 0, 0, 1),
        stage_blocks=(1, 1, 1, 1),
    )
    head = dict(type='PoolHead', num_classes=5)
    ours = build_recognizer(dict(type='Recognizer3D', backbone=backbone, head=head))
    (report,) = load_weights(ours, str(tmp_path / 'resnet.pth'))
    convolutions = [p for p in theirs.parameters() if p.ndim == 4]
    assert report.new_head and report.inflated == len(convolutions)
    assert f'{len(convolutions)} filters are of images, and repeated over time' in str(report)
    image = np.random.default_rng(0).normal(size=(1, 3, 64, 64)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(image)).numpy()
    # a new non-local block adds nothing
    still = np.repeat(image[:, :, None], 13, axis=2)
    found = ours.backbone(Tensor(still)).asnumpy()
    middle = found[:, :, found.shape[2] // 2]  # which sees no edge of the clip
    np.testing.assert_allclose(middle, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_weights_of_images_start_flow_and_answer_nothing_by_themselves(tmp_path):
    theirs = of_images(tmp_path / 'resnet.pth', 1)
    backbone = dict(type='ResNet3dSlowOnly', depth=18, stage_blocks=(1, 1, 1, 1))
    model = dict(type='Recognizer3D', backbone=backbone, head=dict(type='PoolHead', num_classes=5))
    flow = build_recognizer(dict(model, modality='Flow'))
    load_weights(flow, dict(type='cross_modality', checkpoint=str(tmp_path / 'resnet.pth')))
    first = theirs.conv1.weight.detach().numpy().mean(1, keepdims=True)[:, :, None]
    found = flow.backbone.conv1.conv.weight.asnumpy()
    np.testing.assert_allclose(found, np.repeat(first, 2, axis=1), rtol=1e-5, atol=1e-7)
    with pytest.raises(CheckpointError, match='has no head; it is for fine-tuning'):
        load_weights(build_recognizer(model), str(tmp_path / 'resnet.pth'), new_head='never')
    assert main('convert_weights', [str(tmp_path / 'resnet.pth'), str(tmp_path / 'kept.ckpt')]) == 0
    (report,) = load_weights(build_recognizer(model), str(tmp_path / 'kept.ckpt'))
    assert report.inflated == 12
    with pytest.raises(CheckpointError, match='a network of images .backbone.conv1.conv.weight'):
        to_pytorch(load_checkpoint(str(tmp_path / 'kept.ckpt'))[0], 'torchvision')


def test_filters_of_images_of_another_size_are_told_as_they_are(tmp_path):
    arrays = ImageResNet(1).state_dict()
    arrays['layer1.0.conv1.weight'] = torch.zeros(64, 64, 5, 5)
    torch.save(arrays, tmp_path / 'resnet.pth')
    backbone = dict(type='ResNet3d', depth=18, stage_blocks=(1, 1, 1, 1))
    model = dict(type='Recognizer3D', backbone=backbone, head=dict(type='PoolHead', num_classes=5))
    with pytest.raises(CheckpointError, match=r'conv1.conv.weight: \(64, 64, 5, 5\) in the file'):
        load_weights(build_recognizer(model), str(tmp_path / 'resnet.pth'))


def test_a_csn_is_none_of_torchvisions():
    head = dict(type='PoolHead', num_classes=3)
    backbone = dict(type='ResNet3dCSN', depth=50, stage_blocks=(1, 1, 1, 1))
    network = build_recognizer(dict(type='Recognizer3D', backbone=backbone, head=head))
    arrays = {p.name: p.asnumpy() for p in network.get_parameters() if 'dropout' not in p.name}
    with pytest.raises(CheckpointError, match='torchvision has no network'):
        to_pytorch(arrays, 'torchvision')
