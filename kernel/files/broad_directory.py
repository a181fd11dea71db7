"""Directories among whose content a root of ours must not be mixed."""

from __future__ import annotations

import os


def describe_broad_directory(path: str | os.PathLike[str], home: str | None) -> str | None:
    """Name a directory that holds far more than a root of ours may; None for any other.

    By device and inode, so that no link and no other spelling hides it. One that is not
    there is none of them.

    :param home: the home directory of whose root it would be; None: nobody's.
    """
    if _is_same(path, "/"):
        return "the root of the filesystem"
    return "the home directory itself" if home and _is_same(path, home) else None


def _is_same(path: str | os.PathLike[str], other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False
