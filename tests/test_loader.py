import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from fake_data import Damage, DrawClip, Fail, FakeDataset, Odd

from i3dbox.datasets.loader import ClipLoader, as_mindspore_dataset
from i3dbox.datasets.sampler import EpochSampler, SequentialSampler
from i3dbox.errors import ConfigError, DamagedSampleError, DataError

DRAW = dict(type=DrawClip)


def make(size=11, batch_size=2, steps=None, world=1, rank=0, seed=5, dataset=None, **kwargs):
    dataset = dataset or FakeDataset(size)
    return ClipLoader(
        dataset,
        EpochSampler(len(dataset), batch_size, world, seed),
        rank,
        num_steps=steps,
        **kwargs,
    )


def same(batches, others):
    assert len(batches) == len(others)
    for batch, other in zip(batches, others):
        assert batch.keys() == other.keys()
        for name in batch:
            assert batch[name].dtype == other[name].dtype
            np.testing.assert_array_equal(batch[name], other[name])


def workers_left():
    return [
        thread for thread in threading.enumerate() if thread.name.startswith('ClipLoader')
    ] + multiprocessing.active_children()


def test_a_batch_is_a_dict_of_arrays():
    loader = make(size=11, batch_size=3)
    batches = list(loader)
    assert len(batches) == len(loader) == 3
    for batch in batches:
        assert {name: (array.shape, array.dtype) for name, array in batch.items()} == {
            'imgs': ((3, 1, 2, 2, 2, 3), np.uint8),
            'label': ((3,), np.int32),
            'index': ((3,), np.int32),
        }
        np.testing.assert_array_equal(batch['label'], batch['index'] % 3)
        np.testing.assert_array_equal(batch['imgs'][:, 0, 0, 0, 0, 0], batch['index'])


@pytest.mark.parametrize(
    'workers',
    [
        dict(num_workers=1),
        dict(num_workers=3),
        dict(num_workers=3, prefetch=0),
        dict(num_workers=1, worker='process'),
        dict(num_workers=3, worker='process'),
    ],
)
def test_workers_change_nothing_but_the_speed(workers):
    same(list(make(steps=12, **workers)), list(make(steps=12)))
    assert not workers_left()


def test_two_ranks_interleave_to_one_rank_of_the_double_batch():
    ranks = [
        list(make(batch_size=2, world=2, rank=rank, steps=6, num_workers=2)) for rank in (0, 1)
    ]
    joined = [
        {name: np.concatenate([first[name], second[name]]) for name in first}
        for first, second in zip(*ranks)
    ]
    same(joined, list(make(batch_size=4, steps=6)))


def test_a_restart_at_a_step_is_the_tail_of_the_run():
    same(list(make(start_step=7, steps=5, num_workers=2)), list(make(steps=12))[7:])


def test_every_pass_over_a_loader_is_the_same():
    loader = make(num_workers=2)
    same(list(loader), list(loader))


@pytest.mark.parametrize('world', [1, 3])
def test_a_test_loader_gives_every_sample_once_and_pads_with_minus_one(world):
    dataset = FakeDataset(5, test_mode=True)
    stream = SequentialSampler(5, 2, world)
    batches = [
        batch for rank in range(world) for batch in ClipLoader(dataset, stream, rank, num_workers=2)
    ]
    assert {batch['imgs'].shape for batch in batches} == {(2, 1, 2, 2, 2, 3)}
    indices = np.concatenate([batch['index'] for batch in batches])
    assert sorted(indices[indices >= 0]) == [0, 1, 2, 3, 4]
    assert len(indices) == 6


def test_a_rank_of_padding_only_still_has_its_batch():
    (batch,) = ClipLoader(FakeDataset(1, test_mode=True), SequentialSampler(1, 2, world=2), rank=1)
    assert list(batch['index']) == [-1, -1]
    assert batch['imgs'].shape == (2, 1, 2, 2, 2, 3)


@pytest.mark.parametrize(
    'workers', [dict(), dict(num_workers=3), dict(num_workers=2, worker='process')]
)
def test_a_damaged_sample_is_replaced_and_reported(workers, caplog):
    dataset = FakeDataset(6, [dict(type=Damage, places=(2, 3)), DRAW])
    loader = make(dataset=dataset, steps=6, **workers)
    same(list(loader), list(make(dataset=dataset, steps=6)))
    assert {report[:2] + report[3:] for report in loader.damaged} == {
        ('s2', 's2.avi', 's4'),
        ('s3', 's3.avi', 's4'),
    }
    # in each of two epochs: s2 and, on the way from it, s3; and s3 itself
    assert len(loader.damaged) == 6
    said = [record.getMessage() for record in caplog.records]
    assert "s2.avi: is empty; 's4' stands in for 's2'" in said
    assert len(set(said)) == 2


