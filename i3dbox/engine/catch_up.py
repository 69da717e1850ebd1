"""What a run was killed in, when it goes on."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING

import mindspore as ms

from .hooks.hook import EVENTS, Hook
from .run import UNEVALUATED

if TYPE_CHECKING:
    from mindspore.train import Callback

    from .run import Run


def catch_up(run: Run, hooks: Iterable[Callback]) -> None:
    """Goes on in the evaluation before which a run's checkpoint was saved: tells of that step the
    hook that evaluated, and those behind it. Where it is not there any more, none is evaluated.

    Args:
        hooks: of the run, in their order.
    """
    cut = run.memory.get(UNEVALUATED)
    if cut is None:
        return
    own = [hook for hook in hooks if isinstance(hook, Hook)]
    left = list(itertools.dropwhile(lambda hook: type(hook).__name__ != cut['hook'], own))
    if left or run.is_done:
        for hook in own:
            hook.before_run(run)
        run.begun = own
    del run.memory[UNEVALUATED]
    if left:
        run.logger.info('the run was stopped in its evaluation at step %d: on with it', run.step)
        run.outputs = tuple(map(ms.Tensor, cut['outputs']))
        evaluating, *later = left
        evaluating.tell(run, EVENTS[EVENTS.index(cut['event']) :])
        for hook in later:
            hook.tell(run)
    if run.is_done:
        for hook in own:
            hook.after_run(run)
