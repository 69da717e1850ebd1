"""R(2+1)D on ResNet-34, 32x2, on Kinetics-400, otherwise as 8x8."""

_base_ = ['r2plus1d_r34_8x8_kinetics400.py']

_clip = {1: dict(clip_len=32, frame_interval=2)}
data = dict(
    train=dict(pipeline=_clip),
    val=dict(pipeline=_clip),
    test=dict(pipeline=_clip),
)
