"""The flow stream on the built-in data set, from scratch; minutes on a laptop."""

_base_ = ['_base_/i3d_flow.py', '_base_/synthetic_flow.py', '_base_/runtime.py']

# 8 classes; the moving statistics must settle within a few hundred steps
model = dict(backbone=dict(norm=dict(momentum=0.9)), head=dict(num_classes=8, dropout=0.2))
optimizer = dict(type='Adam', lr=0.001)
schedule = dict(type='CosineLR', warmup_epochs=1)
total_epochs = 10
