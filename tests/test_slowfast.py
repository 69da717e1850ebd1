"""SlowFast answers as an independent one in PyTorch does, and its checkpoints convert."""

import mindspore as ms
import numpy as np
import pytest

torch = pytest.importorskip('torch')

from mindspore import Tensor  # noqa: E402
from test_resnet3d import Stages, load  # noqa: E402
from torch import nn  # noqa: E402
from torch_resnet3d import COUNTS, Block, Conv, randomized  # noqa: E402

from i3dbox.errors import ModelError  # noqa: E402
from i3dbox.models import build_recognizer  # noqa: E402
from i3dbox.weights.conversion import convert  # noqa: E402
from i3dbox.weights.resnet_names import residual_names  # noqa: E402

pytestmark = pytest.mark.slow


class Pathway(nn.Module):
    """A pathway, named as mmaction2 names it."""

    def __init__(self, depth, base, kernel, inflate, lateral=None):
        super().__init__()
        self.conv1 = Conv(3, base, (kernel, 7, 7), (1, 2, 2))
        if lateral:
            self.conv1_lateral = lateral(base // 8)
        channels = base
        for layer, count in enumerate(COUNTS[depth]):
            if lateral:
                channels += 2 * (channels // 8)
            width = base * 2**layer
            blocks = []
            for block in range(count):
                stride = (1, 2, 2) if layer and block == 0 else (1, 1, 1)
                time = 3 if inflate[layer] else 1
                blocks.append(Block(channels, width, depth, stride, time, '3x1x1', False))
                channels = width if depth < 50 else 4 * width
            setattr(self, f'layer{layer + 1}', nn.Sequential(*blocks))
            if lateral and layer < 3:
                setattr(self, f'layer{layer + 1}_lateral', lateral(channels // 8))


class TorchSlowFast(nn.Module):
    """Returns both pathways' outputs of its stages by name, and its logits last."""

    def __init__(self, depth, rate=8, ratio=8, kernel=5, with_norm=False):
        super().__init__()
        self.rate, self.ratio = rate, ratio

        def lateral(channels):
            shape = channels, 2 * channels, (kernel, 1, 1), (ratio, 1, 1)
            if with_norm:
                return Conv(*shape)
            module = nn.Sequential()
            module.add_module('conv', nn.Conv3d(*shape, padding=(kernel // 2, 0, 0), bias=False))
            return module

        self.backbone = nn.Module()
        self.backbone.slow_path = Pathway(depth, 64, 1, (0, 0, 1, 1), lateral)
        self.backbone.fast_path = Pathway(depth, 8, 5, (1, 1, 1, 1))
        self.cls_head = nn.Module()
        self.cls_head.fc_cls = nn.Linear(2304 if depth >= 50 else 576, 7)

    def forward(self, x):
        found = {}
        slow, fast = self.backbone.slow_path, self.backbone.fast_path
        a, b = x[:, :, :: self.rate], x[:, :, :: self.rate // self.ratio]
        for name in ('conv1', 'layer1', 'layer2', 'layer3', 'layer4'):
            a, b = getattr(slow, name)(a), getattr(fast, name)(b)
            if name == 'conv1':
                a, b = (
                    nn.functional.max_pool3d(p, (1, 3, 3), (1, 2, 2), (0, 1, 1)) for p in (a, b)
                )
            if name != 'layer4':
                a = torch.cat((a, getattr(slow, f'{name}_lateral')(b)), 1)
            found[name] = a, b
        found['logits'] = self.cls_head.fc_cls(
            torch.cat([part.mean((2, 3, 4)) for part in (b, a)], 1)
        )
        return found


def recognizer(**changes):
    return build_recognizer(
        dict(
            type='Recognizer3D',
            backbone=dict(type='ResNet3dSlowFast', **changes),
            head=dict(type='PoolHead', num_classes=7, dropout=0.0),
        )
    )


def clip(frames, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (1, 3, frames, 40, 33)).astype(np.float32)


@pytest.fixture(scope='module')
def answers():
    """(our stages by name, PyTorch's) of one clip, in the form of 8x8 with two frames a step of the
    fast pathway left out.
    """
    kinds = dict(rate=8, ratio=4, kernel=7)
    theirs = randomized(TorchSlowFast(50, **kinds))
    ours = recognizer(resample_rate=8, speed_ratio=4, fusion_kernel=7)
    load(ours, theirs.state_dict())
    imgs = clip(16)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(imgs))
    ms.set_context(mode=ms.GRAPH_MODE)
    outputs = Stages(ours).set_train(False)(Tensor(imgs))
    return dict(zip([*ours.backbone.name_cells(), 'logits'], outputs)), expected


def test_every_stage_and_the_logits_are_pytorchs(answers):
    ours, theirs = answers
    for name, (slow, fast) in list(theirs.items())[:-1]:
        found = ours[name].asnumpy()
        n, c, t, h, w = slow.shape
        ratio = fast.shape[2] // t
        packed = fast.numpy().reshape(n, -1, t, ratio, h, w).transpose(0, 1, 3, 2, 4, 5)
        expected = np.concatenate((slow.numpy(), packed.reshape(n, -1, t, h, w)), 1)
        assert found.shape == expected.shape, name
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max(), name
    logits = theirs['logits'].numpy()
    assert np.abs(ours['logits'].asnumpy() - logits).max() < 1e-4 * np.abs(logits).max()


def test_gradients_are_pytorchs():
    theirs = randomized(TorchSlowFast(18, with_norm=True))
    ours = recognizer(depth=18, fusion_norm=True).set_train(False)
    load(ours, theirs.state_dict())
    imgs = clip(16, seed=1)
    theirs(torch.from_numpy(imgs))['logits'].square().sum().backward()
    ms.set_context(mode=ms.GRAPH_MODE)
    parameters = ours.trainable_params()

    def loss(x):
        return (ours.classify(x) ** 2).sum()

    found = ms.grad(loss, None, parameters)(Tensor(imgs))
    names = residual_names(theirs.state_dict())[1]
    expected = {names[name]: tensor.grad.numpy() for name, tensor in theirs.named_parameters()}
    assert len(found) == len(expected)
    for parameter, gradient in zip(parameters, found):
        value = expected[parameter.name].reshape(gradient.shape)
        limit = 1e-3 * np.abs(value).max()
        assert np.abs(gradient.asnumpy() - value).max() < max(limit, 1e-6), parameter.name


@pytest.fixture(scope='module')
def small():
    """A backbone, for testing, in MindSpore's eager mode."""
    return recognizer(depth=18).backbone.set_train(False)


def test_a_clip_goes_on_with_its_last_frame_to_whole_steps(small):
    ms.set_context(mode=ms.PYNATIVE_MODE)
    imgs = clip(16)
    imgs[:, :, 11:] = imgs[:, :, 10:11]
    np.testing.assert_array_equal(
        small(Tensor(imgs[:, :, :11])).asnumpy(), small(Tensor(imgs)).asnumpy()
    )


@pytest.mark.parametrize('endpoint', ['conv1', 'layer2', 'together'])
def test_a_step_sees_the_frames_that_the_geometry_says_and_no_others(endpoint):
    """The gradient of a step's sum with respect to the clip, by PyTorch."""
    rate, context = recognizer(depth=18).backbone.temporal_geometry(endpoint)
    assert rate == 8
    steps = 2 * context + 3
    imgs = torch.randn(1, 3, steps * rate, 32, 32, requires_grad=True)
    slow, fast = TorchSlowFast(18).eval()(imgs)['layer4' if endpoint == 'together' else endpoint]
    step = context + 1
    of_fast = fast.reshape(*fast.shape[:2], steps, 8, *fast.shape[3:])
    (slow[:, :, step].sum() + of_fast[:, :, step].sum()).backward()
    seen = imgs.grad.abs().sum((0, 1, 3, 4)).nonzero().flatten()
    assert seen.min() >= (step - context) * rate and seen.max() < (step + context + 1) * rate
    assert seen.min() < (step - context + 1) * rate or seen.max() >= (step + context) * rate


def test_pytorchvideos_head_takes_the_slow_pathway_first(tmp_path):
    arrays = {
        'blocks.0.multipathway_blocks.0.conv.weight': torch.zeros(64, 3, 1, 7, 7),
        'blocks.4.multipathway_blocks.1.res_blocks.0.branch1_conv.weight': torch.zeros(
            2, 1, 1, 1, 1
        ),
        'blocks.6.proj.weight': torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]),
    }
    for stage in (1, 2, 3):
        arrays[f'blocks.{stage}.multipathway_fusion.norm.weight'] = torch.zeros(1)
    torch.save(arrays, tmp_path / 'a.pyth')
    parameters = convert(str(tmp_path / 'a.pyth')).parameters
    assert parameters['head.logits.weight'].ravel().tolist() == [4, 5, 1, 2, 3]


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(resample_rate=8, speed_ratio=3), 'a multiple of speed_ratio; got 8 and 3'),
        (dict(channel_ratio=7), 'channel_ratio divides 64; got 7'),
        (dict(fusion_kernel=4), 'fusion_kernel is odd; got 4'),
        (dict(depth=20), 'depth is one of 18, 34, 50, 101, 152; got 20'),
    ],
)
def test_what_it_has_not_is_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        recognizer(**changes)
