"""MC3-18 on Kinetics-400, otherwise as R3D-18."""

_base_ = ['r3d_18_kinetics400.py']

model = dict(backbone=dict(temporal_strides=(1, 1, 1, 1), inflate=(1, 0, 0, 0)))
