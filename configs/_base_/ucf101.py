"""UCF101, split 1: 64 frames of 224 x 224, from the videos.

Another split: data.train.split=2 data.val.split=2 data.test.split=2. From folders of frames, or
from packed
ones: data.train.source=frames (or packed), and likewise for val and test.
"""

train_pipeline = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=64),
    dict(type='DecodeClip'),
    dict(type='Resize', short_side=256),
    dict(type='ComputeFlow'),  # for the flow stream where its source is 'video'
    dict(type='RandomCrop', size=224),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='PackClips'),
]
opening = dict(type='OpenClip')
rest = [
    dict(type='DecodeClip'),
    dict(type='Resize', short_side=256),
    dict(type='ComputeFlow'),  # for the flow stream where its source is 'video'
    dict(type='CenterCrop', size=224),
    dict(type='PackClips'),
]
# validation while training: one clip from the middle; testing: the whole video, as the authors do
val_pipeline = [opening, dict(type='SampleFrames', clip_len=64, mode='centre'), *rest]
test_pipeline = [opening, dict(type='SampleFrames', clip_len=64, mode='whole'), *rest]
data = dict(
    batch_size=8,  # a rank
    num_workers=4,
    val_loader=dict(batch_size=1),
    test_loader=dict(batch_size=1),
    train=dict(
        type='UCF101Dataset', data_root='data/ucf101', subset='train', pipeline=train_pipeline
    ),
    val=dict(type='UCF101Dataset', data_root='data/ucf101', subset='test', pipeline=val_pipeline),
    test=dict(type='UCF101Dataset', data_root='data/ucf101', subset='test', pipeline=test_pipeline),
)
