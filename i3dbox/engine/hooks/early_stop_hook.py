"""Stopping when nothing gets better."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ...errors import ConfigError
from ...evaluation.metrics import better
from ...registry import HOOKS
from .hook import Hook

if TYPE_CHECKING:
    from ..run import Run


@HOOKS.register
@dataclasses.dataclass(eq=False)
class EarlyStopHook(Hook):
    """Ends the run when `monitor` has not become better by more than `min_delta` in `patience`
    evaluations.
    """

    priority = 50  # before CheckpointHook, which then saves the last state

    monitor: str = 'top1_acc'
    patience: int = 5
    min_delta: float = 0.0

    def __post_init__(self):
        self.positive(patience=self.patience)

    def before_run(self, run: Run) -> None:
        if self.monitor not in run.metric_names:
            raise ConfigError(
                f'EarlyStopHook monitors {self.monitor!r}; the evaluation gives '
                f'{", ".join(run.metric_names) or "nothing: use --validate"}'
            )

    def after_epoch(self, run: Run) -> None:
        if run.evaluated_at != run.step:
            return
        value = run.metrics[self.monitor]
        seen = run.memory.setdefault(f'early_stop_{self.monitor}', dict(best=None, waited=0))
        # of an earlier version, which kept one for all monitors
        seen.update(run.memory.pop('early_stop', {}))
        if seen['best'] == -1e30:  # and said "none" so
            seen['best'] = None
        if better(self.monitor, value, seen['best'], self.min_delta):
            seen.update(best=value, waited=0)
        else:
            seen['waited'] += 1
            if seen['waited'] >= self.patience:
                run.stop(f'{self.monitor} has not become better in {self.patience} evaluations')
