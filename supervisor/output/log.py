"""A log of one output stream: masked, bounded, and never in the agent's way."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Protocol

from ...kernel.files.atomic import write_all
from ...kernel.files.below import directory_below


def open_to_append(path: Path, base: Path) -> int:
    """Open a file of a run to append to, made 0600 where it is missing.

    :param base: no link is followed below it.
    :raises OSError: it cannot be opened, or is a link.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with directory_below(os.fspath(path.parent), os.fspath(base)) as directory:
        return os.open(path.name, flags, 0o600, dir_fd=directory)


_TAIL = 16 * 1024


class Mask(Protocol):
    """A streaming filter; what it holds back comes out with ``finish``."""

    def feed(self, data: bytes) -> bytes:
        """Return the bytes that may be written now."""
        ...

    def finish(self) -> bytes:
        """Return what was held back."""
        ...


class LogFile:
    """Appends to a file and starts a new one at ``max_bytes``, keeping the one before.

    A log that cannot be written (a full disk) is given up with ``fault`` set; the
    agent and the pass-through of its output go on. Once it is closed, ``tail`` holds
    its end.

    :param base: no link is followed below it.
    """

    def __init__(self, path: str, mask: Mask, max_bytes: int, base: str = "") -> None:
        self._path = path
        self._base = base
        self._mask = mask
        self._max_bytes = max_bytes
        self._size = 0
        self._fd: int | None = self._open()
        self.fault: str | None = None
        self.tail = b""

    def _open(self, more: int = os.O_TRUNC) -> int:
        # The agent can put a link or a fifo there: neither is followed or waited for.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        place, name = os.path.split(self._path)
        with directory_below(place, self._base) as directory:
            return os.open(name, flags | more, 0o600, dir_fd=directory)

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
        place, name = os.path.split(self._path)
        with directory_below(place, self._base) as directory:
            os.rename(name, name + ".1", src_dir_fd=directory, dst_dir_fd=directory)
        self._give_up_descriptor()
        self._fd = self._open(os.O_EXCL)
        self._size = 0
