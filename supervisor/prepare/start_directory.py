"""The directory that the agent starts in: the caller's own subdirectory, in the workdir."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from ...kernel.files.below import directory_below
from ...kernel.values import frozen


@frozen
class StartDirectory:
    """Where the agent starts.

    :param workdir: path of the workdir.
    :param below: the path from there, none of whose parts is a link; empty at the top.
    :param note: why it is the top although a subdirectory was asked for, or None.
    """

    workdir: str
    below: str = ""
    note: str | None = None

    @property
    def path(self) -> str:
        """Return the whole path."""
        return os.path.join(self.workdir, self.below) if self.below else self.workdir


def find_start(workdir: Path, below: str) -> StartDirectory:
    """Return the subdirectory of a workdir if it is there, else its top.

    An agent may have put a link in the place of each part, so no link is followed.
    """
    top = os.fspath(workdir)
    if not below:
        return StartDirectory(top)
    try:
        with directory_below(f"{top}/{below}", top):
            return StartDirectory(top, below)
    except OSError as error:
        linked = error.errno in (errno.ELOOP, errno.ENOTDIR)
        why = "a link or no directory" if linked else (error.strerror or str(error)).lower()
        return StartDirectory(top, note=f"{top}/{below}: {why}; the agent starts in {top}")
