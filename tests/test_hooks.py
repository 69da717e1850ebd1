"""Hooks that go by the figures of the evaluation keep, and wait for, what is better."""

import pytest

from i3dbox.engine.build import build_hooks
from i3dbox.engine.hooks.checkpoint_hook import CheckpointHook
from i3dbox.engine.hooks.early_stop_hook import EarlyStopHook
from i3dbox.errors import ConfigError


class Evaluated:
    """A run that has been evaluated after each epoch: `saved` and `stopped_at` are what the hooks
    asked for.

    Args:
        figures (dict of str -> list): by metric, one value an epoch.
        memory (dict): of the checkpoint that it was resumed from.
        every (int): epochs from one evaluation to the next.
    """

    def __init__(self, hooks, memory=None, every=1, **figures):
        self.memory = memory or {}
        self.saved = []
        self.newest = None  # what --resume would go on from
        self.stopped_at = None
        self.metric_names = list(figures)
        self.step = 0
        self.total_steps = 100
        self.stop_reason = None
        self.evaluated_at = 0
        self.steps_per_epoch = 1
        self.known_step = 0
        self.before_evaluation = []
        for hook in hooks:
            hook.before_run(self)
        for values in zip(*figures.values()):
            self.step += 1
            if self.step % every == 0:
                self.evaluated_at = self.step
                self.metrics = dict(zip(figures, values))
            for hook in hooks:
                hook.after_step(self)
                hook.after_epoch(self)

    @property
    def epoch(self):
        return self.step

    def save(self, name, last=True):
        self.saved.append((name, self.epoch))
        if last:
            self.newest = name

    def log(self, text, **values):
        pass

    def stop(self, reason):
        self.stopped_at = self.stopped_at or self.epoch


def best(metric):
    return CheckpointHook(interval=1000, save_best=metric)


def test_the_best_accuracy_is_the_highest_and_the_best_calibration_error_the_lowest():
    assert Evaluated([best('top1_acc')], top1_acc=[0.2, 0.5, 0.4, 0.5]).saved == [
        ('best_top1_acc', 1),
        ('best_top1_acc', 2),
    ]
    assert Evaluated([best('ece')], ece=[0.2, 0.5, 0.1, 0.1]).saved == [
        ('best_ece', 1),
        ('best_ece', 3),
    ]


def test_a_figure_that_is_no_number_is_never_the_best():
    assert Evaluated([best('ece')], ece=[float('nan'), 0.3, float('nan')]).saved == [
        ('best_ece', 2)
    ]


@pytest.mark.parametrize(
    'metric, values',
    [('top1_acc', [0.1, 0.3, 0.2, 0.25, 0.3]), ('ece', [0.3, 0.1, 0.2, 0.15, 0.1])],
)
def test_a_run_stops_when_its_figure_has_not_become_better(metric, values):
    assert Evaluated([EarlyStopHook(metric, patience=3)], **{metric: values}).stopped_at == 5


def test_epochs_without_an_evaluation_do_not_count():
    waiting = [EarlyStopHook('top1_acc', patience=2)]
    figures = [0.1, 0.5, 0.5, 0.4, 0.4, 0.3, 0.3]
    assert Evaluated(waiting, every=2, top1_acc=figures).stopped_at == 6


def test_the_best_is_not_what_a_run_goes_on_from():
    run = Evaluated([best('top1_acc')], top1_acc=[0.2, 0.5])
    assert run.saved and run.newest is None


def test_less_than_min_delta_does_not_count():
    for metric, values in (('top1_acc', [0.1, 0.14, 0.16]), ('ece', [0.2, 0.16, 0.14])):
        assert (
            Evaluated([EarlyStopHook(metric, 1, min_delta=0.05)], **{metric: values}).stopped_at
            == 2
        )
        assert (
            Evaluated([EarlyStopHook(metric, 2, min_delta=0.05)], **{metric: values}).stopped_at
            is None
        )


def test_two_hooks_of_a_kind_each_go_by_their_own_metric():
    run = Evaluated([best('top1_acc'), best('ece')], top1_acc=[0.9, 0.8, 0.95], ece=[0.3, 0.2, 0.4])
    assert run.saved == [
        ('best_top1_acc', 1),
        ('best_ece', 1),
        ('best_ece', 2),
        ('best_top1_acc', 3),
    ]
    assert run.memory['best'] == dict(
        top1_acc=dict(value=0.95, epoch=3), ece=dict(value=0.2, epoch=2)
    )
    hooks = [EarlyStopHook('top1_acc', patience=3), EarlyStopHook('ece', patience=2)]
    assert (
        Evaluated(hooks, top1_acc=[0.1, 0.2, 0.3, 0.4], ece=[0.1, 0.05, 0.2, 0.3]).stopped_at == 4
    )


def test_a_memory_of_an_earlier_version_which_kept_one_best_is_gone_on_with():
    memory = dict(
        best=dict(metric='top1_acc', value=0.7, epoch=4), early_stop=dict(best=0.7, waited=2)
    )
    hooks = [best('ece'), best('top1_acc'), EarlyStopHook('top1_acc', patience=3)]
    run = Evaluated(hooks, memory, top1_acc=[0.6, 0.8], ece=[0.3, 0.4])
    assert run.saved == [('best_ece', 1), ('best_top1_acc', 2)] and run.stopped_at == 1
    assert memory['best'] == dict(top1_acc=dict(value=0.8, epoch=2), ece=dict(value=0.3, epoch=1))


@pytest.mark.parametrize('metric', ['top1_acc', 'ece'])
def test_a_memory_of_an_earlier_version_that_has_seen_nothing_goes_on(metric):
    memory = dict(early_stop=dict(best=-1e30, waited=2))
    assert (
        Evaluated([EarlyStopHook(metric, patience=3)], memory, **{metric: [0.5]}).stopped_at is None
    )


def test_a_part_that_is_no_hook_is_told_when_hooks_are_built():
    with pytest.raises(ConfigError, match='Counter is no hook: it derives from'):
        build_hooks([dict(type='collections.Counter')])
