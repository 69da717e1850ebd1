"""R(2+1)D-18 on Kinetics-400, otherwise as R3D-18."""

_base_ = ['r3d_18_kinetics400.py']

model = dict(backbone=dict(_delete_=True, type='ResNet2Plus1d', depth=18))
