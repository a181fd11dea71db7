"""A log of one output stream: masked, bounded, and never in the agent's way."""

from __future__ import annotations

import contextlib
import os
from typing import Protocol

from ..kernel import write_all

_TAIL = 16 * 1024


class Mask(Protocol):
    """A streaming filter; what it holds back comes out with ``finish``."""

    def feed(self, data: bytes) -> bytes: ...
    def finish(self) -> bytes: ...


class LogFile:
    """Appends to a file and starts a new one at ``max_bytes``, keeping the one before.

    A log that cannot be written (a full disk) is given up with ``fault`` set; the
    agent and the pass-through of its output go on. Once it is closed, ``tail`` holds
    its end.
    """

    def __init__(self, path: str, mask: Mask, max_bytes: int) -> None:
        self._path = path
        self._mask = mask
        self._max_bytes = max_bytes
        self._size = 0
        self._fd: int | None = self._open()
        self.fault: str | None = None
        self.tail = b""

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(self._path, flags, 0o600)

    def write(self, data: bytes) -> None:
        """Write what the mask lets through of ``data``."""
        self._append(self._mask.feed(data))

    def close(self) -> None:
        """Write what the mask still held back, and close. Idempotent."""
        self._append(self._mask.finish())
        if self._fd is not None:
            # Through our own descriptor: the agent could have put anything at the path.
            with contextlib.suppress(OSError):
                self.tail = os.pread(self._fd, _TAIL, max(0, self._size - _TAIL))
        self._give_up_descriptor()

    def _give_up_descriptor(self) -> None:
        # First: the number may be another file's as soon as it is closed.
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _append(self, data: bytes) -> None:
        if self._fd is None or not data:
            return
        try:
            if self._size and self._size + len(data) > self._max_bytes:
                self._rotate()
            write_all(self._fd, data)
            self._size += len(data)
        except OSError as error:
            self.fault = f"{self._path}: {error.strerror}"
            with contextlib.suppress(OSError):
                self._give_up_descriptor()

    def _rotate(self) -> None:
        os.rename(self._path, self._path + ".1")
        self._give_up_descriptor()
        self._fd = self._open()
        self._size = 0
