"""PATH without entries through which somebody else could slip in a program."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable


def clean_search_path(value: str, is_safe: Callable[[str], bool]) -> tuple[str, int]:
    """Take unsafe entries out of a PATH; the order of the others stays.

    :returns: the new value and how many entries were taken out.
    """
    entries = value.split(os.pathsep)
    kept = [entry for entry in entries if entry.startswith("/") and is_safe(entry)]
    return os.pathsep.join(kept), len(entries) - len(kept)


def is_safe_entry(entry: str) -> bool:
    """Tell whether only its owners can put programs into this directory.

    Unsafe is world-writable without the sticky bit. An entry that is not there is
    left alone: PATHs commonly name directories that a later install creates.
    """
    try:
        mode = os.stat(entry).st_mode
    except OSError:
        return True
    return not mode & stat.S_IWOTH or bool(mode & stat.S_ISVTX)
