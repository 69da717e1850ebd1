"""Training from a config."""

import logging
import os

from ..datasets.loader import ClipLoader
from ..datasets.stream import Stream
from ..engine import distributed
from ..engine.build import build_hooks, build_runner
from ..engine.logging import setup_logging
from ..engine.optimizers.build import build_optimizer
from ..engine.run import LAST_CHECKPOINT, Run, last_checkpoint, training_state
from ..engine.train_step import TrainStep
from ..errors import CheckpointError, ConfigError
from ..models import build_recognizer
from ..models.freezing import freeze
from ..registry import DATASETS, LOSSES, SCHEDULES
from ..weights.checkpoint import load_checkpoint
from ..weights.loading import load_state, load_weights
from .checks import REQUIRED_TO_TRAIN, check_config, check_fit
from .test import loader_options, score

logger = logging.getLogger(__name__)
METRICS = ('top_k_accuracy', 'mean_class_accuracy')


def train(cfg, resume=None, device='auto', device_id=None, validate=False):
    """Trains what `cfg` describes, in `cfg.work_dir`.

    Args:
        cfg (Config): see docs/config.md.
        resume (str): a checkpoint of a run of this config, or 'auto': the newest of `cfg.work_dir`, if any.
        device (str): 'CPU', 'Ascend' or 'auto'. device_id (int): which Ascend.
        validate (bool): evaluate on `cfg.data.val` during training, also if no EvalHook is configured.

    Returns: the Run, after its last step.
    Raises: an I3DBoxError before the first step, where what is wrong can be known then.
    """
    check_config(cfg, REQUIRED_TO_TRAIN)
    work_dir = cfg.setdefault('work_dir', default_work_dir(cfg))
    resume = last_checkpoint(work_dir) if resume == 'auto' else resume
    if resume is None and os.path.exists(os.path.join(work_dir, LAST_CHECKPOINT)):
        raise ConfigError(f'{work_dir} holds the checkpoints of an earlier run: --resume goes on with it, '
                          'another --work-dir (or removing this one) starts anew')
    seed = cfg.setdefault('seed', 0)
    runner = build_runner(cfg.runner, device, device_id)
    hooks = build_hooks(_hook_configs(cfg, validate))
    runner.setup(seed)
    rank, world = distributed.rank(), distributed.world_size()
    log = setup_logging(work_dir, rank)

    dataset = DATASETS.build(cfg.data.train, test_mode=False)
    val = DATASETS.build(cfg.data.val, test_mode=True) if _evaluates(hooks) else None
    recognizer = build_recognizer(cfg.model)
    for part in (dataset, val):
        if part is not None:
            check_fit(recognizer, part, probe=part is dataset)
    if cfg.get('load_from') and not resume:
        for report in load_weights(recognizer, cfg.load_from, new_head='if_needed'):
            log.info('%s', report)
    trainable = len(recognizer.trainable_params())
    trained = freeze(recognizer, **(cfg.get('freeze') or {}))
    runner.mixed_precision(recognizer)

    batch_size = cfg.data.get('batch_size', 1)
    stream = Stream(len(dataset), batch_size, world, seed)
    accumulate = cfg.get('accumulate', 1)
    total_steps = int(cfg.total_epochs * stream.steps_per_epoch)
    rates = SCHEDULES.build(cfg.schedule, base_lr=cfg.optimizer.lr, steps_per_epoch=stream.steps_per_epoch,
                            total_steps=total_steps)
    optimizer = build_optimizer(cfg.optimizer, [p for p in recognizer.get_parameters() if p.requires_grad],
                                rates[::accumulate])
    train_step = TrainStep(recognizer, LOSSES.build(cfg.loss), optimizer, runner.loss_scaler(),
                           cfg.get('clip_grad_norm'), accumulate)
    meta = dict(version=1, seed=seed, global_batch=batch_size * world, steps_per_epoch=stream.steps_per_epoch,
                modality=recognizer.modality, classes=dataset.classes, config=cfg.pretty_text)
    start_step = 0
    if resume:
        start_step, meta['memory'] = _resume(resume, recognizer, train_step, meta)

    loader = ClipLoader(dataset, stream, rank, cfg.data.get('num_workers', 0), cfg.data.get('worker', 'thread'),
                        start_step, total_steps - start_step)

    def evaluate():
        results = score(recognizer, val, **loader_options(cfg, 'val'))
        recognizer.set_train(True)
        return results.evaluate(cfg.get('evaluation', {}).get('metrics', METRICS))

    run = Run(recognizer=recognizer, train_step=train_step, loader=loader, rates=rates, stream=stream,
              total_steps=total_steps, start_step=start_step, work_dir=work_dir, logger=log, rank=rank, world=world,
              evaluate=evaluate, meta=meta)
    if start_step >= total_steps:
        log.info('%s: all %d steps are done already', resume, total_steps)
        return run
    if rank == 0:
        cfg.dump(os.path.join(work_dir, os.path.basename(cfg.filename or 'config.py')))
    log.info('%s samples, %s steps of %s an epoch, from step %s to %s; %s of %s parameters train; outputs in %s',
             len(dataset), stream.steps_per_epoch, batch_size * world, start_step, total_steps, len(trained),
             trainable, work_dir)
    runner.fit(run, hooks)
    report_damaged(loader, log)
    return run


def default_work_dir(cfg):
    """work_dirs/<name of the config>, below the current folder."""
    return os.path.join('work_dirs', os.path.splitext(os.path.basename(cfg.filename or 'config'))[0])


def report_damaged(loader, log):
    """Lists the damaged samples that a loader met, once each."""
    damaged = {report.name: report for report in loader.damaged}
    if damaged:
        log.warning('%d damaged samples were met:', len(damaged))
        for report in damaged.values():
            log.warning('  %s: %s', report.path, report.reason)


def _hook_configs(cfg, validate):
    hooks = list(cfg.get('hooks', []))
    if validate and not any(hook.get('type') == 'EvalHook' for hook in hooks):
        hooks.append(dict(type='EvalHook', interval=cfg.get('evaluation', {}).get('interval', 1)))
    return hooks


def _evaluates(hooks):
    return any(type(hook).__name__ == 'EvalHook' for hook in hooks)


def _resume(path, recognizer, train_step, meta):
    """Restores everything; returns the step to go on from and the hooks' memory."""
    parameters, state, saved = load_checkpoint(path)
    if 'step' not in saved:
        raise CheckpointError(f'cannot resume from {path}: it holds weights only. To start a new run from them, '
                              'use --load-from.')
    for key in ('seed', 'global_batch', 'steps_per_epoch', 'modality', 'classes'):
        if saved.get(key) != meta[key]:
            raise CheckpointError(f'cannot resume from {path}: its {key} was {saved.get(key)}, the config gives '
                                  f'{meta[key]}. To start a new run from its weights, use --load-from.')
    load_state(recognizer.get_parameters(), parameters, path)
    load_state(training_state(train_step), state, path)
    return saved['step'], saved.get('memory', {})
