"""S3D on Kinetics-400.

torchvision's: 128 frames, every second of a video of 30 a second, 224 x 224; one clip. Its weights
were trained by others, with no recipe.
"""

_base_ = ['_base_/kinetics400.py', '_base_/runtime.py']

model = dict(
    type='Recognizer3D',
    average_clips='prob',
    backbone=dict(type='S3D'),
    head=dict(type='I3DHead', num_classes=400, dropout=0.2),
)
_clip = dict(clip_len=128, frame_interval=2)
_sizes = dict(_delete_=True, type='Resize', scale=(256, 256), keep_ratio=False)
_crop = dict(_delete_=True, type='CenterCrop', size=224, rounded=True)
data = dict(
    train=dict(pipeline={1: _clip}),
    val=dict(pipeline={1: _clip, 3: _sizes}),
    test=dict(pipeline={1: dict(_clip, mode='centre', num_clips=1), 3: _sizes, 4: _crop}),
)
optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4)
schedule = dict(type='CosineLR', warmup_epochs=10)
total_epochs = 45
