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


class Place(Protocol):
    """The place of one stream in the order of all."""

    def begin_file(self, inode: int) -> None:
        """Note that the stream goes on in another file."""
        ...

    def note(self, size: int) -> None:
        """Note that so many bytes are about to be written."""
        ...


class BoundedFile:
    """A file of ours that is begun anew where it grows too large; the one before is kept.

    The agent can put a link or a fifo in its place: neither is followed or waited for.

    :param base: no link is followed below it.
    """

    def __init__(self, path: str, base: str = "") -> None:
        self._path = path
        self._base = base
        self.size = 0
        self.fd = self._open(os.O_TRUNC)

    def _open(self, more: int) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        place, name = os.path.split(self._path)
        with directory_below(place, self._base) as directory:
            return os.open(name, flags | more, 0o600, dir_fd=directory)

    def append(self, data: bytes) -> None:
        """Write every byte."""
        write_all(self.fd, data)
        self.size += len(data)

    def rotate(self) -> None:
        """Rename it to ``….1``, in place of the one before, and begin anew.

        :raises OSError: it stays open as it is, or is closed.
        """
        place, name = os.path.split(self._path)
        with directory_below(place, self._base) as directory:
            os.rename(name, name + ".1", src_dir_fd=directory, dst_dir_fd=directory)
        self.close()
        self.fd = self._open(os.O_EXCL)
        self.size = 0

    def close(self) -> None:
        """Close it. Idempotent."""
        # First: the number may be another file's as soon as it is closed.
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


class LogFile:
    """Appends to a file and starts a new one at ``max_bytes``, keeping the one before.

    A log that cannot be written (a full disk) is given up with ``fault`` set; the
    agent and the pass-through of its output go on. Once it is closed, ``tail`` holds
    its end.

    :param base: no link is followed below it.
    :param place: hears of each piece before it is written.
    """

    def __init__(
        self, path: str, mask: Mask, max_bytes: int, base: str = "", place: Place | None = None
    ) -> None:
        self._path = path
        self._mask = mask
        self._max_bytes = max_bytes
        self._place = place
        self._file: BoundedFile | None = BoundedFile(path, base)
        self.fault: str | None = None
        self.tail = b""
        self._note_file(self._file)

    def _note_file(self, file: BoundedFile) -> None:
        if self._place is not None:
            self._place.begin_file(os.fstat(file.fd).st_ino)

    def write(self, data: bytes) -> None:
        """Write what the mask lets through of ``data``."""
        self._append(self._mask.feed(data))

    def close(self) -> None:
        """Write what the mask still held back, and close. Idempotent."""
        self._append(self._mask.finish())
        if self._file is not None:
            # Through our own descriptor: the agent could have put anything at the path.
            with contextlib.suppress(OSError):
                self.tail = os.pread(self._file.fd, _TAIL, max(0, self._file.size - _TAIL))
        self._give_up_file()

    def _give_up_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _append(self, data: bytes) -> None:
        if self._file is None or not data:
            return
        try:
            if self._file.size and self._file.size + len(data) > self._max_bytes:
                self._file.rotate()
                self._note_file(self._file)
            if self._place is not None:
                self._place.note(len(data))
            self._file.append(data)
        except OSError as error:
            self.fault = f"{self._path}: {error.strerror}"
            with contextlib.suppress(OSError):
                self._give_up_file()
