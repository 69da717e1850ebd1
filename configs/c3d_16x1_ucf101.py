"""C3D on UCF101, split 1: 16 neighbouring frames of 112 x 112.

mmaction2's recipe, made for 8 devices of batch 30 and weights of Sports-1M, and its protocol: ten
clips.
"""

_base_ = ['_base_/ucf101.py', '_base_/runtime.py']

model = dict(
    type='Recognizer3D',
    modality='RGB',
    average_clips='prob',
    backbone=dict(type='C3D'),
    head=dict(type='PoolHead', num_classes=101, dropout=0.5),
)
_clip = dict(clip_len=16)
_sizes = dict(_delete_=True, type='Resize', scale=(171, 128), keep_ratio=False)
_crop = dict(size=112)
data = dict(
    batch_size=30,
    train=dict(pipeline={1: _clip, 3: _sizes, 5: _crop}),
    val=dict(pipeline={1: _clip, 3: _sizes, 5: _crop}),
    test=dict(
        pipeline={1: dict(_clip, mode='uniform', num_clips=10), 3: _sizes, 5: _crop},
    ),
)
optimizer = dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=5e-4)
clip_grad_norm = 40.0
schedule = dict(type='MultiStepLR', milestones=[20, 40])
total_epochs = 45
