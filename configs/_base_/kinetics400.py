"""Kinetics-400 by mmaction2's lists and folders: 8 frames, 8 apart, of 224 x 224, from the videos.

Training, testing and figures as mmaction2 has them: ten clips of a video, three places of each.
Other clips: data = dict(train=dict(pipeline={1: dict(clip_len=32, frame_interval=2)}), ...).
"""

_train_pipeline = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=8, frame_interval=8),
    dict(type='DecodeClip'),
    dict(type='Resize', short_side=256),
    dict(type='RandomResizedCrop'),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='PackClips'),
]
_val_pipeline = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=8, frame_interval=8, mode='centre'),
    dict(type='DecodeClip'),
    dict(type='Resize', short_side=256),
    dict(type='CenterCrop', size=224),
    dict(type='PackClips'),
]
_test_pipeline = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=8, frame_interval=8, mode='uniform', num_clips=10),
    dict(type='DecodeClip'),
    dict(type='Resize', short_side=256),
    dict(type='ThreeCrop', size=256),
    dict(type='PackClips'),
]
_train = dict(
    type='VideoDataset',
    ann_file='data/kinetics400/kinetics400_train_list_videos.txt',
    data_prefix='data/kinetics400/videos_train',
    num_classes=400,
    missing='skip',
)
_val = dict(
    type='VideoDataset',
    ann_file='data/kinetics400/kinetics400_val_list_videos.txt',
    data_prefix='data/kinetics400/videos_val',
    num_classes=400,
    missing='skip',
)
data = dict(
    batch_size=8,  # a rank
    num_workers=8,
    val_loader=dict(batch_size=4),
    test_loader=dict(batch_size=1),
    train=dict(_train, pipeline=_train_pipeline),
    val=dict(_val, pipeline=_val_pipeline),
    test=dict(_val, pipeline=_test_pipeline),
)
