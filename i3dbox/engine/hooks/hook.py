"""The base of all hooks."""

from mindspore.train import Callback

from ...argument_checks import at_least_one


class Hook(Callback):
    """A MindSpore callback that is told of the run at four points, and of what comes before and of
    tests.

    Override what you need: before_run, after_step, after_epoch, after_run; each gets the `Run`.
    `prepare` gets the config, `after_test` the results of a test.
    Hooks are called in the order of `priority` (low first), then of the config. With data sink,
    after_step comes once a sink.
    """

    priority = 50
    evaluates = False  # whether it calls run.evaluate(), which then has the validation set

    def positive(self, **argument):
        """Returns the one argument. Raises ConfigError unless it is a whole number from 1."""
        at_least_one(type(self).__name__, **argument)
        return next(iter(argument.values()))

    def prepare(self, cfg):
        """Before anything is read, in training and testing: may change the config."""

    def after_test(self, results):
        """After a test, on rank 0."""

    def before_run(self, run):
        """Before the first step; `run.step` is the step resumed from."""

    def after_step(self, run):
        """After each training step."""

    def after_epoch(self, run):
        """After the last step of each epoch, and of the run."""

    def after_run(self, run):
        """After the last step, also when the run was stopped early, not after an error."""

    def on_train_begin(self, run_context):
        self.before_run(run_context.original_args().run)

    def on_train_step_end(self, run_context):
        run = run_context.original_args().run
        self.after_step(run)
        if run.at_epoch_end:
            self.after_epoch(run)

    def on_train_end(self, run_context):
        self.after_run(run_context.original_args().run)