def test_the_label_and_index_of_a_replacement_are_its_own():
    dataset = FakeDataset(4, [dict(type=Damage, places=(3,)), DRAW])
    (batch,) = ClipLoader(dataset, EpochSampler(4, 4, shuffle=False))
    assert list(batch['index']) == [0, 1, 2, 0]
    assert list(batch['label']) == [0, 1, 2, 0]


@pytest.mark.parametrize(
    'workers', [dict(), dict(num_workers=2), dict(num_workers=2, worker='process')]
)
def test_a_damaged_sample_stops_a_run_that_asked_for_it(workers):
    loader = make(
        dataset=FakeDataset(6, [dict(type=Damage, places=(4,)), DRAW], damaged='raise'), **workers
    )
    with pytest.raises(DamagedSampleError, match='s4.avi: is empty') as caught:
        list(loader)
    assert loader.error is caught.value and caught.value.name == 's4'
    assert not workers_left()


def test_a_skipped_sample_is_padding():
    dataset = FakeDataset(
        4, [dict(type=Damage, places=(0, 1)), DRAW], test_mode=True, damaged='skip'
    )
    loader = ClipLoader(dataset, SequentialSampler(4, 2))
    assert [list(batch['index']) for batch in loader] == [[-1, -1], [2, 3]]
    assert [(report.name, report.replacement) for report in loader.damaged] == [
        ('s0', None),
        ('s1', None),
    ]


@pytest.mark.parametrize('policy', [dict(damaged='replace'), dict(test_mode=True, damaged='skip')])
def test_a_data_set_that_is_all_damaged_is_refused(policy):
    with pytest.raises(DataError, match='none of the 3 samples'):
        list(make(dataset=FakeDataset(3, [dict(type=Damage, places=range(3)), DRAW], **policy)))


def test_clips_of_different_shapes_are_named():
    dataset = FakeDataset(4, [DRAW, dict(type=Odd, place=2)])
    message = "imgs of 's0' is 1 x 2 x 2 x 2 x 3 and of 's2' 1 x 3 x 2 x 2 x 3.*Resize"
    with pytest.raises(DataError, match=message):
        list(ClipLoader(dataset, EpochSampler(4, 4, shuffle=False)))


def test_a_sample_left_out_is_not_blamed_for_the_shapes():
    dataset = FakeDataset(
        4,
        [dict(type=Damage, places=(0,)), DRAW, dict(type=Odd, place=2)],
        test_mode=True,
        damaged='skip',
    )
    with pytest.raises(DataError, match="imgs of 's1' is .* and of 's2'"):
        list(ClipLoader(dataset, SequentialSampler(4, 4)))


@pytest.mark.parametrize(
    'workers', [dict(), dict(num_workers=2), dict(num_workers=2, worker='process')]
)
def test_an_exception_of_a_step_reaches_the_caller_as_itself(workers):
    with pytest.raises(ZeroDivisionError, match='a bug in a step'):
        list(make(dataset=FakeDataset(6, [dict(type=Fail, place=4), DRAW]), **workers))
    assert not workers_left()


def test_a_killed_worker_is_an_error_and_no_hang():
    dataset = FakeDataset(6, [dict(type=Fail, place=4, kill=True), DRAW])
    loader = make(dataset=dataset, num_workers=2, worker='process')
    with pytest.raises(DataError, match='a loading process died'):
        list(loader)
    assert isinstance(loader.error, DataError)
    assert not workers_left()


@pytest.mark.parametrize('worker', ['thread', 'process'])
@pytest.mark.parametrize('how', ['break', 'exception'])
def test_an_iteration_that_ends_early_leaves_no_worker_behind(worker, how):
    def use():
        for _ in make(steps=100, num_workers=2, worker=worker):
            assert workers_left()
            if how == 'break':
                break
            raise KeyboardInterrupt

    if how == 'break':
        use()
    else:
        with pytest.raises(KeyboardInterrupt):
            use()
    assert not workers_left()


SCRIPT = """
import multiprocessing, signal, time
from fake_data import FakeDataset
from i3dbox.datasets.loader import ClipLoader
from i3dbox.datasets.sampler import EpochSampler
if __name__ == '__main__':
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` ignores it
    data = FakeDataset(8), EpochSampler(8, 2)
    for batch in ClipLoader(*data, num_steps=10**6, num_workers=2, worker='process'):
        print(*[process.pid for process in multiprocessing.active_children()], flush=True)
        time.sleep(60)
"""


