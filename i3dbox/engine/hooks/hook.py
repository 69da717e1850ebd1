"""The base of all hooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...argument_checks import at_least_one

try:
    from mindspore.train import Callback
except ImportError:  # then nothing is trained, and hooks are told of tests alone
    Callback = object

EVENTS = ('after_step', 'after_epoch')

if TYPE_CHECKING:
    from mindspore.train import RunContext

    from ...config import Config
    from ...evaluation.results import Results
    from ..run import Run


class Hook(Callback):
    """A MindSpore callback that is told of the run at four points, and of what comes before and of
    tests.

    Override what you need: before_run, after_step, after_epoch, after_run; each gets the `Run`.
    `prepare` gets the config, `after_test` the results of a test.
    Hooks are called in the order of `priority` (low first), then of the config. With data sink,
    after_step comes once per sink.
    """

    priority = 50
    evaluates = False  # whether it calls run.evaluate(), which then has the validation set

    def positive(self, **argument) -> int:
        """Returns the one argument. Raises ConfigError unless it is a whole number from 1."""
        at_least_one(type(self).__name__, **argument)
        return next(iter(argument.values()))

    def prepare(self, cfg: Config) -> None:
        """Runs before anything is read, in training and testing; may change the config."""

    def after_test(self, results: Results) -> None:
        """Runs after a test, on rank 0."""

    def before_run(self, run: Run) -> None:
        """Runs before the first step; `run.step` is the step resumed from."""

    def after_step(self, run: Run) -> None:
        """Runs after each training step."""

    def after_epoch(self, run: Run) -> None:
        """Runs after the last step of each epoch, and of the run."""

    def after_run(self, run: Run) -> None:
        """Runs after the last step, also when the run was stopped early, not after an error."""

    def on_train_begin(self, run_context: RunContext) -> None:
        run = run_context.original_args().run
        if self not in run.begun:
            self.before_run(run)

    def on_train_step_end(self, run_context: RunContext) -> None:
        self.tell(run_context.original_args().run)

    def tell(self, run: Run, events: Sequence[str] = EVENTS) -> None:
        """Tells of a step, and of its epoch's end."""
        for event in events:
            if event == 'after_step' or run.at_epoch_end:
                run.told = type(self).__name__, event
                getattr(self, event)(run)

    def on_train_end(self, run_context: RunContext) -> None:
        self.after_run(run_context.original_args().run)
