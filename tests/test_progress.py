"""Long work shows how far it is."""

import pytest

from i3dbox import progress
from i3dbox.progress import in_words, shown


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is moved: a list of seconds."""
    now = [0.0]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])
    return now


def lines(clock, caplog, seconds, **arguments):
    """What the log says of items that take so many seconds each."""
    with caplog.at_level('INFO', 'i3dbox'):
        for duration in shown(seconds, 'test', unit='clip', **arguments):
            clock[0] += duration
    return [record.getMessage() for record in caplog.records]


def test_without_a_terminal_lines_tell_of_the_first_item_each_half_minute_and_the_end(
    clock, caplog
):
    assert lines(clock, caplog, [10] * 6, total=8, initial=2) == [
        'test: 3 of 8, about 50 seconds left',
        'test: 6 of 8, about 20 seconds left',
        'test: 8 of 8',
    ]


def test_short_work_says_nothing(clock, caplog):
    assert lines(clock, caplog, [0.1] * 6, total=6) == []


def test_other_ranks_say_nothing(clock, caplog):
    assert lines(clock, caplog, [100] * 3, total=3, silent=True) == []


@pytest.mark.parametrize(
    'number, words', [(3, '5 seconds'), (44, '45 seconds'), (200, '3 minutes'), (2e4, '6 hours')]
)
def test_durations_are_said_roughly(number, words):
    assert in_words(number) == words
