"""I3D on ResNet-50, 32x2, on Kinetics-400.

mmaction2's recipe, made for 8 devices of batch 8, and its protocol: ten clips, three places of
each. It starts from the network of ImageNet's images: load_from='resnet50-0676ba61.pth',
torchvision's file, which is inflated.
"""

_base_ = ['_base_/kinetics400.py', '_base_/runtime.py']

model = dict(
    type='Recognizer3D',
    average_clips='prob',
    backbone=dict(
        type='ResNet3d',
        depth=50,
        conv1_kernel=(5, 7, 7),
        conv1_stride_t=2,
        pool1_stride_t=2,
        inflate=((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0)),
    ),
    head=dict(type='PoolHead', num_classes=400, dropout=0.5),
)
_clip = {1: dict(clip_len=32, frame_interval=2)}
data = dict(
    train=dict(pipeline=_clip),
    val=dict(pipeline=_clip),
    test=dict(pipeline=_clip),
)
optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4)
clip_grad_norm = 40.0
schedule = dict(type='MultiStepLR', milestones=[40, 80])
total_epochs = 100
