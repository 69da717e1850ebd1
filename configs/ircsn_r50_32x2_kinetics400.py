"""ir-CSN on ResNet-50, 32x2, on Kinetics-400.

mmaction2's recipe, made for 8 devices of batch 12 and weights of IG-65M, and its protocol: ten
clips, three places of each.
"""

_base_ = ['_base_/kinetics400.py', '_base_/runtime.py']

model = dict(
    type='Recognizer3D',
    average_clips='prob',
    backbone=dict(type='ResNet3dCSN', depth=50, bottleneck_mode='ir'),
    head=dict(type='PoolHead', num_classes=400, dropout=0.5),
)
_clip = {1: dict(clip_len=32, frame_interval=2)}
data = dict(
    batch_size=12,  # a rank
    train=dict(pipeline=_clip),
    val=dict(pipeline=_clip),
    test=dict(pipeline=_clip),
)
freeze = dict(freeze_norm=True)  # as the weights bring it
optimizer = dict(type='SGD', lr=5e-4, momentum=0.9, weight_decay=1e-4)
clip_grad_norm = 40.0
schedule = dict(type='MultiStepLR', milestones=[32, 48], warmup_epochs=16)
total_epochs = 58
