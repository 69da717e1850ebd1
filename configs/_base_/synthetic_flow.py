"""SyntheticActions, flow clips of 16 x 64 x 64."""

train_pipeline = [
    dict(type='RawFrameInit'),
    dict(type='SampleFrames', clip_len=16),
    dict(type='RawFrameDecode'),
    dict(type='RandomCrop', size=64),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='PackClips'),
]
test_pipeline = [
    dict(type='RawFrameInit'),
    dict(type='SampleFrames', clip_len=16, mode='centre'),
    dict(type='RawFrameDecode'),
    dict(type='CenterCrop', size=64),
    dict(type='PackClips'),
]
data = dict(
    batch_size=16,
    num_workers=2,
    train=dict(type='SyntheticActions', modality='Flow', subset='train', pipeline=train_pipeline),
    val=dict(type='SyntheticActions', modality='Flow', subset='test', pipeline=test_pipeline),
    test=dict(type='SyntheticActions', modality='Flow', subset='test', pipeline=test_pipeline))
