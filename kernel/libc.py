"""The system calls Python does not wrap."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
# The same on every architecture but Alpha.
_SYS_OPENAT2 = 437
_RESOLVE_NO_XDEV = 1


@cache
def libc() -> ctypes.CDLL:
    """Return the C library; each call through it sets ctypes' own copy of errno."""
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def check(result: int, *paths: str) -> None:
    """Raise what errno says where a call returned -1.

    :param paths: the path that the call was about, if any.
    :raises OSError: the call failed.
    """
    import ctypes

    if result == -1:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno), *paths[:1])


def set_child_subreaper() -> None:
    """Make this process the one that adopts its orphaned descendants (prctl(2)).

    The flag is not inherited by fork.
    """
    check(libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def set_dumpable(dumpable: bool) -> None:
    """Let processes of the same user read our memory, or not (PR_SET_DUMPABLE, prctl(2)).

    A fork inherits it; a program that is executed can be read again.
    """
    check(libc().prctl(_PR_SET_DUMPABLE, int(dumpable), 0, 0, 0))


def set_parent_death_signal(signum: int) -> None:
    """Ask for ``signum`` when the *thread* that forked this process ends (prctl(2)).

    The caller compares ``getppid()`` afterwards: a parent that died before the
    call sends nothing. A set-user-ID exec clears the setting.
    """
    check(libc().prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0))


def rename_noreplace(
    source: str, target: str, *, source_fd: int = _AT_FDCWD, target_fd: int = _AT_FDCWD
) -> None:
    """Rename, never replacing anything (renameat2(2) with RENAME_NOREPLACE).

    :raises FileExistsError: ``target`` exists.
    :raises OSError: EINVAL where the filesystem does not know the flag.
    """
    check(
        libc().renameat2(
            source_fd, os.fsencode(source), target_fd, os.fsencode(target), _RENAME_NOREPLACE
        ),
        target,
    )


def open_in_mount(name: str, flags: int, dir_fd: int) -> int:
    """Open what is in the same mount as its directory (openat2(2) with RESOLVE_NO_XDEV).

    :raises OSError: EXDEV: something is mounted there, be it a directory of the same
        filesystem. ENOSYS, or EPERM under an old seccomp filter: there is no such call.
    """
    import ctypes

    how = (ctypes.c_uint64 * 3)(flags, 0, _RESOLVE_NO_XDEV)
    result: int = libc().syscall(
        _SYS_OPENAT2, dir_fd, os.fsencode(name), ctypes.byref(how), ctypes.sizeof(how)
    )
    check(result, name)
    return result
