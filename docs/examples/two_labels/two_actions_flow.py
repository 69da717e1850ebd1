"""The flow stream on two videos side by side, each class with a probability of its own."""

_base_ = './two_actions_rgb.py'

model = dict(modality='Flow')
flow = dict(modality='Flow')
data = dict(train=flow, val=flow, test=flow)
