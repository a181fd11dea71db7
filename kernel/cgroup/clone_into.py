"""Fork a child that is a member of a cgroup from its first instruction on (clone3(2)).

A write to ``cgroup.procs`` moves a process that already runs. For that the kernel holds up
every fork and exit of the machine, and waits 10 to 20 ms until it may. A birth in the group
waits for nothing, and at no moment is the child outside.
"""

from __future__ import annotations

import ctypes
import os
import signal
from functools import cache
from pathlib import Path

_SYS_CLONE3 = 435
_CLONE_INTO_CGROUP = 0x200000000


class _CloneArguments(ctypes.Structure):
    """``struct clone_args`` as of Linux 5.7, the first with a cgroup."""

    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            *("flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack"),
            *("stack_size", "tls", "set_tid", "set_tid_size", "cgroup"),
        )
    )


@cache
def _libc() -> ctypes.PyDLL:
    # PyDLL keeps the interpreter's lock over the call, as os.fork does.
    libc = ctypes.PyDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def fork_into(leaf: str | Path) -> int:
    """Fork; return 0 in the child and its pid in the parent, as ``os.fork`` does.

    Only for a process with a single thread: of the C library's own bookkeeping for
    forks, which is about other threads, nothing is done.

    :raises OSError: the kernel does not know the call or the flag (before 5.7), a
        sandbox forbids it, or the group cannot be joined. Nothing was forked.
    """
    group = os.open(leaf, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _clone(
            _CloneArguments(flags=_CLONE_INTO_CGROUP, exit_signal=signal.SIGCHLD, cgroup=group)
        )
    finally:
        os.close(group)


def _clone(arguments: _CloneArguments) -> int:
    """Do what ``os.fork`` does (``os_fork_impl`` in posixmodule.c) around another call."""
    libc, python = _libc(), ctypes.pythonapi
    number, size = ctypes.c_long(_SYS_CLONE3), ctypes.c_size_t(ctypes.sizeof(arguments))
    python.PyOS_BeforeFork()
    pid = libc.syscall(number, ctypes.byref(arguments), size)
    if pid == 0:
        python.PyOS_AfterFork_Child()
        return 0
    errno = ctypes.get_errno()
    python.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(errno, os.strerror(errno))
    return int(pid)
