"""A terminal's settings and foreground: read them, make them raw, put them back.

Only what both halves of a run need of a terminal; nothing is imported where
nobody asked for one (``--tty``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import termios
from typing import Any

from .identity import read_stat

Settings = list[Any]

# Python's termios does not name it.
_TIOCGDEV = 0x80045432

# Less than a page, so that a writer killed in the middle has written all of it or nothing.
_ROOM = 1024

_IFLAG, _OFLAG, _CFLAG, _LFLAG, _CC = 0, 1, 2, 3, 6


def read_settings(fd: int) -> Settings:
    """Return the settings of a terminal, as numbers, which are plain to send.

    :raises OSError: it is no terminal, or it was hung up.
    """
    try:
        settings = termios.tcgetattr(fd)
    except termios.error as error:
        raise OSError(*error.args) from None
    settings[_CC] = [each if isinstance(each, int) else ord(each) for each in settings[_CC]]
    return settings


def make_raw(settings: Settings) -> Settings:
    """Return the settings with which every byte passes as it is (cfmakeraw(3))."""
    raw = list(settings)
    raw[_IFLAG] &= ~(
        termios.IGNBRK
        | termios.BRKINT
        | termios.PARMRK
        | termios.ISTRIP
        | termios.INLCR
        | termios.IGNCR
        | termios.ICRNL
        | termios.IXON
    )
    raw[_OFLAG] &= ~termios.OPOST
    raw[_LFLAG] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    raw[_CFLAG] = raw[_CFLAG] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
    raw[_CC] = list(raw[_CC])
    raw[_CC][termios.VMIN], raw[_CC][termios.VTIME] = 1, 0
    return raw


def apply_settings(fd: int, settings: Settings) -> None:
    """Put settings in force at once; what was typed or written before is kept.

    :raises OSError: it is no terminal, or it was hung up.
    """
    try:
        termios.tcsetattr(fd, termios.TCSANOW, settings)
    except termios.error as error:
        raise OSError(*error.args) from None


def restore_settings(fd: int, settings: Settings) -> None:
    """Put settings back, if the terminal is still there and ours to set.

    In the background it is not: a shell has taken it over, with settings of its own.
    The caller ignores or blocks SIGTTOU, so that it is not stopped.
    """
    with contextlib.suppress(OSError):
        if is_foreground(fd):
            apply_settings(fd, settings)


def note_undoing(memory: int, undoing: bytes) -> None:
    """Write down what switches the agent's modes off, for whoever is left to show it.

    In memory that both halves of a run share: it wakes nobody and waits for nobody.

    :param memory: a file in memory.
    """
    os.pwrite(memory, undoing[:_ROOM].ljust(_ROOM, b"\0"), 0)


def read_undoing(memory: int) -> bytes:
    """Return what :func:`note_undoing` wrote last; nothing where nothing is to be undone."""
    return os.pread(memory, _ROOM, 0).rstrip(b"\0")


def show(fd: int, data: bytes) -> None:
    """Write to a terminal without waiting, if it is there, ours to write to, and takes anything.

    The open file is the caller's too, so it is opened anew to be made non-blocking.
    """
    if not data or not is_foreground(fd):
        return
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        opened = os.open(f"/proc/self/fd/{fd}", flags)
        try:
            os.write(opened, data)
        finally:
            os.close(opened)


def terminal_number(fd: int) -> int | None:
    """Return the device number of the terminal behind a descriptor, None where there is none.

    Of the terminal itself also behind ``/dev/tty``, which has a number of its own
    (tty_ioctl(4), TIOCGDEV). Where the kernel numbers that request otherwise, it is the number
    of the file.
    """
    if not os.isatty(fd):
        return None
    try:
        return int.from_bytes(fcntl.ioctl(fd, _TIOCGDEV, bytes(4)), sys.byteorder)
    except OSError:
        return os.fstat(fd).st_rdev


def is_foreground(fd: int) -> bool:
    """Tell whether this process may use the terminal: its group has the foreground.

    A terminal that is not our controlling one knows no foreground for us (tty_ioctl(4)).
    """
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return True


def take_foreground(fd: int) -> None:
    """Lead a process group of our own, in the foreground of our controlling terminal.

    The caller blocks SIGTTOU, which a background group gets for it (tcsetpgrp(3)).
    """
    os.setpgid(0, 0)
    os.tcsetpgrp(fd, os.getpid())


def copy_size(source: int, target: int) -> None:
    """Give one terminal the size of another; its foreground group hears of a change.

    :raises OSError: one of them is gone.
    """
    size = fcntl.ioctl(source, termios.TIOCGWINSZ, bytes(8))
    fcntl.ioctl(target, termios.TIOCSWINSZ, size)


def adopt_terminal(fd: int) -> None:
    """Make a terminal the controlling one of the session this process leads."""
    fcntl.ioctl(fd, termios.TIOCSCTTY, 0)


def release_terminal(fd: int) -> None:
    """Have no controlling terminal any more; the foreground group gets SIGHUP (tty_ioctl(4))."""
    fcntl.ioctl(fd, termios.TIOCNOTTY)


def has_terminal() -> bool:
    """Tell whether the session of this process has a terminal that is not hung up (tty(4))."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def can_be_resumed(pid: int) -> bool:
    """Tell whether somebody could continue the group of ``pid`` if it were stopped.

    This is the kernel's own rule. A group is orphaned when no member has a parent in another
    group of the same session. A terminal then never stops it (setpgid(2)).
    """
    stat = read_stat(pid)
    while stat is not None:
        parent = read_stat(stat.parent)
        if parent is None or parent.session != stat.session:
            return False
        if parent.group != stat.group:
            return True
        stat = parent
    return False
