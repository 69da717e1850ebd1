"""Curves for TensorBoard."""

import importlib
import os

from ...errors import ConfigError
from ...registry import HOOKS
from .hook import Hook


@HOOKS.register
class TensorboardHook(Hook):
    """Writes loss, accuracy, learning rate and evaluation figures to <work_dir>/tensorboard.

    Needs `pip install tensorboardX` (or PyTorch with tensorboard). MindInsight reads the same files'
    values from its own SummaryCollector, which is a MindSpore callback: name it in `hooks` by its
    dotted path, mindspore.train.SummaryCollector.
    """

    def __init__(self, interval=20):
        super().__init__()
        self.interval = interval
        for module in ('tensorboardX', 'torch.utils.tensorboard'):
            try:
                self.writer_class = importlib.import_module(module).SummaryWriter
                return
            except ImportError:
                continue
        raise ConfigError('TensorboardHook needs tensorboardX: pip install tensorboardX')

    def before_run(self, run):
        self.writer = self.writer_class(os.path.join(run.work_dir, 'tensorboard')) if run.rank == 0 else None

    def after_step(self, run):
        if self.writer is None:
            return
        if run.step % self.interval == 0 or run.at_epoch_end:
            loss, accuracy, _ = (float(output.asnumpy()) for output in run.outputs)
            for name, value in (('loss', loss), ('top1_acc', accuracy), ('lr', run.lr)):
                self.writer.add_scalar(f'train/{name}', value, run.step)
        if run.evaluated_at == run.step:
            for name, value in run.metrics.items():
                self.writer.add_scalar(f'val/{name}', value, run.step)

    def after_run(self, run):
        if self.writer is not None:
            self.writer.close()
