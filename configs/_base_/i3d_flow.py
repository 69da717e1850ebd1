"""The flow stream."""

_base_ = './i3d_rgb.py'
model = dict(modality='Flow')
