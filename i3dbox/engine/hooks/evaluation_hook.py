"""Evaluation during training."""

from ...registry import HOOKS
from .hook import Hook


@HOOKS.register
class EvalHook(Hook):
    """Evaluates on config.data.val every `interval` epochs and after the last one."""

    priority = 40
    evaluates = True

    def __init__(self, interval=1):
        super().__init__()
        self.interval = self.positive(interval=interval)

    def after_epoch(self, run):
        if run.epoch % self.interval == 0 or run.step == run.total_steps:
            metrics = run.evaluate()
            text = ', '.join(f'{name}: {value:.4f}' for name, value in metrics.items())
            run.log(
                f'Epoch [{run.epoch}] validation: {text}', mode='val', epoch=run.epoch, **metrics
            )
