"""A small C3D (Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks",
2015), written outside of i3dbox: an example of a backbone of one's own."""

from mindspore import nn

from i3dbox.models.layers import BatchNorm3d
from i3dbox.registry import BACKBONES


@BACKBONES.register
class SmallC3D(nn.Cell):
    """Four 3x3x3 convolutions, each followed by batch norm, ReLU and a max pool.

    Inputs: N x in_channels x T x H x W float, T >= 8, H and W >= 16.
    Outputs: N x 8 * width x T/8 x H/16 x W/16.
    """

    min_input = (8, 16, 16)  # what Recognizer3D refuses a smaller clip by

    def __init__(self, in_channels=3, width=16):
        super().__init__()
        cells = []
        for stage in range(4):
            out_channels = width << stage
            pool = (1, 2, 2) if stage == 0 else 2
            cells += [
                nn.Conv3d(in_channels, out_channels, 3, pad_mode='same'),
                BatchNorm3d(out_channels, momentum=0.9),
                nn.ReLU(),
                nn.MaxPool3d(pool, pool),
            ]
            in_channels = out_channels
        self.layers = nn.SequentialCell(cells)
        self.out_channels = in_channels

    def construct(self, x):
        return self.layers(x)
