"""The RGB stream."""

model = dict(
    type='Recognizer3D',
    modality='RGB',
    backbone=dict(type='InceptionI3D'),
    head=dict(type='I3DHead', num_classes=400, dropout=0.5),
)
