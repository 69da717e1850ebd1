"""The RGB stream on HMDB51, by the original's recipe."""

_base_ = ['_base_/i3d_rgb.py', '_base_/hmdb51.py', '_base_/original_rgb.py', '_base_/runtime.py']

model = dict(head=dict(num_classes=51))
