"""SyntheticActions, RGB clips of 16 x 64 x 64."""

train_pipeline = [
    dict(type='OpenCVInit'),
    dict(type='SampleFrames', clip_len=16),
    dict(type='OpenCVDecode'),
    dict(type='RandomCrop', size=64),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='PackClips'),
]
test_pipeline = [
    dict(type='OpenCVInit'),
    dict(type='SampleFrames', clip_len=16, mode='centre'),
    dict(type='OpenCVDecode'),
    dict(type='CenterCrop', size=64),
    dict(type='PackClips'),
]
data = dict(
    batch_size=16,
    num_workers=2,
    train=dict(type='SyntheticActions', subset='train', pipeline=train_pipeline),
    val=dict(type='SyntheticActions', subset='test', pipeline=test_pipeline),
    test=dict(type='SyntheticActions', subset='test', pipeline=test_pipeline))
