"""What a run uses, or used, below a workspace that is to go: another one's, or a given directory.

A directory is found by its path, or, moved since, by device and inode. An inode's number is
given anew once a directory is gone: so what nobody holds must have its former name as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ...kernel.values import replace
from ..checkouts.repositories_below import look_below
from ..checkouts.words import shown
from ..paths import WorkspacePaths
from .uses import Identity, Use, Uses


def used_below(paths: WorkspacePaths, uses: Uses) -> tuple[Use, ...]:
    """Return the directories below a workspace that are used, or were; each once.

    The workspace itself and its own workdir are not meant: their locks are the removal's.
    """
    top = os.path.realpath(paths.root)
    own = {top, os.path.join(top, "workdir")}
    found: dict[str, Use] = {}
    lost: dict[Identity, Use] = {}
    located: set[Identity] = set()
    for use in uses.found:
        if _is_there(use):
            if use.identity is not None:
                located.add(use.identity)
            # The repository of a plain workdir is a part of it.
            its_own = use.identity is None and use.place == top
            if not its_own and use.path not in own and use.path.startswith(f"{top}/"):
                _add(found, use)
        elif use.identity is not None:
            lost[use.identity] = use
    for use in _moved(top, own, lost, uses.held - located - _identities(own)):
        _add(found, use)
    return tuple(found.values())


def told(paths: WorkspacePaths, use: Use) -> str:
    """Return a line on what keeps a workspace."""
    where = os.path.relpath(use.path, os.path.realpath(paths.root))
    return f"{shown(where)} {use.what}"


def _add(found: dict[str, Use], use: Use) -> None:
    """Add one; of two for the same directory that which is held counts."""
    if use.path not in found or use.held:
        found[use.path] = use


def _is_there(use: Use) -> bool:
    """Tell whether it is where it was noted; what nobody may look at counts as there."""
    try:
        status = os.stat(use.path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return use.identity in (None, (status.st_dev, status.st_ino))


def _moved(
    top: str, own: set[str], lost: dict[Identity, Use], held: frozenset[Identity]
) -> Iterator[Use]:
    """Yield what was moved into the tree: only then it is walked."""
    wanted = held | lost.keys()
    if not wanted:
        return
    try:
        met = look_below(Path(top), wanted).met
    except OSError:
        return  # the findings say that it cannot be looked through
    for where in met:
        path = os.path.join(top, where)
        status = os.lstat(path)
        identity = status.st_dev, status.st_ino
        use = lost.get(identity, Use(path, "is in use", identity))
        is_same = identity in held or os.path.basename(use.path) == os.path.basename(path)
        if path not in own and is_same:
            yield replace(use, path=path, held=identity in held)


def _identities(places: set[str]) -> set[Identity]:
    found: set[Identity] = set()
    for place in places:
        try:
            status = os.lstat(place)
        except OSError:
            continue
        found.add((status.st_dev, status.st_ino))
    return found
