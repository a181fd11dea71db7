"""Write to a stream of the caller's without ever blocking the event loop, or changing it.

O_NONBLOCK on an inherited descriptor would also hold for others who share the open file (the
caller's shell, its other children). So a pipe or a terminal is opened anew through
``/proc/self/fd``, which makes an open file of our own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat

import anyio

from ..blocking import NoThread, in_thread

_NO_THREAD_SECONDS = 0.1

PIPE_SIZE = 256 * 1024


def enlarge_pipe(fd: int) -> None:
    """Give a pipe room for 256 KiB, if it may have it (fcntl(2), F_SETPIPE_SZ).

    That saves wake-ups on floods. Not more: a user's pipes share one quota (pipe(7),
    64 MiB by default), and past it every new one is tiny.
    """
    with contextlib.suppress(OSError):
        if fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ) < PIPE_SIZE:
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_SIZE)


def reopen_nonblocking(fd: int, access: int = os.O_WRONLY) -> int | None:
    """Return a non-blocking descriptor of the same pipe or terminal, for writing.

    :param access: how to open it instead.
    :returns: None where it is neither, or belongs to another user.
    """
    if not (stat.S_ISFIFO(os.fstat(fd).st_mode) or os.isatty(fd)):
        return None
    flags = access | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.open(f"/proc/self/fd/{fd}", flags)
    except OSError:
        return None


class Output:
    """One stream of the caller's. After it has gone away, writes are dropped."""

    def __init__(self, fd: int) -> None:
        self._socket: socket.socket | None = None
        self._threaded = False
        self.closed = False
        self._fd = self._adopt(fd)

    def _adopt(self, fd: int) -> int:
        reopened = reopen_nonblocking(fd)
        if reopened is not None:
            enlarge_pipe(reopened)
            return reopened
        own = os.dup(fd)
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            self._socket = socket.socket(fileno=own)
        # Another user's pipe or terminal: wait for it in a thread instead.
        self._threaded = stat.S_ISFIFO(os.fstat(fd).st_mode) or os.isatty(fd)
        return own

    async def write(self, data: bytes) -> None:
        """Write every byte, waiting as long as the reader takes."""
        view = memoryview(data)
        while view and not self.closed:
            try:
                view = view[await self._write_some(view) :]
            except BlockingIOError:
                await anyio.wait_writable(self._fd)
            except OSError:
                self.closed = True

    async def _write_some(self, view: memoryview) -> int:
        if self._socket is not None:
            return self._socket.send(view, socket.MSG_DONTWAIT)
        if self._threaded:
            return await self._write_in_thread(view)
        return os.write(self._fd, view)

    async def _write_in_thread(self, view: memoryview) -> int:
        limiter = anyio.CapacityLimiter(1)
        try:
            return await in_thread(
                os.write, self._fd, view, abandon_on_cancel=True, limiter=limiter
            )
        except NoThread:
            # A reader may rest for ever, and this loop must not: later there may be a thread.
            await anyio.sleep(_NO_THREAD_SECONDS)
            return 0

    def close(self) -> None:
        """Give up our own descriptor; the caller's stays open."""
        if self._socket is not None:
            self._socket.close()
        else:
            os.close(self._fd)
