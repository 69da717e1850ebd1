"""i3dbox: two-stream Inflated 3D ConvNets for action recognition on MindSpore.

Importing the package imports neither MindSpore nor OpenCV; the parts do, when they are built.
"""

__version__ = '0.1.0'

from .moved import install

install()
