"""Bare caches of repositories given by URL, once nothing uses them any more."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from ...kernel.errors import CodexlabError
from ...kernel.files.tree import remove_tree
from ..errors import RepositoryBusy, operator_errors
from ..fs import directory
from ..repository.holding import holding, unheld
from ..repository.lock import repository_lock
from ..repository.url_cache import READY, cache_root

MONTH = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class CacheVerdict:
    """The decision of gc about one cache."""

    path: Path
    goes: bool
    reason: str


def plan_cache_collection(now: float) -> list[CacheVerdict]:
    """Decide for every cache; one that was not fetched for a month may go. Reads only."""
    top = cache_root()
    try:
        names = sorted(os.listdir(top))
    except FileNotFoundError:
        return []
    found: list[CacheVerdict] = []
    for name in names:
        if name.endswith(".git"):
            try:
                found.append(_judge(top / name, now, MONTH))
            except (CodexlabError, OSError) as error:
                # What cannot be judged stays, and the others are judged.
                found.append(CacheVerdict(top / name, False, f"cannot be judged ({error})"))
    return found


def remove_cache(cache: Path, *, idle: float, now: float, state_dir: Path) -> bool:
    """Delete a cache if it still may go, under its lock. A cache can always be fetched again.

    :returns: whether it went; one somebody works with stays.
    """
    try:
        with (
            repository_lock(cache, state_dir, patience=0.0),
            directory(cache.parent) as top_fd,
            operator_errors(cache),
        ):
            if not _judge(cache, now, idle).goes:
                return False
            # First what says that it is whole: a crash leaves one that is made anew.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(cache / READY)
            remove_tree(cache.name, top_fd)
    except (RepositoryBusy, FileNotFoundError):
        return False
    return True


def _judge(cache: Path, now: float, idle: float) -> CacheVerdict:
    try:
        age = now - os.stat(cache / READY).st_mtime
    except FileNotFoundError:
        age = now - os.stat(cache).st_mtime
    if age < idle:
        return CacheVerdict(cache, False, f"fetched {age / 86400:.0f} d ago")
    with contextlib.suppress(FileNotFoundError):
        if os.listdir(cache / "worktrees"):
            return CacheVerdict(cache, False, "has worktrees")
    if _lonely(cache):
        return CacheVerdict(cache, False, "has branches with commits that no remote has")
    return CacheVerdict(cache, True, f"not fetched for {age / 86400:.0f} d, no worktrees")


def _lonely(cache: Path) -> bool:
    if not (cache / READY).exists():
        return False  # never was whole, so nothing was ever made from it
    fetched = holding(cache, where=["refs/remotes"])
    made = set(holding(cache, where=["refs"])) - set(fetched)
    answer = unheld(cache, made, fetched)
    return answer.status != 0 or bool(answer.stdout)
