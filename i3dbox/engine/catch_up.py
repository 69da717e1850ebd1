"""What a run was killed in, when it goes on."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING

import mindspore as ms

from .hooks.hook import Hook
from .run import UNEVALUATED

if TYPE_CHECKING:
    from mindspore.train import Callback

    from .run import Run


def catch_up(run: Run, hooks: Iterable[Callback]) -> None:
    """Evaluates a run that goes on from a checkpoint that was saved before its evaluation, and has
    hooks do what they do after it. Where none evaluates any more, it does nothing.

    Args:
        hooks: of the run, in their order.
    """
    outputs = run.memory.get(UNEVALUATED)
    own = [hook for hook in hooks if isinstance(hook, Hook)]
    left = list(itertools.dropwhile(lambda hook: not hook.evaluates, own))
    if outputs is None or not left:
        run.memory.pop(UNEVALUATED, None)
        return
    run.logger.info('the run was stopped in its evaluation at step %d: it is done anew', run.step)
    for hook in own:
        hook.before_run(run)
    run.begun = own
    del run.memory[UNEVALUATED]
    run.outputs = tuple(map(ms.Tensor, outputs))
    evaluating, *later = left
    evaluating.after_epoch(run)
    for hook in later:
        hook.after_step(run)
        hook.after_epoch(run)
    if run.is_done:
        for hook in own:
            hook.after_run(run)
