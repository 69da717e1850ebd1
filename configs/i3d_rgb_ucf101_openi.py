"""The RGB stream on UCF101 on the cloud platform OpenI, as any recipe can: one more hook."""

_base_ = './i3d_rgb_ucf101.py'
hooks = [*{{_base_.hooks}}, dict(type='OpenIHook')]
