import collections

import numpy as np
import pytest

from i3dbox.datasets.sampler import EpochSampler, SequentialSampler, sample_rng
from i3dbox.errors import ConfigError


def read(stream, steps, rank=0):
    return [stream.batch(step, rank) for step in range(steps)]


def test_a_batch_is_a_function_of_seed_and_step_alone():
    stream = EpochSampler(10, 3, seed=7)
    run = read(stream, 9)
    assert [EpochSampler(10, 3, seed=7).batch(step) for step in reversed(range(9))] == run[::-1]
    assert read(EpochSampler(10, 3, seed=8), 9) != run


def test_two_ranks_together_read_what_one_rank_of_the_double_batch_reads():
    whole, shared = EpochSampler(23, 6, seed=1), EpochSampler(23, 3, world=2, seed=1)
    assert shared.steps_per_epoch == whole.steps_per_epoch == 3
    for step in range(8):
        assert shared.batch(step, 0) + shared.batch(step, 1) == whole.batch(step)


def test_an_epoch_holds_no_sample_twice_and_leaves_others_out_than_the_next():
    stream = EpochSampler(10, 4, seed=0)
    left_out = []
    for epoch in range(4):
        places = [place for step in range(2) for place in stream.batch(epoch * 2 + step)]
        assert {its_epoch for its_epoch, _ in places} == {epoch}
        assert len({index for _, index in places}) == 8
        left_out.append(frozenset(range(10)) - {index for _, index in places})
    assert len(set(left_out)) > 1


def test_without_shuffle_the_order_is_the_data_sets():
    assert [index for _, index in EpochSampler(5, 5, shuffle=False).batch(3)] == [0, 1, 2, 3, 4]


def test_a_data_set_smaller_than_a_global_batch_is_wrapped_round():
    stream = EpochSampler(3, 2, world=4, seed=0)
    assert stream.steps_per_epoch == 1
    counts = collections.Counter(index for rank in range(4) for _, index in stream.batch(0, rank))
    assert sorted(counts.values()) == [2, 3, 3]


@pytest.mark.parametrize('size', [1, 5, 8, 13])
@pytest.mark.parametrize('batch_size', [1, 3, 4])
@pytest.mark.parametrize('world', [1, 2, 3])
def test_in_testing_every_sample_comes_once_over_all_ranks(size, batch_size, world):
    stream = SequentialSampler(size, batch_size, world)
    batches = [
        stream.batch(step, rank) for step in range(stream.steps_per_epoch) for rank in range(world)
    ]
    assert all(len(batch) == batch_size for batch in batches)
    indices = [index for batch in batches for _, index in batch]
    assert [index for index in indices if index >= 0] == list(range(size))
    assert len(indices) - size < batch_size * world


def test_the_random_numbers_of_a_sample_differ_by_seed_epoch_and_index():
    draws = [
        sample_rng(*key).integers(2**62) for key in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0))
    ]
    assert len(set(draws)) == 4
    assert sample_rng(3, 4, 5).integers(2**62) == sample_rng(3, 4, 5).integers(2**62)
    shuffle = np.random.default_rng((0, 0))
    assert sample_rng(0, 0, 0).integers(2**62) != shuffle.integers(2**62)


@pytest.mark.parametrize(
    'args, name',
    [
        ((0, 1), 'num_samples'),
        ((1, 0), 'batch_size'),
        ((1, 1, 0), 'world'),
        ((1, 1, 1, -1), 'seed'),
    ],
)
def test_a_size_out_of_range_is_named(args, name):
    with pytest.raises(ConfigError, match=name):
        EpochSampler(*args)
