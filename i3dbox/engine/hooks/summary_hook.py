"""Curves for TensorBoard or MindInsight."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from ...argument_checks import one_of
from ...errors import ConfigError
from ...registry import HOOKS
from .hook import Hook

if TYPE_CHECKING:
    from ..run import Run


@HOOKS.register
class SummaryHook(Hook):
    """Writes loss, accuracy, learning rate and evaluation figures to <work_dir>/summary.

    Args:
        interval (int): steps between points of the training curves.
        writer (str): 'tensorboard' (needs `pip install tensorboardX`, or PyTorch with tensorboard),
            'mindinsight' (MindSpore's own SummaryRecord), or 'auto': the first of them that is
            there.
    """

    def __init__(self, interval: int = 20, writer: str = 'auto'):
        self.interval = self.positive(interval=interval)
        one_of('SummaryHook', ('auto', 'tensorboard', 'mindinsight'), writer=writer)
        self.writer_class = None if writer == 'mindinsight' else _tensorboard()
        if self.writer_class is None:
            if writer == 'tensorboard':
                raise ConfigError('SummaryHook needs tensorboardX: pip install tensorboardX')
            self.writer_class = _MindSporeWriter

    def before_run(self, run: Run) -> None:
        self.writer = (
            self.writer_class(os.path.join(run.work_dir, 'summary')) if run.rank == 0 else None
        )
        self.last_written = run.step

    def after_step(self, run: Run) -> None:
        if self.writer is None:
            return
        if run.step - self.last_written >= self.interval or run.at_epoch_end:
            self.last_written = run.step
            loss, accuracy, _ = (float(output.asnumpy()) for output in run.outputs)
            for name, value in (('loss', loss), ('top1_acc', accuracy), ('lr', run.lr)):
                self.writer.add_scalar(f'train/{name}', value, run.step)
        if run.evaluated_at == run.step:
            for name, value in run.metrics.items():
                self.writer.add_scalar(f'val/{name}', value, run.step)

    def after_run(self, run: Run) -> None:
        if self.writer is not None:
            self.writer.close()


def _tensorboard():
    for module in ('tensorboardX', 'torch.utils.tensorboard'):
        try:
            return importlib.import_module(module).SummaryWriter
        except ImportError:
            continue
    return None


class _MindSporeWriter:
    """MindSpore's SummaryRecord with the face of a TensorBoard writer."""

    def __init__(self, folder):
        from mindspore import SummaryRecord

        self.record = SummaryRecord(folder)

    def add_scalar(self, name, value, step):
        from mindspore import Tensor

        self.record.add_value('scalar', name, Tensor(value))
        self.record.record(step)

    def close(self):
        self.record.close()
