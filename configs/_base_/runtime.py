"""Devices, hooks and figures that all recipes share."""

seed = 2022
loss = dict(type='CrossEntropyLoss')
runner = dict(
    CPU=dict(type='CPURunner'),
    Ascend=dict(type='Ascend910Runner', amp_level='O3', loss_scale='dynamic', sink_size=-1))
hooks = [
    dict(type='LoggerHook', interval=20),
    dict(type='CheckpointHook', interval=1, max_keep_ckpts=8, save_best='top1_acc'),
]
evaluation = dict(interval=1, metrics=['top_k_accuracy', 'mean_class_accuracy'])
