"""Ranks: who am I, how many are we, and arrays from all of us.

Ranks are started by msrun (tools/dist_train.sh), or by a launcher that sets RANK_TABLE_FILE.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import Any

import numpy as np

from ..errors import DeviceError


def is_launched() -> bool:
    """Whether a launcher started this process as one of several."""
    size = os.environ.get('RANK_SIZE', '1')
    if not size.isdecimal():
        raise DeviceError(f'RANK_SIZE is the number of ranks; got {size!r}')
    return _by_msrun() or int(size) > 1


def _by_msrun():
    return 'MS_ROLE' in os.environ


def device_of_rank() -> int | None:
    """Returns the device that the launcher has meant for this rank; None where MindSpore finds it
    itself: with msrun, and for a single process.

    Without it, ranks of a plain rank table would all take device 0 (mindspore.set_device).
    """
    named = os.environ.get('DEVICE_ID')
    if not is_launched() or _by_msrun():
        return None
    if named is None:
        raise DeviceError(
            'RANK_SIZE says that there are several ranks; DEVICE_ID must say which device this one '
            'takes (and RANK_ID which it is)'
        )
    if not named.isdecimal():
        raise DeviceError(f'DEVICE_ID is the number of a device; got {named!r}')
    return int(named)


def init_distributed() -> None:
    """Joins the other ranks, if a launcher started any. Must come before any network is built."""
    if not is_launched():
        return
    import mindspore as ms
    from mindspore.communication import get_group_size, init

    if _by_msrun():
        _end_with_launcher()
    init()
    ms.set_auto_parallel_context(
        parallel_mode='data_parallel', gradients_mean=True, device_num=get_group_size()
    )


def rank() -> int:
    """This process's number, from 0."""
    if not is_launched():
        return 0
    from mindspore.communication import GlobalComm, get_rank

    return get_rank() if GlobalComm.INITED else 0


def world_size() -> int:
    """Returns how many ranks there are."""
    if not is_launched():
        return 1
    from mindspore.communication import GlobalComm, get_group_size

    return get_group_size() if GlobalComm.INITED else 1


def all_gather(array: np.ndarray) -> np.ndarray:
    """Stacks arrays of one shape and dtype from all ranks in front: W x ... (collective)."""
    if world_size() == 1:
        return np.asarray(array)[None]
    import mindspore as ms
    from mindspore import ops

    gathered = ops.AllGather()(ms.Tensor(np.ascontiguousarray(array)[None]))
    return gathered.asnumpy()


def gather_json(value: Any) -> list:
    """Gathers JSON values from all ranks, in their order (collective)."""
    if world_size() == 1:
        return [value]
    # int32 is a type that every device has
    data = np.frombuffer(json.dumps(value).encode(), np.uint8).astype(np.int32)
    sizes = all_gather(np.array([data.size], np.int32))[:, 0]
    rows = all_gather(np.pad(data, (0, int(sizes.max()) - data.size)))
    return [json.loads(row[:size].astype(np.uint8).tobytes()) for row, size in zip(rows, sizes)]


def _end_with_launcher():
    """Asks the kernel to kill this rank when its launcher ends, however that happens: msrun puts
    every rank into a session of its own, where no signal to the launcher reaches it.
    """
    if sys.platform == 'linux':
        pr_set_pdeathsig = 1  # linux/prctl.h
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
