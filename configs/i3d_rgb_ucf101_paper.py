"""The RGB stream on UCF101: full fine-tuning as in the paper."""

_base_ = ['_base_/i3d_rgb.py', '_base_/ucf101.py', '_base_/paper.py', '_base_/runtime.py']

model = dict(head=dict(num_classes=101))
load_from = 'zoo://i3d_rgb_kinetics400'
