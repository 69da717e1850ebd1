"""R(2+1)D on ResNet-34, 8x8, on Kinetics-400.

mmaction2's recipe, made for 8 devices of batch 8, and its protocol: ten clips, three places of
each.
"""

_base_ = ['_base_/kinetics400.py', '_base_/runtime.py']

model = dict(
    type='Recognizer3D',
    average_clips='prob',
    backbone=dict(
        type='ResNet2Plus1d', depth=34, middle='own', with_pool1=True, norm=dict(eps=1e-3)
    ),
    head=dict(type='PoolHead', num_classes=400, dropout=0.5),
)
optimizer = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4)
clip_grad_norm = 40.0
schedule = dict(type='CosineLR')
total_epochs = 180
