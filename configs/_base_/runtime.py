"""Devices, hooks and figures that all recipes share."""

seed = 2022
loss = dict(type='CrossEntropyLoss')
runner = dict(
    CPU=dict(type='CPURunner'),
    Ascend=dict(type='Ascend910Runner', amp_level='O3', loss_scale='dynamic', sink_size=50),
)
hooks = [
    dict(type='LoggerHook', interval=20),
    dict(type='CheckpointHook', interval=1, max_keep_ckpts=8, save_best='auto'),
]
evaluation = dict(interval=1)
# tools/test.py --protocol NAME; without it, data.test says how
protocols = dict(
    whole=dict(frames=dict(mode='whole')),  # the authors': the whole video, looped where short
    centre=dict(frames=dict(mode='centre')),  # one clip
    uniform=dict(frames=dict(mode='uniform', num_clips=4)),
    views=dict(
        frames=dict(mode='uniform', num_clips=10), crop=dict(type='ThreeCrop'), average_clips='prob'
    ),
    drawn=dict(frames=dict(mode='drawn')),
)  # the original's: one clip at random
