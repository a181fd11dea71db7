"""Take a directory out of use in one rename, then delete it at leisure.

Invariant: at its old name there is either the whole directory or nothing. A directory that was
taken lies below the quarantine until it is gone. A crash leaves it there, and the next cleanup
deletes it. Every step goes through descriptors, so a link on the way is seen as a link and refused.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence

from ...kernel.files.tree import remove_tree
from ...kernel.libc import rename_noreplace
from ..targets.errors import TargetPathRefused
from ..targets.root_dirs import DIRECTORY, Root, opened_below, path_of


def quarantine(base: Root, names: Sequence[str], store: Root, store_names: Sequence[str]) -> str:
    """Move ``base/names`` into the quarantine ``store/store_names``; return its name there.

    :raises FileNotFoundError: it is no longer there.
    :raises TargetPathRefused: something on the way is a link, a mount, or on another filesystem.
    """
    where = str(path_of(base).joinpath(*names))
    with (
        opened_below(base, names[:-1]) as parent,
        opened_below(store, store_names, create=True) as keep,
    ):
        identity = _identity(names[-1], parent, where)
        if identity[0] != os.fstat(keep).st_dev:
            raise TargetPathRefused(where, "the quarantine lies on another filesystem")
        name = f"{names[-1]}.{secrets.token_hex(8)}"
        rename_noreplace(names[-1], name, source_fd=parent, target_fd=keep)
        if _identity(name, keep, where) != identity:
            rename_noreplace(name, names[-1], source_fd=keep, target_fd=parent)
            raise TargetPathRefused(where, "it was replaced while it was moved")
        return name


def empty_quarantine(store: Root, store_names: Sequence[str], only: str | None = None) -> list[str]:
    """Delete the content of the quarantine; return the names that are gone.

    :param only: one name; else everything, as after a crash.
    :raises OSError: something cannot be deleted.
    """
    try:
        with opened_below(store, store_names) as keep:
            names = os.listdir(keep) if only is None else [only]
            for name in names:
                remove_tree(name, keep)
            return names
    except FileNotFoundError:
        return []


def quarantined(store: Root, store_names: Sequence[str]) -> list[str]:
    """Return the names that an interrupted cleanup left in the quarantine."""
    try:
        with opened_below(store, store_names) as keep:
            return sorted(os.listdir(keep))
    except (FileNotFoundError, TargetPathRefused):
        return []


def remove_empty_parents(base: Root, names: Sequence[str], keep: int) -> None:
    """Remove what lay above a removed directory, while it is empty, but not the first ``keep``."""
    for depth in range(len(names) - 1, keep, -1):
        try:
            with opened_below(base, names[: depth - 1]) as parent:
                os.rmdir(names[depth - 1], dir_fd=parent)
        except OSError:
            return  # not empty: another target lies beside it


def _identity(name: str, dir_fd: int, where: str) -> tuple[int, int]:
    try:
        fd = os.open(name, DIRECTORY, dir_fd=dir_fd)
    except FileNotFoundError:
        raise
    except OSError:
        raise TargetPathRefused(where, "a link or a file is in its place") from None
    try:
        found = os.fstat(fd)
    finally:
        os.close(fd)
    return found.st_dev, found.st_ino