PLAIN_SCRIPT = """# -*- coding: latin-1 -*-
import logging
from fake_data import DrawClip, FakeDataset
from i3dbox.datasets.loader import ClipLoader
from i3dbox.datasets.sampler import SequentialSampler
class Own(DrawClip): pass
logging.getLogger(__name__).info('caf\xe9')  # no guard, though it says __name__
print('begins')
data = FakeDataset(2, [dict(type=PART)])
for batch in ClipLoader(data, SequentialSampler(2, 2), num_workers=1, worker='process'):
    print(batch['index'])
"""


def run_plain_script(folder, part, piped=False):
    script = PLAIN_SCRIPT.replace('PART', part)
    (folder / 'plain.py').write_text(script, encoding='latin-1')
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, '-' if piped else folder / 'plain.py'],
        input=script.replace('latin-1', 'utf-8') if piped else None,
        env=environment,
        encoding='utf-8',
        capture_output=True,
        timeout=60,
    )


@pytest.mark.parametrize('piped', [False, True])
def test_workers_do_not_repeat_a_script_without_a_main_guard(tmp_path, piped):
    done = run_plain_script(tmp_path, 'DrawClip', piped)
    assert (done.returncode, done.stdout) == (0, 'begins\n[0 1]\n'), done.stderr


def test_a_part_of_such_a_script_is_an_error_that_names_the_way_out(tmp_path):
    done = run_plain_script(tmp_path, 'Own')
    assert done.stdout == 'begins\n'
    assert 'DataError: a loading process does not find a part of the data set' in done.stderr
    assert "'Own'" in done.stderr and '__main__' in done.stderr


@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_leaves_no_worker_behind(tmp_path, how):
    (tmp_path / 'run.py').write_text(SCRIPT)
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))}
    run = subprocess.Popen(
        [sys.executable, tmp_path / 'run.py'],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    workers = [int(pid) for pid in run.stdout.readline().split()]
    assert len(workers) == 2
    run.send_signal(how)
    run.wait(30)
    run.stdout.close()
    deadline = time.monotonic() + 30
    while any(map(alive, workers)):
        assert time.monotonic() < deadline, 'workers live on'
        time.sleep(0.02)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # an orphan that nobody has waited for yet is dead, too
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False


def test_a_data_set_that_cannot_be_pickled_is_refused_for_processes():
    dataset = FakeDataset(4, [DRAW])
    dataset.extra = lambda: None
    with pytest.raises(DataError, match="cannot be sent to loading processes.*worker='thread'"):
        list(make(dataset=dataset, num_workers=1, worker='process'))
    assert list(make(dataset=dataset, num_workers=1))


@pytest.mark.parametrize(
    'args, name',
    [
        (dict(worker='fork'), 'worker'),
        (dict(num_workers=-1), 'num_workers'),
        (dict(prefetch=-1), 'prefetch'),
    ],
)
def test_an_argument_out_of_range_is_named(args, name):
    with pytest.raises(ConfigError, match=name):
        make(**args)


def test_mindspore_gets_whole_batches_in_the_asked_order_and_holds_few():
    given = []

    class Watched(ClipLoader):
        def __iter__(self):
            for batch in super().__iter__():
                given.append(batch)
                yield batch

    loader = Watched(FakeDataset(11), EpochSampler(11, 2), num_steps=12, num_workers=2)
    dataset = as_mindspore_dataset(loader, ('label', 'imgs'))
    assert dataset.get_dataset_size() == 12
    rows = dataset.create_tuple_iterator(num_epochs=1, output_numpy=True)
    first = next(rows)
    assert len(given) <= 4
    rows = [first, *rows]
    same(
        [dict(zip(('label', 'imgs'), row)) for row in rows],
        [dict(label=batch['label'], imgs=batch['imgs']) for batch in make(seed=0, steps=12)],
    )
    assert not workers_left()


def test_the_error_behind_mindspores_is_kept():
    dataset = FakeDataset(6, [dict(type=Damage, places=(4,)), DRAW], damaged='raise')
    loader = make(dataset=dataset, num_workers=2)
    with pytest.raises(RuntimeError, match='s4.avi: is empty'):
        list(as_mindspore_dataset(loader, ('imgs',)).create_tuple_iterator(num_epochs=1))
    assert isinstance(loader.error, DamagedSampleError)
