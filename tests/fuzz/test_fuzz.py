"""A minute of damaged and hostile files; `python tools/fuzz.py` goes on for as long as wanted."""

import io
import json
import pathlib
import pickle
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i3dbox import plain_json, plain_pickle
from i3dbox.commands.cfg_options import parse_value
from i3dbox.evaluation.metrics.intervals import wilson

from . import fuzzer
from .formats import formats
from .fuzzer import BAD, Counts, Worker
from .no_sockets import can_count

ROOT = pathlib.Path(__file__).parents[2]
CASES = 25
SLOW = dict.fromkeys(('log', 'json', 'pkl', 'training', 'overrides', 'parts'), 6)


@pytest.fixture(scope='module')
def worker(tmp_path_factory):
    with Worker(tmp_path_factory.mktemp('fuzz') / 'worker') as worker:
        yield worker


@pytest.mark.slow  # all of them together
@pytest.mark.parametrize('name', sorted(formats()))
def test_a_damaged_file_is_read_or_refused_in_one_line(worker, name, tmp_path):
    counts = Counts(name, keep=tmp_path)
    number = SLOW.get(name, CASES)
    for case in range(number):
        counts.try_case(worker, case)
    assert counts.bad == 0, counts.kinds
    assert counts.outcomes['read'] + counts.outcomes['refused'] == number


@pytest.fixture(scope='module')
def trapped(tmp_path_factory):
    with Worker(tmp_path_factory.mktemp('traps') / 'worker', 'fuzz.traps') as worker:
        yield worker


@pytest.mark.parametrize('end', ['read', 'refused', *BAD])
def test_each_end_of_a_case_is_noticed_and_the_bad_ones_are_kept(
    trapped, end, tmp_path, monkeypatch
):
    if end == 'socket' and not can_count():
        pytest.skip('sockets are not noticed on this system')
    monkeypatch.setattr(fuzzer, 'SECONDS', 2)
    counts = Counts(end, keep=tmp_path)
    assert counts.try_case(trapped, 0) == end
    assert counts.outcomes == {end: 1}
    kept = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob('*.txt'))
    assert kept == ([f'{end}-0-0/input/a.txt', f'{end}-0-0/what.txt'] if end in BAD else [])


def test_a_case_is_the_same_for_a_seed(worker):
    def case(seed):
        worker.read('lists', seed, 7)
        return {path.name: path.read_bytes() for path in (worker.folder / 'input').iterdir()}

    first = case(3)
    assert case(4) != first
    assert case(3) == first


@pytest.mark.slow
def test_the_tool_prints_a_table_and_what_went_wrong(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / 'tools/fuzz.py'), '--format', 'npy', '--minutes', '0.02'],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '| npy ' in done.stdout and '| all ' in done.stdout
    assert not list(tmp_path.iterdir())


keys = st.text(max_size=5)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(keys, below, max_size=4),
    max_leaves=20,
)


@given(plain, st.integers(2, pickle.HIGHEST_PROTOCOL))
@settings(deadline=None)
def test_plain_values_come_back_from_a_pickle_of_any_protocol(value, protocol):
    data = io.BytesIO(pickle.dumps(value, protocol))
    assert plain_pickle.load(data, plain_pickle.NUMPY) == value


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_json_or_a_value_error(data):
    try:
        expected = json.loads(data.decode('utf-8', 'replace'))
    except ValueError:
        with pytest.raises(ValueError):
            plain_json.parse_json(data.decode('utf-8', 'replace'))
    else:
        assert plain_json.parse_json(data.decode('utf-8', 'replace')) == expected


@given(st.recursive(st.integers() | st.booleans() | st.none(), st.lists, max_leaves=8))
@settings(deadline=None)
def test_a_value_on_the_command_line_is_pythons(value):
    assert parse_value(repr(value)) == value


@given(st.integers(1, 10000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(deadline=None)
def test_an_interval_holds_the_proportion_and_stays_within_0_and_1(counts):
    right, number = counts
    low, high = wilson(right / number, number)
    assert 0 <= low <= right / number <= high <= 1 and low < high
