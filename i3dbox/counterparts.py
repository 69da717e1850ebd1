"""What mmaction2 (0.x and 1.x, with mmcv and mmengine) calls things, and what to write here.

Whoever refuses a name asks `counterpart`; docs/from_mmaction2.md is made of COUNTERPARTS.
"""

from __future__ import annotations

from collections.abc import Iterable

from .errors import spelling_hint

_SCHEDULE = (
    "schedule=dict(type='MultiStepLR', milestones=[20, 30], warmup_epochs=1), or CosineLR, "
    'StepLR, ConstantLR'
)
_METRICS = "evaluation=dict(metrics=['top_k_accuracy', 'mean_class_accuracy'])"
_OPTIMIZER = (
    "optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4), which also takes "
    'paramwise_cfg, and clip_grad_norm=40.0'
)
_AMP = "amp_level='O2' (or O1, O3) and loss_scale='dynamic' of the runner"
_RANKS = 'leave it out: tools/dist_train.sh CONFIG N starts N ranks'
_DEVICE = 'leave it out: `runner` has one runner a device, and --device chooses'
_DECODER = 'OpenClip, the first step: videos, folders of frames and shards alike'
_DECODE = 'DecodeClip, after SampleFrames'
_PACK = 'PackClips, the last step; layout, scaling and batches are made on the device'
_WATCHED = 'leave it out: the run does so itself'
_LOGS = "hooks=[dict(type='LoggerHook', interval=20)]"
_CURVES = (
    "hooks=[dict(type='SummaryHook', writer='tensorboard')], which needs `pip install tensorboardX`"
)
_CHECKPOINTS = (
    "hooks=[dict(type='CheckpointHook', interval=1, max_keep_ckpts=5, save_best='top1_acc')]"
)
_STEP = 'after_step(run)'
_VALIDATE = '--validate of train; --cfg-options evaluation.interval=N says how often'
_NOT_BUILT = 'not built: '
_SEED = 'seed=2022, or --seed: a run is a function of its config and seed'
_TESTED = "`test --protocol views` (10 clips x 3 crops), or another of the config's `protocols`"
_AVERAGE = "model.average_clips, 'score', 'prob', or 'sigmoid' for several labels"
_BLEND = "blending=dict(type='MixupBlending', alpha=0.2) is a key of the config"
_SCALES = f'model.data_preprocessor=dict(mean=..., std=...), on the device; {_BLEND}'
_SEVERAL = "model.average_clips='sigmoid' and loss=dict(type='BCEWithLogitsLoss')"
_STORAGE = "leave it out: files are read from the disk, or from shards (source='packed')"
_ONE_FORM = 'leave it out: the network has one form, that of its paper'
_OF_RESNETS = "an argument of type='ResNet3d'; InceptionI3D has one form, that of the paper"
_ONE_COPY = 'leave it out: frames are views until PackClips copies them once'
_NORM = 'model.backbone.norm=dict(eps=1e-3, momentum=0.99)'
_FROZEN = "freeze=dict(freeze_prefixes=['Conv3d_1a'], freeze_norm=True)"
_ONE_LOSS = 'leave it out: a run has one loss'
_TAGS = _NOT_BUILT + 'a label is a class; VideoDataset with multi_class=True has several a video'
_SHORT = "out_of_bound, 'loop' or 'repeat_last'"
_NO_CHANCE = 'leave it out: data.test and data.val sample without chance'
_LOAD = "load_from='zoo://i3d_rgb_kinetics400', or a .ckpt that convert_weights made"

