"""One place that events go to: whole lines for its reader, without ever waiting for it."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat

import anyio

from ...kernel.process.descriptors import is_ready
from .sink import enlarge_pipe


class EventTarget:
    """A descriptor that takes lines; it is ours from here on.

    A target may take only a part of a line (a pipe that is nearly full, a disk). The rest is
    written before anything else, so a reader never finds half a line before another line. *Not
    promised:* that lines of more than 4 KiB stay whole where somebody else writes into the same
    pipe (pipe(7), PIPE_BUF).
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = memoryview(b"")
        mode = os.fstat(fd).st_mode
        self._socket = socket.socket(fileno=fd) if stat.S_ISSOCK(mode) else None
        # Another user's pipe or terminal, which could not be opened anew.
        self._blocks = os.get_blocking(fd) and not stat.S_ISREG(mode)
        if stat.S_ISFIFO(mode):
            enlarge_pipe(fd)

    def write(self, line: bytes) -> bool:
        """Write one line, or nothing of it.

        :returns: whether it was taken; one that was begun counts as taken.
        """
        if not self._finish_last():
            return False
        self._rest = memoryview(line)
        if self._finish_last() or len(self._rest) < len(line):
            return True
        self._rest = memoryview(b"")
        return False

    def _finish_last(self) -> bool:
        with contextlib.suppress(OSError):
            self._push()
        return not self._rest

    def _push(self) -> None:
        while self._rest:
            self._rest = self._rest[self._write_some(self._rest) :]

    def _write_some(self, data: memoryview) -> int:
        if self._socket is not None:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        if self._blocks:
            # So much never waits where poll(2) sees room, unless another writer is faster.
            data = data[: select.PIPE_BUF]
            if not is_ready(self._fd, events=select.POLLOUT):
                raise BlockingIOError
        return os.write(self._fd, data)

    async def finish(self) -> None:
        """Wait until the line that was begun is whole, or nobody is there to take it."""
        with contextlib.suppress(OSError):
            while not self._finish_or_full():
                await anyio.wait_writable(self._fd)

    def _finish_or_full(self) -> bool:
        try:
            self._push()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Give up the descriptor."""
        if self._socket is not None:
            self._socket.close()
        else:
            os.close(self._fd)
