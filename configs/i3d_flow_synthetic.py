"""The flow stream on the built-in data set, from scratch; minutes on a laptop."""

_base_ = './i3d_rgb_synthetic.py'

model = dict(modality='Flow')
flow = dict(modality='Flow')
data = dict(train=flow, val=flow, test=flow)
total_epochs = 4
