"""The users of a lock file of git: processes that have it open, and any git that works there."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def drop_unused_ref_lock(repo: Path, branch: str, workdir: Path) -> str | None:
    """Remove the lock on a branch of ours that a worktree is about to be made on.

    The repository's lock must be held.

    :returns: a line, where there was a lock that nobody used.
    """
    lock = repo / f"refs/heads/{branch}.lock"
    if not os.path.lexists(lock) or locks_in_use([lock], workdir):
        return None
    with contextlib.suppress(OSError):
        os.unlink(lock)
    return f"{lock}: left by a git that was killed; removed"


def locks_in_use(locks: list[Path], workdir: Path) -> set[Path]:
    """Return the locks that a process may use: all of them while a git is at work there.

    git closes some of its locks long before it lets go of them, as while an editor runs.
    """
    wanted = {(there.st_dev, there.st_ino): lock for lock in locks if (there := _lstat(lock))}
    used: set[Path] = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if _is_git_below(pid, workdir):
                return set(locks)
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(FileNotFoundError):
                    there = os.stat(f"/proc/{pid}/fd/{fd}")
                    used.update(filter(None, [wanted.get((there.st_dev, there.st_ino))]))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended, or is another user's
    return used


def _is_git_below(pid: str, workdir: Path) -> bool:
    with open(f"/proc/{pid}/comm", "rb") as file:
        if not file.read().startswith(b"git"):
            return False
    place, top = os.readlink(f"/proc/{pid}/cwd"), os.path.realpath(workdir)
    return place == top or place.startswith(f"{top}/")


def _lstat(path: Path) -> os.stat_result | None:
    with contextlib.suppress(OSError):
        return os.lstat(path)
    return None