# kind of name -> {name: what to write}
COUNTERPARTS = {
    'key': {
        'auto_scale_lr': 'leave it out: optimizer.lr is used as written, for the batches of all '
        'ranks together',
        'checkpoint_config': _CHECKPOINTS,
        'compile': 'leave it out: networks are compiled as graphs',
        'cudnn_benchmark': _DEVICE,
        'custom_hooks': "hooks=[dict(type='MyHook')], with custom_imports for its module; EMAHook: "
        'ema_momentum=0.0002, a key of the config',
        'data_preprocessor': _SCALES,
        'default_hooks': f'{_LOGS} and {_CHECKPOINTS}, in one list; the others are not needed',
        'default_scope': 'leave it out: parts are found by their names',
        'device': _DEVICE,
        'dist_params': _RANKS,
        'env_cfg': _DEVICE,
        'evaluator': _METRICS,
        'find_unused_parameters': _RANKS,
        'fp16': _AMP,
        'gpu_ids': _RANKS,
        'grad_clip': 'clip_grad_norm=40.0',
        'launcher': _RANKS,
        'local_rank': _RANKS,
        'log_config': f'{_LOGS}, and SummaryHook for curves',
        'log_level': 'leave it out: --debug says more',
        'log_processor': _LOGS,
        'lr_config': _SCHEDULE,
        'max_epochs': 'total_epochs=50',
        'max_iters': 'total_epochs=50, which may be a fraction',
        'model_wrapper_cfg': _RANKS,
        'module_hooks': _NOT_BUILT + 'a recognizer of your own does what they did',
        'momentum_config': 'optimizer.momentum, which stays the same',
        'mp_start_method': 'leave it out: data.worker is thread or process',
        'multigrid': _NOT_BUILT + 'clips have one size throughout',
        'omnisource': _NOT_BUILT + 'data.train is one data set',
        'opencv_num_threads': 'leave it out: loaders give OpenCV one thread each',
        'optim_wrapper': f'{_OPTIMIZER}; for mixed precision {_AMP}',
        'optimizer_config': 'clip_grad_norm=40.0 for grad_clip, and accumulate=2 for '
        'GradientCumulativeOptimizerHook',
        'param_scheduler': _SCHEDULE,
        'precise_bn': _NOT_BUILT + 'batch norm keeps moving means',
        'randomness': _SEED,
        'resume': '--resume of train',
        'resume_from': '--resume CKPT of train',
        'sync_bn': 'leave it out: ranks share the means of batch norm at each evaluation and '
        'checkpoint',
        'test_cfg': f'{_AVERAGE}; the rest belongs to the command test',
        'test_dataloader': 'data.test for its dataset, data.test_loader=dict(batch_size=1, '
        'num_workers=4)',
        'test_evaluator': _METRICS,
        'total_iters': 'total_epochs=50, which may be a fraction',
        'train_cfg': 'total_epochs=50, evaluation=dict(interval=5) and --validate',
        'train_dataloader': 'data.train for its dataset, data.batch_size (of a rank), '
        'data.num_workers',
        'tta_model': _TESTED,
        'tta_pipeline': _TESTED,
        'val_cfg': f'evaluation=dict(interval=5) and --validate; {_METRICS}',
        'val_dataloader': 'data.val for its dataset, data.val_loader=dict(batch_size=1)',
        'val_evaluator': _METRICS,
        'vis_backends': _CURVES,
        'visualizer': _CURVES,
        'workflow': _VALIDATE,
    },
    # of a table of the config, or of a part; 'Part.name' goes before 'name'
    'argument': {
        'BCEWithLogitsLoss.loss_weight': _ONE_LOSS,
        'CrossEntropyLoss.loss_weight': _ONE_LOSS,
        'CheckpointHook.save_begin': 'leave it out',
        'CheckpointHook.save_last': 'leave it out: the last step has a checkpoint',
        'CheckpointHook.rule': 'leave it out: each figure knows whether more is better',
        'EarlyStopHook.rule': 'leave it out: each figure knows whether more is better',
        'CutmixBlending.num_classes': 'leave it out: the head says it',
        'DenseSampleFrames.out_of_bound_opt': _SHORT,
        'DenseSampleFrames.test_mode': _NO_CHANCE,
        'I3DHead.average_clips': _AVERAGE,
        'I3DHead.init_std': 'leave it out: the head starts as the original does',
        'I3DHead.label_smooth_eps': "loss=dict(type='CrossEntropyLoss', label_smoothing=0.1)",
        'I3DHead.multi_class': _SEVERAL,
        'I3DHead.spatial_type': 'leave it out: it averages',
        'I3DHead.topk': "evaluation=dict(metrics=[dict(type='top_k_accuracy', topk=(1, 5))])",
        'MixupBlending.num_classes': 'leave it out: the head says it',
        'SampleFrames.out_of_bound_opt': _SHORT,
        'SampleFrames.test_mode': _NO_CHANCE,
        'SampleFrames.twice_sample': "mode='uniform' with twice the num_clips",
        'UniformSample.out_of_bound_opt': 'leave it out: frames of a short video are repeated',
        'UniformSample.test_mode': _NO_CHANCE,
        'VideoDataset.start_index': 'leave it out: the frames of a video count from 0',
        'backend_args': _STORAGE,
        'by_epoch': 'leave it out, or give interval in epochs',
        'clip_grad': 'clip_grad_norm=40.0, a key of the config',
        'cls_head': 'head',
        'constructor': 'paramwise_cfg of the optimizer, with layer_decay',
        'conv_cfg': 'leave it out: a backbone of your own has other convolutions',
        'crop_size': 'size',
        'conv1_kernel': _OF_RESNETS,
        'conv1_stride_s': _ONE_FORM,
        'conv1_stride_t': _OF_RESNETS,
        'pool1_stride_s': _ONE_FORM,
        'pool1_stride_t': _OF_RESNETS,
        'zero_init_residual': _ONE_FORM,
        'inflate_style': _OF_RESNETS,
        'non_local': _OF_RESNETS,
        'non_local_cfg': _ONE_FORM,
        'spatial_strides': _ONE_FORM,
        'temporal_strides': _OF_RESNETS,
        'data_root': 'data_prefix, the folder that paths of the list start from',
        'depth': _OF_RESNETS,
        'dropout_ratio': 'dropout',
        'dynamic_length': 'leave it out: lengths are found by looking',
        'file_client_args': _STORAGE,
        'frozen_stages': _FROZEN,
        'gpu_collect': _RANKS,
        'inflate': 'leave it out: 2D weights are inflated by convert_weights',
        'io_backend': _STORAGE,
        'T_max': 'leave it out: a schedule lasts as long as the run',
        'end_factor': 'leave it out',
        'eta_min': 'min_lr',
        'eta_min_ratio': 'min_lr',
        'ignore_last': 'leave it out',
        'lateral': _ONE_FORM,
        'lazy': _ONE_COPY,
        'priority': 'leave it out: a hook says its own',
        'start_factor': 'warmup_ratio',
        'loss_cls': "loss=dict(type='CrossEntropyLoss') or BCEWithLogitsLoss, a key of the config",
        'metric': 'metrics',
        'metric_options': "metrics=[dict(type='top_k_accuracy', topk=(1, 5))]",
        'multi_class': 'multi_class of VideoDataset, RawframeDataset or PackedDataset; of the '
        f'network {_SEVERAL}',
        'neck': _NOT_BUILT + 'a recognizer has a backbone and a head',
        'norm_cfg': _NORM,
        'norm_eval': 'False: leave it out; True: freeze=dict(freeze_norm=True) of the config',
        'persistent_workers': 'leave it out: workers stay',
        'pin_memory': 'leave it out',
        'pretrained': _LOAD,
        'pretrained2d': 'leave it out: a checkpoint says itself what it is of',
        'prefetch_factor': 'leave it out: two batches are loaded ahead',
        'sampler': 'leave it out: training shuffles by the seed, testing takes all in order',
        'samples_per_gpu': 'batch_size',
        'save_best': _CHECKPOINTS,
        'shuffle': 'leave it out: training shuffles by the seed, testing takes all in order',
        'start': 'leave it out',
        'test_cfg': _AVERAGE,
        'test_dataloader': 'test_loader',
        'train_cfg': f'leave it out; {_BLEND}',
        'train_dataloader': 'batch_size and num_workers of data',
        'val_dataloader': 'val_loader',
        'videos_per_gpu': 'batch_size',
        'with_cp': 'leave it out: accumulate=2 needs less memory for the same batch',
        'workers_per_gpu': 'num_workers',
    },
    'part': {
        'AVADataset': _NOT_BUILT + 'actions have no places here',
        'AccMetric': _METRICS,
        'ActionDataPreprocessor': 'dict(mean=..., std=...) alone, without a type',
        'AmpOptimWrapper': _AMP,
        'AudioDataset': _NOT_BUILT + 'there is no sound',
        'BCELossWithLogits': 'BCEWithLogitsLoss',
        'CheckpointLoaderHook': _LOAD,
        'Collect': _PACK,
        'ConfusionMatrix': "metrics=['confusion_matrix'], or 'per_class'; `i3dbox report` draws it",
        'CosineAnnealingLR': 'CosineLR',
        'CosineAnnealing': 'CosineLR',
        'DecordDecode': _DECODE,
        'DecordInit': _DECODER,
        'DistOptimizerHook': 'clip_grad_norm=40.0, a key of the config',
        'DistSamplerSeedHook': _WATCHED,
        'EMAHook': 'ema_momentum=0.0002, a key of the config',
        'EarlyStoppingHook': 'EarlyStopHook',
        'EpochBasedRunner': "runner=dict(CPU=dict(type='CPURunner'), "
        "Ascend=dict(type='Ascend910Runner')), and total_epochs=50",
        'EpochBasedTrainLoop': 'total_epochs=50, a key of the config',
        'FormatGCNInput': _NOT_BUILT + 'there are no skeletons',
        'FormatShape': _PACK,
        'Fp16OptimizerHook': _AMP,
        'Fuse': _ONE_COPY,
        'GradientCumulativeOptimizerHook': 'accumulate=2, a key of the config',
        'IterBasedRunner': "runner=dict(CPU=dict(type='CPURunner'), "
        "Ascend=dict(type='Ascend910Runner')), and total_epochs=50",
        'IterTimerHook': _WATCHED,
        'LinearLR': 'warmup_epochs and warmup_ratio of the schedule',
        'LoadHVULabel': _TAGS,
        'LoadRGBFromFile': _DECODE,
        'LrUpdaterHook': _SCHEDULE,
        'Normalize': 'model.data_preprocessor=dict(mean=..., std=...), on the device',
        'NumClassCheckHook': _WATCHED,
        'OpenCVDecode': _DECODE,
        'OpenCVInit': _DECODER,
        'OptimWrapper': _OPTIMIZER,
        'OptimizerHook': 'clip_grad_norm=40.0, a key of the config',
        'PIMSDecode': _DECODE,
        'PIMSInit': _DECODER,
        'HVUDataset': _TAGS,
        'HVULoss': _TAGS,
        'Imgaug': 'RandAugment, or a step of your own',
        'ImgAug': 'RandAugment, or a step of your own',
        'PytorchVideoTrans': 'RandAugment, or a step of your own',
        'PytorchVideoWrapper': 'RandAugment, or a step of your own',
        'TorchVisionWrapper': 'RandAugment, ColorJitter, or a step of your own',
        'TorchvisionTrans': 'RandAugment, ColorJitter, or a step of your own',
        'PackActionInputs': _PACK,
        'ParamSchedulerHook': _SCHEDULE,
        'PoseDataset': _NOT_BUILT + 'there are no skeletons',
        'PyAVDecode': _DECODE,
        'PyAVDecodeMotionVector': _NOT_BUILT + 'ComputeFlow makes motion of frames',
        'PyAVInit': _DECODER,
        'RawFrameDecode': _DECODE,
        'Recognizer2D': 'Recognizer3D',
        'Rename': _NOT_BUILT + 'a step of your own renames what it needs',
        'RepeatAugDataset': _NOT_BUILT + 'RepeatDataset draws anew at each repetition',
        'RuntimeInfoHook': _WATCHED,
        'SlowFastHead': "PoolHead, of ResNet3dSlowFast's one tensor of both pathways",
        'SyncBuffersHook': _WATCHED,
        'TensorboardLoggerHook': _CURVES,
        'TestLoop': 'leave it out: the command test',
        'TextLoggerHook': _LOGS,
        'ToTensor': _PACK,
        'Transpose': _PACK,
        'UniformSampleFrames': 'UniformSample: equal parts, and repeated frames of a short video',
        'UntrimmedSampleFrames': _NOT_BUILT + "SampleFrames with mode='dense' goes over all of a "
        'video',
        'ValLoop': _VALIDATE,
        'WandbLoggerHook': _CURVES,
    },
    'method': {
        'after_iter': _STEP,
        'after_load_checkpoint': 'before_run(run)',
        'after_save_checkpoint': 'after_epoch(run)',
        'after_test_epoch': 'after_test(results)',
        'after_test_iter': 'after_test(results)',
        'after_train': 'after_run(run)',
        'after_train_epoch': 'after_epoch(run)',
        'after_train_iter': _STEP,
        'after_val': 'after_epoch(run), which may call run.evaluate()',
        'after_val_epoch': 'after_epoch(run), which may call run.evaluate()',
        'after_val_iter': 'after_epoch(run), which may call run.evaluate()',
        'before_epoch': 'before_run(run), or after_epoch(run)',
        'before_iter': 'before_run(run), or after_step(run)',
        'before_save_checkpoint': 'after_epoch(run)',
        'before_test': 'prepare(cfg)',
        'before_test_epoch': 'prepare(cfg)',
        'before_test_iter': 'after_test(results)',
        'before_train': 'before_run(run)',
        'before_train_epoch': 'before_run(run), or after_epoch(run)',
        'before_train_iter': 'before_run(run), or after_step(run)',
        'before_val': 'after_epoch(run), which may call run.evaluate()',
        'before_val_epoch': 'after_epoch(run), which may call run.evaluate()',
        'before_val_iter': 'after_epoch(run), which may call run.evaluate()',
    },
    'flag': {
        '--label-file': 'leave it out: a checkpoint names its classes',
        '--print-result': 'leave it out: results are printed',
        '--rec': '--config',
        '--rec-weights': '--checkpoint',
        '--target-layer-name': '--endpoint',
        '--vid-out-dir': '--out, an .mp4',
        '--amp': '--cfg-options runner.Ascend.amp_level=O2, on Ascend',
        '--auto-resume': '--resume',
        '--auto-scale-lr': '--cfg-options optimizer.lr=0.02',
        '--average-clips': '--cfg-options model.average_clips=prob',
        '--deterministic': 'leave it out: runs on a CPU are; deterministic=True of the Ascend '
        'runner',
        '--diff-rank-seed': 'leave it out: ranks share one seed and read other samples',
        '--diff-seed': 'leave it out: ranks share one seed and read other samples',
        '--dump': '--out FILE.pkl',
        '--format-only': '--out FILE.pkl',
        '--fuse-conv-bn': 'leave it out: engines and exported files do so',
        '--gpu-collect': _RANKS,
        '--gpu-id': '--device-id N',
        '--gpu-ids': '--device-id N for one, tools/dist_train.sh CONFIG N for several',
        '--gpus': _RANKS,
        '--launcher': _RANKS,
        '--local-rank': _RANKS,
        '--no-validate': 'leave it out: training validates with --validate alone',
        '--options': '--cfg-options KEY=VALUE',
        '--out-filename': '--out FILE',
        '--output-file': '--out FILE',
        '--resume-from': '--resume CKPT',
        '--shape': '--clip-len and --size',
        '--show': '`i3dbox report`, which shows the surest mistakes',
        '--show-dir': '`i3dbox report`, which shows the surest mistakes',
        '--slurm': _RANKS,
        '--target-resolution': 'leave it out: the labelled video has the size of the video',
        '--test-best': '`i3dbox test CONFIG WORK_DIR/best_top1_acc.ckpt`',
        '--test-last': '`i3dbox sweep CONFIG WORK_DIR`',
        '--tmpdir': _RANKS,
        '--tta': '--protocol views',
        '--use-frames': 'leave it out: a folder of frames is recognised by looking',
        '--wait-time': 'leave it out',
    },
    'command': {
        'analyze_logs': 'report',
        'anno2json': 'annotations',
        'bench_processing': 'benchmark_loader',
        'benchmark': 'benchmark_model',
        'build_file_list': 'annotations',
        'build_rawframes': 'frames, and flow for optical flow',
        'build_videos': 'no need: folders of frames are read as they are',
        'clip_feature_extraction': 'features',
        'confusion_matrix': 'report',
        'demo_gradcam': 'gradcam',
        'demo_inferencer': 'demo',
        'dist_test': 'bash tools/dist_test.sh CONFIG CKPT N',
        'dist_train': 'bash tools/dist_train.sh CONFIG N',
        'eval_metric': 'summarize',
        'inference': 'demo',
        'long_video_demo': 'demo',
        'mmaction2pytorch': 'convert',
        'publish_model': 'publish',
        'pytorch2onnx': 'export',
        'report_accuracy': 'fuse',
        'report_map': 'none: actions have no times here',
        'resize_videos': 'frames --short-side N',
        'slurm_test': 'bash tools/slurm_test.sh, with the same arguments and variables',
        'slurm_train': 'bash tools/slurm_train.sh, with the same arguments and variables',
        'webcam_demo': 'demo 0',
    },
    # of modules of the package
    'import': {
        'apis.ActionRecogInferencer': 'I3DInferencer',
        'apis.MMAction2Inferencer': 'I3DInferencer',
        'registry.EVALUATOR': 'METRICS',
        'registry.INFERENCERS': 'I3DInferencer of i3dbox.apis',
        'registry.LOOPS': 'i3dbox.apis.train.train',
        'registry.MODELS': 'BACKBONES, HEADS, RECOGNIZERS or LOSSES, by what the part is',
        'registry.NECKS': 'HEADS',
        'registry.OPTIM_WRAPPERS': 'OPTIMIZERS',
        'registry.PARAM_SCHEDULERS': 'SCHEDULES',
        'registry.VISBACKENDS': 'HOOKS',
        'registry.VISUALIZERS': 'HOOKS',
    },
}


def counterpart(kind: str, name: str, part: str = '') -> str:
    """Returns ' In mmaction2 ...' with what to write here instead of a name of mmaction2's, '' for
    other names.

    Args:
        kind: of COUNTERPARTS.
        name: what was written.
        part: of an argument, whose it is.
    """
    known = COUNTERPARTS[kind]
    text = known.get(f'{part}.{name}') or known.get(name)
    return f" It is mmaction2's; here: {text}." if text else ''


def hint(kind: str, name: str, known: Iterable[str], part: str = '', cutoff: float = 0.6) -> str:
    """Returns what `counterpart` says of a name that is none of `known`, or else which of these is
    spelled nearly like it; '' where there is neither.

    Args:
        kind, name, part: of counterpart. known, cutoff: of spelling_hint.
    """
    return counterpart(kind, name, part) or spelling_hint(name, known, cutoff)
