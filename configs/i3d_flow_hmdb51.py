"""The flow stream on HMDB51, by the original's recipe."""

_base_ = ['_base_/i3d_flow.py', '_base_/hmdb51.py', '_base_/original_flow.py', '_base_/runtime.py']

model = dict(head=dict(num_classes=51))
flow = dict(modality='Flow', source='frames')
data = dict(train=flow, val=flow, test=flow)
