"""A repository's own entry for a worktree: ``worktrees/<name>`` in its git directory."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...kernel.files.regular_file import read_regular
from ...kernel.files.tree import remove_tree
from ...kernel.values import frozen
from ..errors import operator_errors
from ..fs import directory

_REASON = "codexlab workspace "
_BRANCH = "ref: refs/heads/"
_COMMIT = r"[0-9a-f]{40}(?:[0-9a-f]{24})?"


@frozen
class WorktreeEntry:
    """What a repository has on one of its worktrees. Whoever may write there may have.

    :param place: the entry's directory.
    :param pointer: path of the ``.git`` it is for; empty where git was killed before it
        wrote that.
    :param head: text of its ``HEAD``.
    :param reason: why it is locked; empty where it is not.
    """

    place: Path
    pointer: str
    head: str
    reason: str

    @property
    def branch(self) -> str | None:
        """Return the branch it is on, or None."""
        return self.head.removeprefix(_BRANCH) if self.head.startswith(_BRANCH) else None

    @property
    def detached(self) -> str | None:
        """Return the commit it is at while it is on no branch, or None."""
        return self.head if re.fullmatch(_COMMIT, self.head) else None

    @property
    def checkout(self) -> str:
        """Return the directory it is for; empty where that is not known."""
        return os.path.dirname(self.pointer)


def entries(repo: Path) -> list[WorktreeEntry]:
    """Return the entries of all worktrees a repository has."""
    try:
        names = sorted(os.listdir(repo / "worktrees"))
    except OSError:
        return []
    return [entry_at(repo / "worktrees" / name) for name in names]


def entries_for(repo: Path, workdir: Path) -> list[WorktreeEntry]:
    """Return the entries of a workdir of ours.

    Ours is told by its ``gitdir``, or by the lock's reason where git was killed before
    writing that.
    """
    marker, reason = marker_of(workdir), lock_reason(workdir)
    return [
        entry
        for entry in entries(repo)
        if entry.pointer == marker or (not entry.pointer and entry.reason == reason)
    ]


def entries_below(repo: Path, top: Path) -> list[WorktreeEntry]:
    """Return the entries of all worktrees that lie below a directory, or did."""
    prefix = f"{os.path.realpath(top)}/"
    return [entry for entry in entries(repo) if entry.pointer.startswith(prefix)]


def drop_registration(repo: Path, workdir: Path) -> None:
    """Drop the entries for a workdir of ours that itself is gone.

    Never ``git worktree prune``: it takes others' entries too. The repository's lock
    must be held, and what only they hold must be kept: see `keep_what_entries_hold`.
    """
    _drop(repo, entries_for(repo, workdir))


def drop_orphans(repo: Path, top: Path) -> None:
    """Drop the entries of worktrees that went with a directory. The lock must be held."""
    gone = [entry for entry in entries_below(repo, top) if not os.path.lexists(entry.pointer)]
    _drop(repo, gone)


def drop_left_entries(repo: Path, root: Path) -> None:
    """Drop the entries that a killed removal of a workspace left. The lock must be held.

    Only a record that anybody may have written says that there was one. So an entry goes
    that we locked for this place, or one that nobody locked, below a place that is gone.
    What only they hold must be kept: see `keep_what_entries_hold`.
    """
    workdir = root / "workdir"
    reason = lock_reason(workdir)
    gone = [entry for entry in entries_for(repo, workdir) if entry.reason == reason]
    if not os.path.lexists(root):
        below = entries_below(repo, root)
        gone += [each for each in below if not each.reason and not os.path.lexists(each.pointer)]
    _drop(repo, gone)


def our_registrations(repo: Path) -> Iterator[tuple[str, str]]:
    """Yield (workspace, branch it is on) for every worktree that some workspace made."""
    for entry in entries(repo):
        if entry.reason.startswith(_REASON):
            yield entry.reason.removeprefix(_REASON), entry.head.removeprefix(_BRANCH)


def is_checked_out_elsewhere(repo: Path, branch: str, workdir: Path) -> bool:
    """Tell whether another worktree is on a branch; without the branch it would be lost."""
    ours = marker_of(workdir)
    return any(entry.branch == branch and entry.pointer != ours for entry in entries(repo))


def drop_ref_lock(repo: Path, branch: str) -> None:
    """Remove what a git of ours leaves that is killed at work on our own branch."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(repo / f"refs/heads/{branch}.lock")


def lock_reason(workdir: Path) -> str:
    """Return the reason our worktrees are locked with, which names them from the start."""
    return f"{_REASON}{os.path.realpath(workdir.parent)}"


def marker_of(workdir: Path) -> str:
    """Return the path that the entry of a workdir points at: its ``.git``."""
    return f"{os.path.realpath(workdir.parent)}/{workdir.name}/.git"


def _drop(repo: Path, gone: Iterable[WorktreeEntry]) -> None:
    with (
        contextlib.suppress(FileNotFoundError),
        directory(repo, "worktrees") as entries_fd,
    ):
        for entry in gone:
            with operator_errors(entry.place):
                remove_tree(entry.place.name, entries_fd)


def entry_at(place: Path) -> WorktreeEntry:
    """Read one entry, whatever is there."""
    # The pointer may be written relative (git 2.48).
    text = _text(place / "gitdir")
    pointer = os.path.normpath(place / text) if text else ""
    return WorktreeEntry(place, pointer, _text(place / "HEAD"), _text(place / "locked"))


def _text(path: Path) -> str:
    try:
        return read_regular(path, follow=True).decode("utf-8", "surrogateescape").strip()
    except OSError:
        return ""
