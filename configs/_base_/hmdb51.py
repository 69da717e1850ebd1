"""HMDB51, split 1: as UCF101."""

_base_ = './ucf101.py'
dataset = dict(type='HMDB51Dataset', data_root='data/hmdb51')
data = dict(train=dataset, val=dataset, test=dataset)
