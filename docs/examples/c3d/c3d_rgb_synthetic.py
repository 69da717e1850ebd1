"""The small C3D of c3d.py on the built-in data set."""

_base_ = '../../../configs/i3d_rgb_synthetic.py'

custom_imports = dict(imports=['c3d'])  # found beside this file
model = dict(backbone=dict(_delete_=True, type='SmallC3D', width=16))
