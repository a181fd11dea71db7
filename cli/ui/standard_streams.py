"""stdin, stdout and stderr as every command needs them, and the messages for their errors."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING

from ...kernel.process.descriptors import open_standard_descriptors

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STREAMS = ("stdin", "stdout", "stderr")


class _Stdout(io.FileIO):
    """A stream that names itself in errors, so that the reader knows which disk is full."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = "stdout"
            raise


def ensure_standard_streams() -> None:
    """Give a closed stream /dev/null, and stdout a name and a buffer.

    A closed stream is None to Python, and its number goes to the next file we open. Without a
    buffer (``PYTHONUNBUFFERED``), Python silently drops the rest of a partial write(2), as on a
    disk that fills.
    """
    open_standard_descriptors()
    for fd, name in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(fd, "w" if fd else "r", closefd=False))
    given = sys.stdout
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Stdout(1, "w", closefd=False)),
        encoding=given.encoding,
        errors=given.errors,
        line_buffering=given.isatty(),
    )


def failed_call(error: OSError) -> str:
    """Return a few words on the failed call and its file."""
    what = error.strerror or str(error)
    return what if error.filename is None else f"{os.fsdecode(error.filename)}: {what}"


def stop_writing(fd: int) -> None:
    """Send buffered output of a descriptor to /dev/null, so that it does not fail at the end."""
    # Without /dev/null it fails as before: our caller has already reported it.
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, fd)
        os.close(null)
