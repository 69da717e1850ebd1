"""The RGB stream on two videos side by side, each class with a probability of its own."""

_base_ = '../../../configs/i3d_rgb_synthetic.py'

custom_imports = dict(imports=['two_actions'])  # found beside this file
model = dict(average_clips='sigmoid', head=dict(num_classes=4))
loss = dict(type='BCEWithLogitsLoss')
data = dict(
    train=dict(type='TwoActions'), val=dict(type='TwoActions'), test=dict(type='TwoActions')
)
total_epochs = 3
