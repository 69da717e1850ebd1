"""mmaction2's I3D on Kinetics-400, carried over line by line: see docs/from_mmaction2.md."""

dataset_type = 'VideoDataset'
data_root = 'data/kinetics400/videos_train'
data_root_val = 'data/kinetics400/videos_val'
ann_file_train = 'data/kinetics400/kinetics400_train_list_videos.txt'
ann_file_val = 'data/kinetics400/kinetics400_val_list_videos.txt'

model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='ResNet3d',
        depth=50,
        conv1_kernel=(5, 7, 7),
        conv1_stride_t=2,
        pool1_stride_t=2,
        inflate=((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0)),
    ),
    head=dict(type='PoolHead', num_classes=400, dropout=0.5),
    average_clips='prob',
)
loss = dict(type='CrossEntropyLoss')
load_from = 'resnet50-0676ba61.pth'  # torchvision's, of ImageNet: it is inflated

train_pipeline = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=32, frame_interval=2, num_clips=1),
    dict(type='DecodeClip'),
    dict(type='Resize', scale=(-1, 256)),
    dict(
        type='MultiScaleCrop',
        input_size=224,
        scales=(1, 0.8),
        random_crop=False,
        max_wh_scale_gap=0,
    ),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='PackClips'),
]
val_pipeline = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=32, frame_interval=2, num_clips=1, mode='centre'),
    dict(type='DecodeClip'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='CenterCrop', size=224),
    dict(type='PackClips'),
]
test_pipeline = [
    dict(type='OpenClip'),
    dict(type='SampleFrames', clip_len=32, frame_interval=2, num_clips=10, mode='uniform'),
    dict(type='DecodeClip'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='ThreeCrop', size=256),
    dict(type='PackClips'),
]
data = dict(
    batch_size=8,  # of a rank
    num_workers=8,
    val_loader=dict(batch_size=1),
    test_loader=dict(batch_size=1),
    train=dict(
        type=dataset_type, ann_file=ann_file_train, data_prefix=data_root, pipeline=train_pipeline
    ),
    val=dict(
        type=dataset_type, ann_file=ann_file_val, data_prefix=data_root_val, pipeline=val_pipeline
    ),
    test=dict(
        type=dataset_type, ann_file=ann_file_val, data_prefix=data_root_val, pipeline=test_pipeline
    ),
)

optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4)
clip_grad_norm = 40.0
schedule = dict(type='MultiStepLR', milestones=[40, 80], gamma=0.1)
total_epochs = 100
evaluation = dict(interval=5, metrics=['top_k_accuracy', 'mean_class_accuracy'])
hooks = [
    dict(type='LoggerHook', interval=20),
    dict(type='CheckpointHook', interval=5, max_keep_ckpts=3, save_best='top1_acc'),
]
runner = dict(
    CPU=dict(type='CPURunner'),
    Ascend=dict(type='Ascend910Runner', amp_level='O3', loss_scale='dynamic'),
)
