"""Learning rates are plain lists that say what their recipes say."""

import pytest

from i3dbox.errors import ConfigError, RegistryError
from i3dbox.registry import SCHEDULES


def rates(type, epochs, base_lr=1.0, steps_per_epoch=1, **kwargs):
    return SCHEDULES.build(
        dict(type=type, **kwargs),
        base_lr=base_lr,
        steps_per_epoch=steps_per_epoch,
        total_steps=epochs * steps_per_epoch,
    )


def test_step_and_multi_step_fall_where_they_should():
    assert rates('StepLR', 5, every=2, gamma=0.5) == [1, 1, 0.5, 0.5, 0.25]
    assert rates('MultiStepLR', 5, milestones=[1, 3]) == pytest.approx([1, 0.1, 0.1, 0.01, 0.01])


def test_cosine_starts_at_the_base_rate_and_ends_near_the_minimum():
    lrs = rates('CosineLR', 100, min_lr=0.1)
    assert lrs[0] == 1 and lrs[50] == pytest.approx(0.55) and 0.1 < lrs[-1] < 0.101
    assert lrs == sorted(lrs, reverse=True)


def test_halving_is_the_originals_rgb_recipe():
    lrs = rates('HalvingLR', 40, base_lr=0.001)
    assert lrs[3] == 0.001 and lrs[4] == 0.0005 and lrs[39] == 0.001 / 2**9


def test_halving_restarts_once_as_in_the_originals_flow_recipe():
    lrs = rates('HalvingLR', 60, base_lr=0.001, restart_at=5e-5)
    assert lrs[19] == 0.001 / 16 and lrs[20] == 0.001 and lrs[24] == 0.0005
    assert lrs[59] == 0.001 / 2**9  # it does not restart a second time


def test_warm_up_rises_in_a_straight_line_to_the_schedule():
    lrs = rates('ConstantLR', 3, steps_per_epoch=4, warmup_epochs=1, warmup_ratio=0.2)
    assert lrs[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0]) and lrs[-1] == 1


def test_epochs_may_be_fractions():
    assert rates('StepLR', 1, steps_per_epoch=4, every=0.5, gamma=0.5) == [1, 1, 0.5, 0.5]


def test_a_wrong_argument_is_named_with_what_was_meant():
    with pytest.raises(RegistryError, match="no argument 'evry'. Did you mean 'every'"):
        rates('StepLR', 1, evry=1)


def test_a_rate_of_zero_is_refused():
    with pytest.raises(ConfigError, match='must be above 0; got 0'):
        rates('ConstantLR', 1, base_lr=0)


def test_more_steps_than_fit_into_memory_are_refused():
    with pytest.raises(ConfigError, match='total_steps is a number from 0 to 10000000'):
        rates('ConstantLR', 1 << 40)
