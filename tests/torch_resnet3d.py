"""Independent residual networks over video, and over images, in PyTorch, written from the papers.

Their parameters are named as mmaction2 names them, of images as torchvision does. They share
nothing with the package.
"""

import torch
from torch import nn
from torch.nn import functional as F

COUNTS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


class Conv(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=(1, 1, 1), relu=True, groups=1, eps=1e-5):
        super().__init__()
        padding = tuple(k // 2 for k in kernel)
        self.conv = nn.Conv3d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=eps)
        self.relu = relu

    def forward(self, x):
        x = self.bn(self.conv(x))
        return F.relu(x) if self.relu else x


class SpaceTime(nn.Module):
    """mmcv's Conv2plus1d with the norm and activation that a ConvModule puts behind it."""

    def __init__(self, inputs, outputs, kernel, stride=(1, 1, 1), relu=True):
        super().__init__()
        t, h, w = kernel
        middle = int(3 * inputs * outputs * h * w / (inputs * h * w + 3 * outputs))
        self.conv = nn.Module()
        self.conv.conv_s = nn.Conv3d(
            inputs, middle, (1, h, w), (1, *stride[1:]), (0, h // 2, w // 2), bias=False
        )
        self.conv.bn_s = nn.BatchNorm3d(middle)
        self.conv.conv_t = nn.Conv3d(
            middle, outputs, (t, 1, 1), (stride[0], 1, 1), (t // 2, 0, 0), bias=False
        )
        self.bn = nn.BatchNorm3d(outputs)
        self.relu = relu

    def forward(self, x):
        x = F.relu(self.conv.bn_s(self.conv.conv_s(x)))
        x = self.bn(self.conv.conv_t(x))
        return F.relu(x) if self.relu else x


class NonLocal(nn.Module):
    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.g = nn.Sequential(self._pointwise(channels, half), nn.MaxPool3d((1, 2, 2)))
        self.theta = self._pointwise(channels, half)
        self.phi = nn.Sequential(self._pointwise(channels, half), nn.MaxPool3d((1, 2, 2)))
        self.conv_out = nn.Module()
        self.conv_out.conv = nn.Conv3d(half, channels, 1, bias=False)
        self.conv_out.bn = nn.BatchNorm3d(channels)

    @staticmethod
    def _pointwise(inputs, outputs):
        module = nn.Sequential()
        module.add_module('conv', nn.Conv3d(inputs, outputs, 1))
        return module

    def forward(self, x):
        theta = self.theta(x).flatten(2)
        phi = self.phi(x).flatten(2)
        g = self.g(x).flatten(2)
        weights = torch.einsum('nci,ncj->nij', theta, phi).softmax(-1)
        found = torch.einsum('nij,ncj->nci', weights, g).reshape(*g.shape[:2], *x.shape[2:])
        return x + self.conv_out.bn(self.conv_out.conv(found))


class Block(nn.Module):
    def __init__(self, inputs, width, depth, stride, time, kind, attends):
        super().__init__()
        outputs = width if depth < 50 else 4 * width
        eps = 1e-3 if kind in ('ir', 'ip') else 1e-5
        if kind == '2plus1d':
            self.conv1 = SpaceTime(inputs, width, (time, 3, 3), stride)
            self.conv2 = SpaceTime(width, width, (time, 3, 3), relu=False)
        elif depth < 50:
            self.conv1 = Conv(inputs, width, (time, 3, 3), stride)
            self.conv2 = Conv(width, width, (time, 3, 3), relu=False)
        elif kind in ('ir', 'ip'):
            self.conv1 = Conv(inputs, width, (1, 1, 1), eps=eps)
            separated = Conv(width, width, (time, 3, 3), stride, groups=width, eps=eps)
            whole = [Conv(width, width, (1, 1, 1), relu=False, eps=eps)] if kind == 'ip' else []
            self.conv2 = nn.Sequential(*whole, separated)
            self.conv3 = Conv(width, outputs, (1, 1, 1), relu=False, eps=eps)
        else:
            first, second = (time, 1) if kind == '3x1x1' else (1, time)
            self.conv1 = Conv(inputs, width, (first, 1, 1))
            self.conv2 = Conv(width, width, (second, 3, 3), stride)
            self.conv3 = Conv(width, outputs, (1, 1, 1), relu=False)
        if stride != (1, 1, 1) or inputs != outputs:
            if kind == '2plus1d':
                self.downsample = SpaceTime(inputs, outputs, (1, 1, 1), stride, relu=False)
            else:
                self.downsample = Conv(inputs, outputs, (1, 1, 1), stride, relu=False, eps=eps)
        if attends:
            self.non_local_block = NonLocal(outputs)

    def forward(self, x):
        y = self.conv2(self.conv1(x))
        y = self.conv3(y) if hasattr(self, 'conv3') else y
        x = F.relu((self.downsample(x) if hasattr(self, 'downsample') else x) + y)
        return self.non_local_block(x) if hasattr(self, 'non_local_block') else x


class TorchResNet3d(nn.Module):
    """Returns the outputs of its stages by name, and its logits last."""

    def __init__(
        self,
        depth,
        classes,
        kind='3x1x1',
        inputs=3,
        conv1=(3, 7, 7),
        conv1_stride=1,
        pool1=1,
        pool2=False,
        temporal=(1, 1, 1, 1),
        inflate=(1, 1, 1, 1),
        non_local=(0, 0, 0, 0),
    ):
        super().__init__()
        stem = SpaceTime if kind == '2plus1d' else Conv
        eps = dict(eps=1e-3) if kind in ('ir', 'ip') else {}
        self.backbone = nn.Module()
        self.backbone.conv1 = stem(inputs, 64, conv1, (conv1_stride, 2, 2), **eps)
        self.pool1, self.pool2 = pool1, pool2
        channels = 64
        for layer, count in enumerate(COUNTS[depth]):
            blocks = []
            for block in range(count):
                space = 2 if layer and block == 0 else 1
                stride = (temporal[layer] if block == 0 else 1, space, space)
                sees, attends = (
                    given[layer][block] if isinstance(given[layer], tuple) else given[layer]
                    for given in (inflate, non_local)
                )
                width = 64 * 2**layer
                blocks.append(Block(channels, width, depth, stride, 1 + 2 * sees, kind, attends))
                channels = width if depth < 50 else 4 * width
            setattr(self.backbone, f'layer{layer + 1}', nn.Sequential(*blocks))
        self.cls_head = nn.Module()
        self.cls_head.fc_cls = nn.Linear(channels, classes)

    def forward(self, x):
        found = {}
        x = found['conv1'] = self.backbone.conv1(x)
        if self.pool1:
            x = F.max_pool3d(x, (1, 3, 3), (self.pool1, 2, 2), (0, 1, 1))
            found['pool1'] = x
        for layer in range(1, 5):
            x = found[f'layer{layer}'] = getattr(self.backbone, f'layer{layer}')(x)
            if layer == 1 and self.pool2:
                x = found['pool2'] = F.max_pool3d(x, (2, 1, 1), (2, 1, 1))
        found['logits'] = self.cls_head.fc_cls(x.mean((2, 3, 4)))
        return found


class ImageResNet(nn.Module):
    """torchvision's resnet18 and resnet50 with a block a layer, without the average pool and fc."""

    def __init__(self, expansion):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for number, width in enumerate((64, 128, 256, 512), 1):
            block = ImageBlock(channels, width, expansion, 1 if number == 1 else 2)
            setattr(self, f'layer{number}', nn.Sequential(block))
            channels = width * expansion
        self.fc = nn.Linear(channels, 1000)

    def forward(self, x):
        x = F.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class ImageBlock(nn.Module):
    def __init__(self, channels, width, expansion, stride):
        super().__init__()
        out = width * expansion
        # kernel and stride of each convolution
        shapes = [(3, stride), (3, 1)] if expansion == 1 else [(1, 1), (3, stride), (1, 1)]
        widths = [channels, *[width] * (len(shapes) - 1), out]
        for number, (kernel, step) in enumerate(shapes, 1):
            ends = widths[number - 1 : number + 1]
            conv = nn.Conv2d(*ends, kernel, step, kernel // 2, bias=False)
            setattr(self, f'conv{number}', conv)
            setattr(self, f'bn{number}', nn.BatchNorm2d(widths[number]))
        self.units = len(shapes)
        self.downsample = None
        if stride > 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x):
        y = x
        for number in range(1, self.units + 1):
            y = getattr(self, f'bn{number}')(getattr(self, f'conv{number}')(y))
            y = torch.relu(y) if number < self.units else y
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


def randomized(network, seed=0):
    """Gives all parameters and statistics values that matter; returns the network, for testing."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            nn.init.uniform_(module.weight, 0.5, 1.0)
            nn.init.normal_(module.bias, 0, 0.1)
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        if isinstance(module, nn.Conv3d) and module.bias is not None:
            nn.init.normal_(module.bias, 0, 0.1)
    if hasattr(network, 'cls_head'):
        nn.init.normal_(network.cls_head.fc_cls.weight, 0, 0.1)
    return network.eval()
