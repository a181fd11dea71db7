"""A repository's own entry for a worktree: ``worktrees/<name>`` in its git directory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ..kernel import remove_tree
from ._dirs import directory
from ._errors import operator_errors

_REASON = "codexlab workspace "


def drop_registration(repo: Path, workdir: Path) -> set[str]:
    """Drop the entries for a workdir of ours that itself is gone.

    Ours is told by its ``gitdir``, or by the lock's reason where git was killed
    before writing that. Never ``git worktree prune``: it takes others' entries too.
    The repository's lock must be held.

    :returns: the branches those entries were on.
    """
    branches: set[str] = set()
    marker = f"{os.path.realpath(workdir.parent)}/{workdir.name}/.git"
    try:
        with directory(repo, "worktrees") as entries_fd:
            for name in os.listdir(entries_fd):
                place = repo / "worktrees" / name
                pointer, reason = _pointer(place), _text(place / "locked")
                if pointer == marker or (not pointer and reason == lock_reason(workdir)):
                    branches.add(_text(place / "HEAD").removeprefix("ref: refs/heads/"))
                    with operator_errors(place):
                        remove_tree(name, entries_fd)
    except FileNotFoundError:
        pass
    return branches


def our_registrations(repo: Path) -> Iterator[tuple[str, str]]:
    """Yield (workspace, branch it is on) for every worktree that some workspace made."""
    try:
        names = os.listdir(repo / "worktrees")
    except OSError:
        return
    for name in names:
        place = repo / "worktrees" / name
        reason = _text(place / "locked")
        if reason.startswith(_REASON):
            head = _text(place / "HEAD").removeprefix("ref: refs/heads/")
            yield reason.removeprefix(_REASON), head


def is_checked_out_elsewhere(repo: Path, branch: str, workdir: Path) -> bool:
    """Tell whether another worktree is on a branch: without it that one would be lost."""
    ours = f"{os.path.realpath(workdir.parent)}/{workdir.name}/.git"
    try:
        entries = [repo / "worktrees" / name for name in os.listdir(repo / "worktrees")]
    except OSError:
        return False
    return any(
        _text(place / "HEAD") == f"ref: refs/heads/{branch}" and _pointer(place) != ours
        for place in entries
    )


def drop_ref_lock(repo: Path, branch: str) -> None:
    """Remove what a git of ours leaves that is killed at work on our own branch."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(repo / f"refs/heads/{branch}.lock")


def lock_reason(workdir: Path) -> str:
    """Return the reason our worktrees are locked with, which names them from the start."""
    return f"{_REASON}{os.path.realpath(workdir.parent)}"


def _pointer(place: Path) -> str:
    """Return which ``.git`` an entry is for; it may be written relative (git 2.48)."""
    text = _text(place / "gitdir")
    return os.path.normpath(place / text) if text else ""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "surrogateescape").strip()
    except OSError:
        return ""
