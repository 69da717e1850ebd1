"""SlowOnly on ResNet-50, 4x16, on Kinetics-400, otherwise as 8x8."""

_base_ = ['slowonly_r50_8x8_kinetics400.py']

_clip = {1: dict(clip_len=4, frame_interval=16)}
data = dict(
    train=dict(pipeline=_clip),
    val=dict(pipeline=_clip),
    test=dict(pipeline=_clip),
)
