"""The RGB stream on the built-in data set, from scratch; minutes on a laptop."""

_base_ = ['_base_/i3d_rgb.py', '_base_/synthetic.py', '_base_/runtime.py']

# momentum: the moving statistics must settle within a few hundred steps
model = dict(backbone=dict(norm=dict(momentum=0.9)), head=dict(num_classes=8))
optimizer = dict(type='Adam', lr=0.001)
schedule = dict(type='CosineLR', warmup_epochs=0.5)
total_epochs = 8
