"""The kernel's read lease: the answer to "can anybody write to this file right now".

``fcntl(fd, F_SETLEASE, F_RDLCK)`` is granted only while no process has the file open for
writing, mapped writers included. While it is held, readers pass. An opener for writing blocks
in ``open(2)`` until the lease is given up (``/proc/sys/fs/lease-break-time``, 45 s). The holder
sees that as a broken lease. See fcntl(2), "Leases".

What a lease does *not* notice: rename, link, unlink, chmod, utimes, and
``open(O_RDONLY | O_TRUNC)``. A holder compares the file's name, inode and size
itself.
"""

from __future__ import annotations

import ctypes
import enum
import errno
import fcntl
import signal

from ..libc import check, libc

_COHERENT_FILESYSTEMS = {
    0xEF53: "ext",
    0x58465342: "xfs",
    0x9123683E: "btrfs",
    0x01021994: "tmpfs",
    0x794C7630: "overlayfs",
    0xF2F52010: "f2fs",
    0xCA451A4E: "bcachefs",
}


class LeaseAnswer(enum.Enum):
    """The kernel's answer to a request for a read lease."""

    GRANTED = "granted"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"


class _Statfs(ctypes.Structure):
    """``struct statfs``: only its first field is read; the rest is room (statfs(2))."""

    _fields_ = (("f_type", ctypes.c_long), ("room", ctypes.c_byte * 248))


def filesystem_type(fd: int) -> int:
    """Return the magic number of the filesystem that holds ``fd`` (statfs(2)).

    :raises OSError: whatever fstatfs(2) says.
    """
    answer = _Statfs()
    check(libc().fstatfs(fd, ctypes.byref(answer)))
    return int(answer.f_type) & 0xFFFFFFFF


def has_coherent_leases(fd: int) -> bool:
    """Tell whether a lease on this filesystem sees *every* writer.

    Network and FUSE filesystems may grant a lease that other machines, or the
    server behind, never hear of; only types known to be local count.
    """
    return filesystem_type(fd) in _COHERENT_FILESYSTEMS


def take_read_lease(fd: int, *, granted_before: bool = False) -> LeaseAnswer:
    """Ask for a read lease on a descriptor that was opened read-only.

    :param granted_before: this open file was granted one before, so its filesystem need
        not be asked for its type again.
    :returns: ``GRANTED``; ``BUSY`` when some process has the file open for writing;
        ``UNAVAILABLE`` when the kernel cannot promise anything here. Then we are not the owner
        and have no CAP_LEASE, leases are switched off, or the filesystem has none or incoherent
        ones.
    :raises OSError: ``fd`` is not an open descriptor.

    The lease belongs to the open file: a child forked while it is held keeps it
    beyond our ``close``, so never fork while holding one. Give it up with
    :func:`release_read_lease`, which ends it for every duplicate.
    """
    if not granted_before and not has_coherent_leases(fd):
        return LeaseAnswer.UNAVAILABLE
    try:
        # Before the lease: SIGIO, the default, would kill us when a writer comes, and
        # each release brings the default back (lease_modify in the kernel's fs/locks.c).
        # SIGURG is ignored by default and needs no handler.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno == errno.EBADF:
            raise
        return LeaseAnswer.BUSY if error.errno == errno.EAGAIN else LeaseAnswer.UNAVAILABLE
    return LeaseAnswer.GRANTED


def is_read_lease_unbroken(fd: int) -> bool:
    """Tell whether the lease on ``fd`` is held and nobody waits to write.

    False too when no lease was taken: what is asked is "may I still rely on it".
    """
    return fcntl.fcntl(fd, fcntl.F_GETLEASE) == fcntl.F_RDLCK


def release_read_lease(fd: int) -> None:
    """Give the lease up for every duplicate of ``fd``; a blocked opener goes on.

    Harmless when none is held: the kernel then says EAGAIN.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        if error.errno not in {errno.EAGAIN, errno.EINVAL, errno.EACCES, errno.ENOLCK}:
            raise
