"""Stopping when nothing gets better."""

from ...errors import ConfigError
from ...evaluation.metrics import better
from ...registry import HOOKS
from .hook import Hook


@HOOKS.register
class EarlyStopHook(Hook):
    """Ends the run when `monitor` has not become better by more than `min_delta` in `patience`
    evaluations.
    """

    priority = 50  # before CheckpointHook, which then saves the last state

    def __init__(self, monitor='top1_acc', patience=5, min_delta=0.0):
        super().__init__()
        self.monitor, self.patience, self.min_delta = (
            monitor,
            self.positive(patience=patience),
            min_delta,
        )

    def before_run(self, run):
        if self.monitor not in run.metric_names:
            raise ConfigError(
                f'EarlyStopHook monitors {self.monitor!r}; the evaluation gives '
                f'{", ".join(run.metric_names) or "nothing: use --validate"}'
            )

    def after_epoch(self, run):
        if run.evaluated_at != run.step:
            return
        value = run.metrics[self.monitor]
        seen = run.memory.setdefault(f'early_stop_{self.monitor}', dict(best=None, waited=0))
        seen.update(
            run.memory.pop('early_stop', {})
        )  # of an earlier version, which kept one for all monitors
        if seen['best'] == -1e30:  # and said "none" so
            seen['best'] = None
        if better(self.monitor, value, seen['best'], self.min_delta):
            seen.update(best=value, waited=0)
        else:
            seen['waited'] += 1
            if seen['waited'] >= self.patience:
                run.stop(f'{self.monitor} has not become better in {self.patience} evaluations')
