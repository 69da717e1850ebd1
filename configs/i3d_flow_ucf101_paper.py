"""The flow stream on UCF101: full fine-tuning as in the paper."""

_base_ = ['_base_/i3d_flow.py', '_base_/ucf101.py', '_base_/paper.py', '_base_/runtime.py']

model = dict(head=dict(num_classes=101))
load_from = 'zoo://i3d_flow_kinetics400'
flow = dict(modality='Flow', source='frames')
data = dict(train=flow, val=flow, test=flow)
