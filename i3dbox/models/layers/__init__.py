"""Building blocks of 3D networks."""

from .conv_unit import Conv2Plus1d, ConvUnit, DepthwiseConv3d
from .dropout import Dropout
from .non_local import NonLocal3d
from .norm import BatchNorm3d
from .pool import EachNth, MaxPool3d, PaddedMaxPool, TimeMaxPool, ZeroPaddedMaxPool
from .unit3d import Unit3D

__all__ = [
    'BatchNorm3d',
    'Conv2Plus1d',
    'ConvUnit',
    'DepthwiseConv3d',
    'Dropout',
    'EachNth',
    'MaxPool3d',
    'NonLocal3d',
    'PaddedMaxPool',
    'TimeMaxPool',
    'Unit3D',
    'ZeroPaddedMaxPool',
]
