"""Checkpoints."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING

from ...errors import ConfigError
from ...evaluation.metrics import better
from ...registry import HOOKS
from .hook import Hook

if TYPE_CHECKING:
    from ..run import Run


@HOOKS.register
@dataclasses.dataclass(eq=False)
class CheckpointHook(Hook):
    """Saves the whole training state; `--resume` goes on from the newest. What is evaluated is
    saved before, too, so that a run that is killed meanwhile goes on with the evaluation.

    Args:
        interval (int): epochs (or steps, with by_epoch=False) between checkpoints; the last step
            always has one. With data sink, steps count when the host hears of them.
        by_epoch (bool): names are epoch_3.ckpt, or step_450.ckpt.
        max_keep_ckpts (int): how many of them to keep, oldest removed first; -1 keeps all.
        save_best (str): a metric of the evaluation, such as 'top1_acc'; its best epoch is kept
            beside them as best_<metric>.ckpt; or 'auto', the first one. Without an evaluation there
            is none.
    """

    priority = 60

    interval: int = 1
    by_epoch: bool = True
    max_keep_ckpts: int = -1
    save_best: str | None = None

    def __post_init__(self):
        self.positive(interval=self.interval)
        if self.max_keep_ckpts != -1:
            self.positive(max_keep_ckpts=self.max_keep_ckpts)

    def before_run(self, run: Run) -> None:
        if self.save_best == 'auto' and run.metric_names:
            self.save_best = run.metric_names[0]
        if run.metric_names and self.save_best not in (None, *run.metric_names):
            raise ConfigError(
                f'CheckpointHook: save_best is {self.save_best!r}; the evaluation gives '
                f'{", ".join(run.metric_names)}'
            )
        # 'auto' is that of the shipped configs: the best, where there is one
        if self.save_best not in (None, 'auto') and not run.metric_names:
            run.logger.warning(
                'nothing is evaluated in this run, so no best checkpoint (save_best=%r) will be '
                'kept: --validate (or an EvalHook) evaluates',
                self.save_best,
            )
        for name in run.memory.get('forgotten', ()):
            self._remove(run, name)  # a killed run did not come to it
        self.intervals = self._count(run, run.known_step)
        run.before_evaluation.append(self._save_if_due)

    def after_step(self, run: Run) -> None:
        if run.evaluated_at == run.step and self.save_best:
            self._keep_best(run)  # before the other, whose memory says that it is there
        self._save_if_due(run)
        self.intervals = self._count(run, run.step)

    def _save_if_due(self, run):
        due = self._count(run, run.step) > self.intervals
        if due or run.step == run.total_steps or run.stop_reason:
            self._save(run)

    def _count(self, run, step):
        return (step // run.steps_per_epoch if self.by_epoch else step) // self.interval

    def _keep_best(self, run):
        value = run.metrics[self.save_best]
        bests = run.memory.setdefault('best', {})  # by metric
        if isinstance(bests.get('metric'), str):  # from before there could be several
            bests = run.memory['best'] = {bests.pop('metric'): bests}
        if better(self.save_best, value, bests.get(self.save_best, {}).get('value')):
            bests[self.save_best] = dict(value=value, epoch=run.epoch)
            run.save(f'best_{self.save_best}', last=False)
            run.log(
                f'best {self.save_best} so far: {value:.4f}',
                mode='best',
                epoch=run.epoch,
                value=value,
            )

    def _save(self, run):
        whole_epoch = self.by_epoch and run.step % run.steps_per_epoch == 0
        name = f'epoch_{run.epoch}' if whole_epoch else f'step_{run.step}'
        kind = 'epochs' if self.by_epoch else 'steps'  # one list for each of two such hooks
        saved = run.memory.setdefault('checkpoints', {})
        names = [n for n in saved.get(kind, []) if n != name] + [name]
        first_kept = max(len(names) - self.max_keep_ckpts, 0) if self.max_keep_ckpts > 0 else 0
        saved[kind] = names[first_kept:]
        run.memory['forgotten'] = names[:first_kept]
        run.save(name)
        for old in names[:first_kept]:
            self._remove(run, old)

    def _remove(self, run, name):
        if run.rank == 0:
            with contextlib.suppress(FileNotFoundError):
                os.remove(os.path.join(run.work_dir, f'{name}.ckpt'))
