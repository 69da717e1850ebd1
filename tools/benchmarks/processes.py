"""Whole commands, timed, and the clips that they are given."""

import os
import pathlib
import subprocess
import sys
import time

import av

ROOT = pathlib.Path(__file__).resolve().parents[2]


def write_clip(path, frames):
    """Writes RGB frames of one size as H.264, 25 a second; sides are cut to even numbers."""
    with av.open(str(path), 'w') as out:
        stream = None
        for frame in frames:
            if stream is None:
                stream = out.add_stream('libx264', rate=25)
                stream.height, stream.width = (size - size % 2 for size in frame.shape[:2])
                stream.pix_fmt = 'yuv420p'
            frame = frame[: stream.height, : stream.width].copy()
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        out.mux(stream.encode())


def timed(words, **streams):
    """Runs a command of i3dbox; returns its seconds, its peak memory in bytes, and its status."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, '-m', 'i3dbox', *words], cwd=ROOT, **streams)
    _, status, usage = os.wait4(process.pid, 0)
    return time.perf_counter() - start, usage.ru_maxrss * 1024, status
