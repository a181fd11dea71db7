"""Remove a run's temp directory, whatever the agent made of it."""

from __future__ import annotations

import contextlib
import os
import re

from .below import open_directory
from .tree import remove_tree

# Made for one run where another user has the usual name, and so removed with it.
_OF_ONE_RUN = r"codexlab-\d+-[0-9a-f]{8}"


def discard_temporary(path: str) -> str | None:
    """Remove what is at ``path``, however deep and closed; a link is removed, not followed.

    Only below a directory that is ours and no link. What cannot be removed, such as a
    mount or an immutable file, stays, and so does everything where ``path`` is empty.

    :returns: why something stays, or None where nothing does.
    """
    parent, name = os.path.split(path)
    if not parent or not name:
        return None
    try:
        _remove(name, parent)
    except OSError as error:
        return (error.strerror or str(error)) if os.path.lexists(path) else None
    if re.fullmatch(_OF_ONE_RUN, os.path.basename(parent)):
        with contextlib.suppress(OSError):
            os.rmdir(parent)
    return None


def _remove(name: str, parent: str) -> None:
    fd = open_directory(parent)
    try:
        if os.fstat(fd).st_uid == os.geteuid():
            remove_tree(name, fd)
    finally:
        os.close(fd)
