"""Checkpoints."""

import contextlib
import os

from ...registry import HOOKS
from .hook import Hook


@HOOKS.register
class CheckpointHook(Hook):
    """Saves the whole training state; `--resume` goes on from the newest.

    Args:
        interval (int): epochs (or steps, with by_epoch=False) between checkpoints; the last step
            always has one.
        by_epoch (bool): names are epoch_3.ckpt, or step_450.ckpt.
        max_keep_ckpts (int): how many of them to keep, oldest removed first; -1 keeps all.
        save_best (str): a metric of the evaluation, such as 'top1_acc'; its best epoch is kept beside
            them as best_<metric>.ckpt.
    """

    priority = 60

    def __init__(self, interval=1, by_epoch=True, max_keep_ckpts=-1, save_best=None):
        super().__init__()
        self.interval, self.by_epoch = interval, by_epoch
        self.max_keep_ckpts, self.save_best = max_keep_ckpts, save_best

    def after_step(self, run):
        best = run.memory.get('best', {})
        value = run.metrics.get(self.save_best) if run.evaluated_at == run.step else None
        is_best = value is not None and value > best.get('value', float('-inf'))
        if is_best:
            run.memory['best'] = dict(metric=self.save_best, value=value, epoch=run.epoch)
        if self._is_due(run):
            self._save(run)
        if is_best:
            run.save(f'best_{self.save_best}', last=False)
            run.log(f'best {self.save_best} so far: {value:.4f}', mode='best', epoch=run.epoch, value=value)

    def _save(self, run):
        whole_epoch = self.by_epoch and run.step % run.steps_per_epoch == 0
        name = f'epoch_{run.epoch}' if whole_epoch else f'step_{run.step}'
        kind = 'epochs' if self.by_epoch else 'steps'  # one list for each of two such hooks
        saved = run.memory.setdefault('checkpoints', {})
        names = [n for n in saved.get(kind, []) if n != name] + [name]
        first_kept = len(names) - self.max_keep_ckpts if self.max_keep_ckpts >= 0 else 0
        saved[kind] = names[max(first_kept, 0):]
        run.save(name)
        if run.rank == 0:
            for old in names[:max(first_kept, 0)]:
                with contextlib.suppress(FileNotFoundError):
                    os.remove(os.path.join(run.work_dir, f'{old}.ckpt'))

    def _is_due(self, run):
        if run.step == run.total_steps or run.stop_reason:
            return True
        count = run.epoch if self.by_epoch else run.step
        return count % self.interval == 0 and (run.at_epoch_end or not self.by_epoch)
