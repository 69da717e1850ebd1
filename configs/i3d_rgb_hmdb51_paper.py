"""The RGB stream on HMDB51: full fine-tuning as in the paper."""

_base_ = ['_base_/i3d_rgb.py', '_base_/hmdb51.py', '_base_/paper.py', '_base_/runtime.py']

model = dict(head=dict(num_classes=51))
load_from = 'zoo://i3d_rgb_kinetics400'
