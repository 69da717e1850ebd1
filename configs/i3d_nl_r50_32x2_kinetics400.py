"""I3D on ResNet-50 with non-local blocks, 32x2, on Kinetics-400, otherwise as without."""

_base_ = ['i3d_r50_32x2_kinetics400.py']

model = dict(backbone=dict(non_local=((0, 0, 0), (0, 1, 0, 1), (0, 1, 0, 1, 0, 1), (0, 0, 0))))
