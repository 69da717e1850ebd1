"""Both streams on UCF101, for testing: tools/test.py CONFIG --rgb CKPT --flow CKPT."""

_base_ = './i3d_rgb_ucf101.py'

rgb = {{_base_.model}}
model = dict(
    _delete_=True,
    type='TwoStreamRecognizer',
    rgb=rgb,
    flow=dict(rgb, modality='Flow'),
    weights=(1, 1),
)
video = {{_base_.data.test}}
data = dict(
    test=dict(
        _delete_=True,
        type='TwoStreamDataset',
        rgb=video,
        flow=dict(video, modality='Flow', source='frames'),
    )
)
