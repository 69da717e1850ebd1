"""SyntheticActions: clips of 8 x 64 x 64."""

train_pipeline = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=8),
    dict(type='DecodeClip'),
    dict(type='RandomCrop', size=64),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='PackClips'),
]
test_pipeline = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=8, mode='centre'),
    dict(type='DecodeClip'),
    dict(type='CenterCrop', size=64),
    dict(type='PackClips'),
]
# split 2 divides the training videos of split 1 into training and validation
data = dict(
    batch_size=8,
    num_workers=1,
    train=dict(type='SyntheticActions', split=2, subset='train', pipeline=train_pipeline),
    val=dict(type='SyntheticActions', split=2, subset='test', pipeline=test_pipeline),
    test=dict(type='SyntheticActions', split=1, subset='test', pipeline=test_pipeline),
)
