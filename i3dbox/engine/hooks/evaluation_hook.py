"""Evaluation during training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...registry import HOOKS
from .hook import Hook

if TYPE_CHECKING:
    from ..run import Run


@HOOKS.register
class EvalHook(Hook):
    """Evaluates on config.data.val every `interval` epochs and after the last one."""

    priority = 40
    evaluates = True

    def __init__(self, interval: int = 1):
        super().__init__()
        self.interval = self.positive(interval=interval)

    def after_epoch(self, run: Run) -> None:
        if run.epoch % self.interval == 0 or run.step == run.total_steps:
            metrics = run.evaluate()
            text = ', '.join(f'{name}: {value:.4f}' for name, value in metrics.items())
            run.log(
                f'Epoch [{run.epoch}] validation: {text}', mode='val', epoch=run.epoch, **metrics
            )
