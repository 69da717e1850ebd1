"""Curves for TensorBoard or MindInsight."""

from __future__ import annotations

import importlib
import os
import time
from typing import TYPE_CHECKING

import numpy as np

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
            'mindinsight' (an event file of MindSpore's), or 'auto': the first of them that is
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
    """Writes MindInsight's event file, with the face of a TensorBoard writer.

    MindSpore's SummaryRecord writes from a process that it forks beside MindSpore's threads. That
    process at times hangs for ever, and the run with it, and it asks its queue without a pause for
    as long as the run lasts. Its own writer of events works in the process of the run as well.
    """

    def __init__(self, folder):
        from mindspore.train.summary import _summary_adapter as adapter
        from mindspore.train.summary.enums import WriterPluginEnum
        from mindspore.train.summary.writer import SummaryWriter

        os.makedirs(folder, exist_ok=True)
        name = adapter.get_event_file_name('events', '_MS', str(int(time.time())))
        self.event, self.kind = adapter.package_summary_event, WriterPluginEnum.SUMMARY.value
        self.writer = SummaryWriter(os.path.join(folder, name))

    def add_scalar(self, name, value, step):
        scalar = dict(_type='Scalar', name=name, data=np.float64(value))
        event = self.event([scalar], step, time.time())
        self.writer.write(self.kind, event.SerializeToString())
        self.writer.flush()

    def close(self):
        self.writer.close()
