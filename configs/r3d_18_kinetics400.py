"""R3D-18 on Kinetics-400.

torchvision's: 16 frames, every second of a video of 30 a second, 112 x 112; five clips. Its
recipe was made for 8 devices of batch 16, with a rate of 0.01 each.
"""

_base_ = ['_base_/kinetics400.py', '_base_/runtime.py']

model = dict(
    type='Recognizer3D',
    average_clips='prob',
    backbone=dict(
        type='ResNet3d', depth=18, with_pool1=False, with_pool2=False, temporal_strides=(1, 2, 2, 2)
    ),
    head=dict(type='PoolHead', num_classes=400, dropout=0.0),
    data_preprocessor=dict(
        mean=[110.2008, 100.6398, 95.99475], std=[58.14765, 56.46975, 55.332195]
    ),
)
data = dict(
    batch_size=16,  # a rank
    train=dict(pipeline={1: dict(clip_len=16, frame_interval=2), 5: dict(scale=(112, 112))}),
    val=dict(
        pipeline={
            1: dict(clip_len=16, frame_interval=2),
            3: dict(_delete_=True, type='Resize', scale=(171, 128), keep_ratio=False),
            4: dict(size=112, rounded=True),
        }
    ),
    test=dict(
        pipeline={
            1: dict(clip_len=16, frame_interval=2, num_clips=5),
            3: dict(_delete_=True, type='Resize', scale=(171, 128), keep_ratio=False),
            4: dict(_delete_=True, type='CenterCrop', size=112, rounded=True),
        }
    ),
)
optimizer = dict(type='SGD', lr=0.08, momentum=0.9, weight_decay=1e-4)
schedule = dict(type='MultiStepLR', milestones=[20, 30, 40], warmup_epochs=10)
total_epochs = 45
