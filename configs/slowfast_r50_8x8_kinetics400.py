"""SlowFast on ResNet-50, 8x8, on Kinetics-400, otherwise as 4x16."""

_base_ = ['slowfast_r50_4x16_kinetics400.py']

model = dict(backbone=dict(resample_rate=4, speed_ratio=4, fusion_kernel=7))
