"""Progress: a line every so many steps, a JSON line beside it, and a bar on a terminal."""

from __future__ import annotations

import dataclasses
import datetime
import sys
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from ...errors import DivergedError
from ...registry import HOOKS
from .hook import Hook

if TYPE_CHECKING:
    from ..run import Run


@HOOKS.register
@dataclasses.dataclass(eq=False)
class LoggerHook(Hook):
    """Logs loss, top-1 accuracy (means since the last line), learning rate, seconds per step, of
    which waiting for data, and the time that is left.

    Args:
        interval (int): steps between lines; each epoch's last step gets one, too.
        bar (bool): a tqdm bar; default: if stderr is a terminal.
    """

    priority = 30

    interval: int = 20
    bar: bool | None = None

    def __post_init__(self):
        self.positive(interval=self.interval)

    def before_run(self, run: Run) -> None:
        self.outputs = []
        self.seen = run.step
        self.logged = (run.step, run.step_time, run.data_time)
        show = sys.stderr.isatty() if self.bar is None else self.bar
        self.progress = tqdm(
            total=run.total_steps,
            initial=run.step,
            unit='step',
            dynamic_ncols=True,
            disable=not show or run.rank != 0,
        )

    def after_step(self, run: Run) -> None:
        self.outputs.append((run.step - self.seen, *run.outputs))
        self.seen = run.step
        self.progress.update(run.step - self.progress.n)
        if run.step - self.logged[0] >= self.interval or run.at_epoch_end:
            self._log(run)

    def after_run(self, run: Run) -> None:
        self.progress.close()

    def _log(self, run):
        counts = np.array([count for count, *_ in self.outputs])  # several in a data sink
        losses, accuracies, finite = (
            np.array([float(o[i].asnumpy()) for o in self.outputs]) for i in range(1, 4)
        )
        now = run.step, run.step_time, run.data_time
        # an overflow that the loss scale handles is none
        bad = ~np.isfinite(losses) & (finite > 0)
        if bad.any():
            at = self.logged[0] + int(counts[: bad.argmax() + 1].sum())
            raise DivergedError(
                f'training has diverged: the loss is {losses[bad][0]} at step {at}. Lower the '
                'learning rate or set clip_grad_norm; --resume goes on from the last checkpoint'
            )
        steps, seconds, data_seconds = (new - old for new, old in zip(now, self.logged))
        seconds /= steps
        data_seconds /= steps
        left = datetime.timedelta(seconds=round(seconds * (run.total_steps - run.step)))
        epoch, index = divmod(run.step - 1, run.steps_per_epoch)
        line = dict(
            mode='train',
            epoch=epoch + 1,
            iter=index + 1,
            lr=run.lr,
            loss=float(np.average(losses, weights=counts)),
            top1_acc=float(np.average(accuracies, weights=counts)),
            time=round(seconds, 4),
            data_time=round(data_seconds, 4),
        )
        text = (
            f'Epoch [{epoch + 1}][{index + 1}/{run.steps_per_epoch}] lr: {run.lr:.3g}, '
            f'loss: {line["loss"]:.4f}, top1_acc: {line["top1_acc"]:.4f}, '
            f'time: {seconds:.3f}, data_time: {data_seconds:.3f}, eta: {left}'
        )
        if (finite < 1).any():
            line['overflows'] = round(float(((1 - finite) * counts).sum()))
            text += f', overflows: {line["overflows"]}'
        run.log(text, **line)
        self.progress.set_postfix(
            loss=f'{line["loss"]:.3f}', top1=f'{line["top1_acc"]:.3f}', refresh=False
        )
        self.outputs = []
        self.logged = now
