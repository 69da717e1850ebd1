"""Training from a config."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import zlib
from typing import TYPE_CHECKING

import numpy as np

from ..config_checks.checks import (
    check_config,
    check_fit,
    check_metrics,
    check_training,
    look_up,
    metrics_of,
)
from ..datasets.base import DamageReport
from ..datasets.loader import ClipLoader
from ..datasets.sampler import EpochSampler
from ..engine import distributed
from ..engine.blend import BlendingLoader
from ..engine.build import build_hooks, call_hooks, in_order
from ..engine.catch_up import catch_up
from ..engine.logging import setup_logging
from ..engine.optimizers.build import build_optimizer
from ..engine.run import Run, last_checkpoint, load_to_resume, training_state
from ..engine.train_step import TrainStep
from ..errors import ConfigError
from ..fileio import held
from ..inference.engines.mindspore_engine import mindspore_streams
from ..inference.frozen_trunk import KeptTrunkLoader, TailStream
from ..inference.network import build_network
from ..models.freezing import freeze
from ..models.tail import Tail
from ..registry import BLENDINGS, DATASETS, HOOKS, LOSSES, SCHEDULES
from ..weights.loading import load_state, load_weights
from .frozen_layers import FROZEN, frozen_trunk, through_trunk
from .test import DatasetScorer, scoring_options

if TYPE_CHECKING:
    from mindspore import nn

    from ..config import Config
    from ..engine.runners.base import BaseRunner

logger = logging.getLogger(__name__)


def train(
    cfg: Config,
    resume: str | None = None,
    device: str = 'auto',
    device_id: int | None = None,
    validate: bool = False,
    engine: str = 'auto',
    precision: str | None = None,
) -> Run:
    """Trains what `cfg` describes, in `cfg.work_dir`.

    Args:
        cfg: see docs/config.md.
        resume: a checkpoint of a run of this config, or 'auto': the newest of `cfg.work_dir`,
            if any.
        device: 'CPU', 'Ascend' or 'auto'. device_id: which Ascend.
        validate: evaluate on `cfg.data.val` during training, also if no EvalHook is
            configured.
        engine, precision: what computes frozen layers on a CPU, see engines.choose_engine.

    Returns: the Run, after its last step.
    Raises: an I3DBoxError before the first step, where what is wrong can be known then.
    """
    check_training(cfg)
    cfg.setdefault('work_dir', default_work_dir(cfg))
    cfg.seed = cfg.get('seed') or 0
    hooks, evaluates = _build_hooks(cfg, validate)
    call_hooks(hooks, 'prepare', cfg)
    if not distributed.is_launched():  # ranks have no numbers yet, and would hold it all
        with _held(cfg.work_dir):  # what is wrong is told before the network is built
            _resumed(cfg.work_dir, resume)
    recognizer, runner = build_network(cfg, device, device_id)
    with _held(cfg.work_dir):
        resume = _resumed(cfg.work_dir, resume)
        computing = dict(engine=engine, precision=precision, device=device)
        run = _build_run(cfg, recognizer, runner, resume, evaluates, computing)
        return _fit(cfg, run, runner, hooks, resume)


def _resumed(work_dir, resume):
    """Returns the checkpoint to go on from, or None. Raises ConfigError where the folder holds
    another run.
    """
    if resume == 'auto':
        found = last_checkpoint(work_dir)
        if found is None:
            logger.info('%s has no checkpoint: the run starts from its beginning', work_dir)
        return found
    if resume is None and last_checkpoint(work_dir):
        raise ConfigError(
            f'{work_dir} holds the checkpoints of an earlier run: --resume goes on with it, '
            'another --work-dir (or removing this one) starts anew'
        )
    return resume


def _held(work_dir):
    """Returns the context in which no other training works in the folder."""
    if distributed.rank():
        return contextlib.nullcontext()
    return held(
        os.path.join(work_dir, '.lock'),
        f'{work_dir}: there is a training in this folder: {{}}. Wait for its end, or name another '
        '--work-dir',
    )


def _fit(cfg, run, runner, hooks, resume):
    """Trains until the last step; returns the Run."""
    keeps = isinstance(run.loader, KeptTrunkLoader)
    catch_up(run, hooks)
    if run.is_done:
        run.logger.info(
            '%s: nothing is left to do; %s',
            resume,
            run.memory.get('stopped', f'all {run.total_steps} steps are done'),
        )
        if keeps:
            run.loader.forget()  # it was killed before it could
        return run
    if run.rank == 0:
        cfg.dump(os.path.join(cfg.work_dir, os.path.basename(cfg.filename or 'config.py')))
    try:
        if keeps:
            run.loader.compute()
        runner.fit(run, hooks)
    except Exception:
        report_damaged(run.loader.damaged, run.logger)
        raise
    if keeps:
        run.loader.forget()
    gathered = itertools.chain(*distributed.gather_json(run.loader.damaged))
    report_damaged([DamageReport(*report) for report in gathered], run.logger)
    return run


def _build_hooks(cfg, validate):
    """Builds the config's hooks; with `validate`, gives it an EvalHook if none of them evaluates.

    Returns: the hooks, in their order, and whether one evaluates.
    """
    hooks = build_hooks(cfg.get('hooks') or [])
    # MindSpore's own callbacks do not say
    evaluates = any(getattr(hook, 'evaluates', False) for hook in hooks)
    if validate and not evaluates:
        added = dict(type='EvalHook', interval=look_up(cfg, 'evaluation.interval') or 1)
        cfg.hooks = [*(cfg.get('hooks') or []), added]
        hooks = in_order([*hooks, HOOKS.build(added)])
        evaluates = True
    return hooks, evaluates


def _build_run(cfg, recognizer, runner, resume, evaluates, computing):
    """Builds what `cfg` describes, on a device that is set up (collective).

    Returns: the Run, at its first step or at that of the checkpoint `resume`.
    """
    rank = distributed.rank()
    world = distributed.world_size()
    log = setup_logging(cfg.work_dir, rank)
    dataset = DATASETS.build(cfg.data.train, test_mode=False)
    shape, *_ = check_fit(recognizer, dataset)
    trains = _set_weights(cfg, recognizer, runner, resume)
    sampler = EpochSampler(len(dataset), cfg.data.get('batch_size', 1), world, cfg.seed)
    meta = _meta(cfg, recognizer, dataset, sampler)
    saved = load_to_resume(resume, meta) if resume else None
    start_step = saved.meta['step'] if saved else 0
    memory = saved.meta.get('memory', {}) if saved else {}
    # runs of before 0.2 are resumed as they were
    trunk = None
    if not saved or FROZEN in memory:
        trunk = frozen_trunk(cfg, recognizer, dataset, shape, memory, computing)
    evaluator, metric_names = _build_evaluation(cfg, recognizer, trunk) if evaluates else (None, ())
    train_step, rates = build_train_step(
        cfg,
        Tail(recognizer, trunk.endpoint) if trunk else recognizer,
        runner,
        sampler.steps_per_epoch,
    )
    _check_loss(train_step.loss, dataset)
    if saved:
        load_state(recognizer.get_parameters(), saved.parameters, resume)
        load_state(training_state(train_step), saved.state, resume)
        if train_step.average is not None:
            train_step.average.swap()  # a checkpoint's weights are the averages
    _check_ranks_agree(recognizer, start_step, len(rates), len(dataset))
    clips = ClipLoader(
        dataset,
        sampler,
        rank,
        cfg.data.get('num_workers', 0),
        cfg.data.get('worker', 'thread'),
        start_step,
        len(rates) - start_step,
    )
    loader = through_trunk(clips, trunk, cfg, shape, memory)
    if cfg.get('blending'):
        loader = BlendingLoader(clips, BLENDINGS.build(cfg.blending), *shape[2:4])
    log.info(
        '%s samples, %s steps of %s an epoch, from step %s to %s; %s parameters train; outputs in '
        '%s',
        len(dataset),
        sampler.steps_per_epoch,
        meta['global_batch'],
        start_step,
        len(rates),
        trains,
        cfg.work_dir,
    )
    return Run(
        recognizer=recognizer,
        train_step=train_step,
        loader=loader,
        rates=rates,
        steps_per_epoch=sampler.steps_per_epoch,
        total_steps=len(rates),
        start_step=start_step,
        work_dir=cfg.work_dir,
        logger=log,
        rank=rank,
        world=world,
        evaluator=evaluator,
        metric_names=metric_names,
        meta=meta,
        memory=memory,
    )


def _set_weights(cfg, recognizer, runner, resume):
    """Loads the weights that a new run starts from, freezes what is to be, and sets the precision;
    returns how many parameters train, in words.
    """
    if cfg.get('load_from') is not None and not resume:
        for report in load_weights(recognizer, cfg.load_from, new_head='if_needed'):
            logger.info('%s', report)
    trainable = len(recognizer.trainable_params())
    trained = freeze(recognizer, **(cfg.get('freeze') or {}))
    runner.mixed_precision(recognizer)
    return f'{len(trained)} of {trainable}'


def _meta(cfg, recognizer, dataset, sampler):
    """Returns what a checkpoint says of its run, and a resumed one is held to."""
    global_batch = sampler.batch_size * sampler.world
    if global_batch > len(dataset):
        logger.warning(
            'a batch of %s is more than the %s samples of an epoch: some come twice in it',
            global_batch,
            len(dataset),
        )
    return dict(
        version=1,
        seed=cfg.seed,
        global_batch=global_batch,
        steps_per_epoch=sampler.steps_per_epoch,
        modality=recognizer.modality,
        classes=list(dataset.classes) if dataset.classes else None,
        config=cfg.pretty_text,
    )


def _build_evaluation(cfg, recognizer, trunk):
    """Returns a function that evaluates on `cfg.data.val`, and the names of its figures."""
    check_config(cfg, data=['val'])
    # one damaged video must not end a long run; a test of its own is stricter
    dataset = DATASETS.build(cfg.data.val, test_mode=True, damaged='skip')
    check_fit(recognizer, dataset)
    metrics = metrics_of(cfg, 'val')
    metric_names = check_metrics(metrics, recognizer.num_classes, dataset.multi_class)
    scorer = DatasetScorer(
        dict(imgs=TailStream(trunk)) if trunk else mindspore_streams(recognizer),
        dataset,
        getattr(recognizer, 'weights', (1.0,)),
        **scoring_options(cfg, 'val'),
        title='validation',
    )

    def evaluate():
        figures = scorer().evaluate(metrics)
        recognizer.set_train(True)
        return {name: value for name, value in figures.items() if np.ndim(value) == 0}

    return evaluate, metric_names


def build_train_step(
    cfg: Config, recognizer: nn.Cell, runner: BaseRunner, steps_per_epoch: int
) -> tuple[nn.Cell, np.ndarray]:
    """Builds loss, optimizer and TrainStep of what `cfg` describes; what is frozen is so already.

    Returns: the TrainStep, and the learning rate of every step of the run.
    """
    accumulate = cfg.get('accumulate') or 1
    total_steps = max(1, int(cfg.total_epochs * steps_per_epoch))
    rates = SCHEDULES.build(
        cfg.schedule,
        base_lr=cfg.optimizer.lr,
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps,
    )
    rates = [rates[step // accumulate * accumulate] for step in range(total_steps)]  # one an update
    optimizer = build_optimizer(
        cfg.optimizer,
        [p for p in recognizer.get_parameters() if p.requires_grad],
        rates[::accumulate],
    )
    loss = LOSSES.build(cfg.loss)
    weights = getattr(loss, 'num_classes', None)
    if weights not in (None, recognizer.num_classes):
        raise ConfigError(
            f'loss.class_weight has {weights} numbers; the model has {recognizer.num_classes} '
            'classes'
        )
    return TrainStep(
        recognizer,
        loss,
        optimizer,
        runner.loss_scaler(),
        cfg.get('clip_grad_norm'),
        accumulate,
        cfg.get('ema_momentum'),
        bool(cfg.get('blending')),
    ), rates


def _check_loss(loss, dataset):
    """Raises ConfigError where samples have several labels, and the loss takes one."""
    if dataset.multi_class and not getattr(loss, 'multi_class', False):
        raise ConfigError(
            f'the data set has several labels a video, which {type(loss).__name__} does not take: '
            "loss=dict(type='BCEWithLogitsLoss') does"
        )


def default_work_dir(cfg: Config) -> str:
    """Returns work_dirs/<name of the config>, below the current folder."""
    name, _ = os.path.splitext(os.path.basename(cfg.filename or 'config'))
    return os.path.join('work_dirs', name)


def report_damaged(reports: list[DamageReport], log: logging.Logger) -> None:
    """Lists the damaged samples that were met (DamageReports), once each."""
    damaged = {report.name: report for report in reports}
    if damaged:
        log.warning('%d damaged samples were met:', len(damaged))
        for report in damaged.values():
            log.warning('  %s: %s', report.path, report.reason)


def _check_ranks_agree(recognizer, start_step, total_steps, samples):
    """Raises ConfigError unless all ranks are about to do the same, from the same weights
    (collective).
    """
    if distributed.world_size() == 1:
        return
    checksum = 0
    for parameter in recognizer.get_parameters():
        checksum = zlib.crc32(parameter.asnumpy().tobytes(), checksum)
    here = dict(start_step=start_step, total_steps=total_steps, samples=samples, weights=checksum)
    for number, there in enumerate(distributed.gather_json(here)):
        for key, value in here.items():
            if there[key] != value:
                raise ConfigError(
                    f'rank {number} differs from rank {distributed.rank()} in its {key} '
                    f'({there[key]}, {value}): all machines need the same code, config, data, '
                    'weights and checkpoint'
                )
