"""PATH without entries through which another user could slip in a program.

Entries of a checkout that the agent does not work in are taken out too: programs there
act on that checkout.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from enum import StrEnum

from ...kernel.values import frozen
from .circumstances import lies_below


class WhyOut(StrEnum):
    """Why an entry of PATH is taken out."""

    RELATIVE = "relative"
    UNSAFE = "unsafe"
    LEFT_BEHIND = "left behind"


@frozen
class TakenOut:
    """An entry of PATH that the agent does not get.

    :param why: it is empty or relative; everybody may write there; or it lies in a
        checkout left behind.
    """

    entry: str
    why: WhyOut


def clean_search_path(
    value: str, is_safe: Callable[[str], bool], left_behind: tuple[str, ...] = ()
) -> tuple[str, tuple[TakenOut, ...]]:
    """Take entries out of a PATH; the order of the others stays.

    :param left_behind: directories with programs that are not for the agent.
    :returns: the new value, and the entries that were taken out.
    """
    kept: list[str] = []
    taken: list[TakenOut] = []
    for entry in value.split(os.pathsep):
        if not entry.startswith("/"):
            taken.append(TakenOut(entry, WhyOut.RELATIVE))
        elif not is_safe(entry):
            taken.append(TakenOut(entry, WhyOut.UNSAFE))
        elif lies_below(entry, left_behind):
            taken.append(TakenOut(entry, WhyOut.LEFT_BEHIND))
        else:
            kept.append(entry)
    return os.pathsep.join(kept), tuple(taken)


def is_safe_entry(entry: str) -> bool:
    """Tell whether only its owners can put programs into this directory.

    Unsafe is world-writable without the sticky bit. An entry for a missing directory stays: PATHs
    commonly name directories that a later install creates.
    """
    try:
        mode = os.stat(entry).st_mode
    except OSError:
        return True
    return not mode & stat.S_IWOTH or bool(mode & stat.S_ISVTX)
