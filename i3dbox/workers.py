"""Processes and threads that work for this one: how many, and how they start and end."""

import contextlib
import functools
import multiprocessing
import multiprocessing.connection
import os
import queue
import re
import signal
import threading

_END = object()
_counter = None  # of a worker: the frames of all workers, for a progress bar


def usable_cores():
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def free_memory():
    """The memory in bytes that this process may still take, or None where the system does not
    say.
    """
    try:
        with open('/proc/meminfo', encoding='ascii') as file:
            free = int(re.search(r'MemAvailable:\s+(\d+) kB', file.read())[1]) * 1024
    except (OSError, TypeError):
        return None
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        with open('/sys/fs/cgroup/memory.max', encoding='ascii') as file:
            free = min(free, int(file.read()))
    return free


def spawn_context():
    """The multiprocessing context for workers: spawn, as a fork would copy threads in whatever
    state they are.
    """
    return multiprocessing.get_context('spawn')


def start_worker(on_interrupt=signal.SIG_IGN, counter=None):
    """Makes this process a good worker: it ends with its parent, and OpenCV uses one thread in it.

    Args:
        on_interrupt: what Ctrl-C does to it; by default nothing, for the main process ends its
            workers.
        counter (multiprocessing.Value): what `count_frame` adds to.
    """
    global _counter
    _counter = counter
    signal.signal(signal.SIGINT, on_interrupt)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    one_opencv_thread()


def count_frame():
    """Tells whoever shows the progress that this worker is done with one more frame."""
    if _counter is not None:
        with _counter.get_lock():
            _counter.value += 1


def one_opencv_thread():
    """The workers are the parallelism; OpenCV's own threads would only contend with them."""
    import cv2

    cv2.setNumThreads(1)


def _die_with_parent():
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _put(values, stop, *value):
    """Puts a value into a queue as soon as there is room, unless `stop` (Event) is set."""
    while not stop.is_set():
        try:
            return values.put(value, timeout=0.1)
        except queue.Full:
            continue


def ahead(iterable):
    """Yields what a generator yields, while a thread already works on the next.

    Its errors come where its next value would have come. Closing it ends the thread, and then the
    generator.
    """
    values, stop = queue.Queue(1), threading.Event()
    put = functools.partial(_put, values, stop)

    def work():
        try:
            for value in iterable:
                put(value, None)
                if stop.is_set():
                    break
            put(_END, None)
        except BaseException as error:  # for whoever takes the values
            put(None, error)
        finally:
            iterable.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            value, error = values.get()
            if error is not None:
                raise error
            if value is _END:
                return
            yield value
    finally:
        stop.set()
        thread.join(5)  # a camera or a pipe may keep it longer
