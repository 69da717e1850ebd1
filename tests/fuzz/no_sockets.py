"""A process that ends at its first socket of a network, whoever opens it, native code too."""

import ctypes
import platform
import struct
import sys

SOCKET = {'x86_64': 41, 'aarch64': 198}  # the number of the system call
SIGNAL = 31  # SIGSYS, by which the kernel ends it
_NETWORKS = (2, 10)  # AF_INET, AF_INET6
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000


class _Program(ctypes.Structure):
    _fields_ = [('length', ctypes.c_ushort), ('code', ctypes.c_void_p)]


def can_count() -> bool:
    """Whether sockets are noticed on this system."""
    return sys.platform == 'linux' and platform.machine() in SOCKET


def end_at_the_first_socket() -> None:
    """Gives the kernel a filter of system calls (seccomp(2)); without one, nothing is noticed."""
    if not can_count():
        return

    def step(code, value, yes=0, no=0):
        return struct.pack('HBBI', code, yes, no, value)

    code = (
        step(_LOAD, 0)  # the call's number
        + step(_EQUAL, SOCKET[platform.machine()], 0, 3)
        + step(_LOAD, 16)  # its first argument
        + step(_EQUAL, _NETWORKS[0], 2, 0)
        + step(_EQUAL, _NETWORKS[1], 1, 0)
        + step(_RETURN, _ALLOW)
        + step(_RETURN, _KILL)
    )
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), 'the kernel takes no filter')
