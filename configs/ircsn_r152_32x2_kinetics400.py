"""ir-CSN on ResNet-152, 32x2, on Kinetics-400, otherwise as on ResNet-50."""

_base_ = ['ircsn_r50_32x2_kinetics400.py']

model = dict(backbone=dict(depth=152))
