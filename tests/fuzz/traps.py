"""Formats whose cases end badly, to see that each end is noticed."""

import os
import signal
import socket
import time

from i3dbox.errors import DataError

from .formats import Format


def make(folder):
    (folder / 'a.txt').write_text('good')


def trap(bad):
    """Returns a reader that does `bad` with a case that was damaged."""

    def read(folder):
        if not (folder / 'a.txt').exists() or (folder / 'a.txt').read_text() != 'good':
            bad()

    return Format(make, read, lambda rng, folder: (folder / 'a.txt').write_text('bad'))


def refuse():
    raise DataError('it is bad')


def raise_other():
    raise KeyError('bad')


def take_memory():
    kept = bytearray(300 << 20)
    kept[::4096] = bytes(len(kept[::4096]))


def formats():
    return dict(
        read=trap(lambda: None),
        refused=trap(refuse),
        traceback=trap(raise_other),
        crash=trap(lambda: os.kill(os.getpid(), signal.SIGSEGV)),
        hang=trap(lambda: time.sleep(60)),
        memory=trap(take_memory),
        socket=trap(socket.socket),
    )
