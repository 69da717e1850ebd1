"""SlowOnly on ResNet-50, 4x16, on Kinetics-400.

mmaction2's recipe, made for 8 devices of batch 8, and its protocol: ten clips, three places of
each.
"""

_base_ = ['_base_/kinetics400.py', '_base_/runtime.py']

model = dict(
    type='Recognizer3D',
    average_clips='prob',
    backbone=dict(type='ResNet3dSlowOnly', depth=50),
    head=dict(type='PoolHead', num_classes=400, dropout=0.5),
)
_clip = {1: dict(clip_len=4, frame_interval=16)}
data = dict(
    train=dict(pipeline=_clip),
    val=dict(pipeline=_clip),
    test=dict(pipeline=_clip),
)
optimizer = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4)
clip_grad_norm = 40.0
schedule = dict(type='CosineLR', warmup_epochs=34)
total_epochs = 256
