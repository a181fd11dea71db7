"""stdin, stdout and stderr as every command relies on them, and what is said when they fail."""

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
    """Names itself in what fails, so that the reader knows which disk is full."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = "stdout"
            raise


def ensure_standard_streams() -> None:
    """Give a stream that is closed /dev/null, and stdout a name and a buffer.

    A closed one is None to Python, and its number that of the next file we open. Without
    a buffer (``PYTHONUNBUFFERED``) Python drops what one write(2) did not take, as happens
    on a disk that fills, and reports nothing.
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
    """Say in a few words what failed where."""
    what = error.strerror or str(error)
    return what if error.filename is None else f"{os.fsdecode(error.filename)}: {what}"


def stop_writing(fd: int) -> None:
    """Let what is still buffered for a descriptor go nowhere, instead of fail at the end."""
    # Without /dev/null it fails as it did before: who calls us has told what it could.
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, fd)
        os.close(null)
