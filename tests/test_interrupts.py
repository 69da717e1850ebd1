"""Ctrl-C is one KeyboardInterrupt: none is lost, and none comes where it would break something."""

import os
import signal
import subprocess
import sys
import time

import pytest

from i3dbox import commands
from i3dbox.interrupts import Interrupts, interruptible


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def swallow():
    """What native code does that calls Python and goes on."""
    try:
        interrupt()
        time.sleep(5)
    except KeyboardInterrupt:
        pass


def test_an_interrupt_that_was_swallowed_comes_again():
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt), interruptible():
        swallow()
        time.sleep(30)
    assert time.monotonic() - begin < 20


def test_cleaning_up_is_not_interrupted_again():
    done = []
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            interrupt()
            time.sleep(30)
        finally:
            time.sleep(1)  # several tries
            done.append('cleaned up')
    assert done


def test_what_is_held_ends_first():
    done = []
    with pytest.raises(KeyboardInterrupt), interruptible() as interrupts:
        with interrupts.hold():
            interrupt()
            time.sleep(0.6)
            done.append('held')
        done.append('not reached')
    assert done == ['held']


def test_who_takes_an_interrupt_hears_no_more_of_it():
    with interruptible() as interrupts:
        try:
            interrupt()
            time.sleep(30)
        except KeyboardInterrupt:
            interrupts.over()
        time.sleep(0.6)


def test_what_native_code_says_of_it_is_not_shown_and_errors_are_again(capfd):
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            interrupt()
            time.sleep(30)
        finally:
            os.write(2, b'noise of native code')
    os.write(2, b'heard')
    assert capfd.readouterr().err == 'heard'


def test_ctrl_c_before_a_command_has_begun_is_one_line(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, 'summaries', interrupted)
    assert commands.cli(['train']) == 130
    assert capsys.readouterr().err == 'i3dbox: interrupted\n'


def test_handlers_are_those_of_before_afterwards():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    with interruptible() as outer, interruptible() as inner:
        assert inner is outer and isinstance(signal.getsignal(signal.SIGTERM), Interrupts)
    assert [signal.getsignal(number) for number in numbers] == before


SLOW_IMPORT = """
import time
print('go', flush=True)
time.sleep(1.5)
print('imported', flush=True)
"""


def test_an_import_is_not_left_half_done(tmp_path):
    (tmp_path / 'slow.py').write_text(SLOW_IMPORT)
    code = (
        'import signal, time; signal.signal(signal.SIGINT, signal.default_int_handler)\n'
        'from i3dbox.interrupts import interruptible\n'
        'with interruptible():\n    import slow\n    time.sleep(9)\n    print("lost")'
    )
    process = subprocess.Popen(
        [sys.executable, '-c', code],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(tmp_path), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == 'go\n'
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert out == 'imported\n' and error.strip().endswith('KeyboardInterrupt')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_program_whose_work_is_done_ends_with_its_status(number):
    program = (
        'import atexit, os, sys, time\n'
        'from i3dbox.interrupts import let_python_end\n'
        f'atexit.register(lambda: os.kill(os.getpid(), {int(number)}))\n'
        'let_python_end()\n'
        'sys.exit(3)\n'
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True)
    assert (done.returncode, done.stderr) == (3, b'')
