"""Building blocks of 3D networks."""

from .dropout import Dropout
from .norm import BatchNorm3d
from .pool import MaxPool3d
from .unit3d import Unit3D

__all__ = ['BatchNorm3d', 'Dropout', 'MaxPool3d', 'Unit3D']
