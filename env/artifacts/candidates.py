"""Candidates for a cleanup, and what was found of each.

A candidate is a place with content that a build, test or tool makes again.
Package stores, Bazel's and sccache's caches and the runners' directories are no
candidates: they are shared, cheap to keep and slow to refill.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ..cargo import OWN_NAME, safe_repo_name
from ..targets.index import TargetOwner
from ..targets.layout import TEMPORARY
from ..targets.root_dirs import Root, path_of
from .repository import Repository
from .sizes import Measure


class Category(StrEnum):
    """What made the content of a candidate, which the flags to keep go by."""

    CARGO = "cargo"
    EXEC_HARNESS = "exec-harness"
    TEMP = "temp"
    WORKTREE = "worktree"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One directory that could be removed.

    :param base: the artifact root or the working tree that it must lie in physically.
    :param names: the way from the base, name by name; no name is a link when it is removed.
    :param leased: whether runs take a lease on it.
    """

    category: Category
    base: Root
    names: tuple[str, ...]
    leased: bool = False

    @property
    def path(self) -> Path:
        """Return the whole path."""
        return path_of(self.base).joinpath(*self.names)


class Decision(StrEnum):
    """What becomes of a candidate."""

    REMOVE = "remove"
    KEEP = "keep"
    IN_USE = "in use"
    REFUSED = "refused"
    REMOVED = "removed"
    LEFTOVER = "leftover"


@dataclass(frozen=True, slots=True)
class JudgedCandidate:
    """One candidate judged.

    :param verdict: ``remove``: would go; ``removed``: is gone; ``leftover``: an interrupted cleanup
        left it, so it goes too. With any other verdict it stays, for ``reason``.
    :param age: seconds since the latest sign of use, or None when the age is not known.
    """

    candidate: Candidate
    verdict: Decision
    reason: str
    size: Measure
    age: float | None
    owner: TargetOwner | None

    def receipt(self) -> dict[str, object]:
        """Return the finding as it is written down and printed."""
        owner = self.owner
        return {
            "path": str(self.candidate.path),
            "category": self.candidate.category,
            "verdict": self.verdict,
            "reason": self.reason,
            "bytes": self.size.allocated,
            "measured": self.size.state,
            "age_seconds": None if self.age is None else round(self.age),
            "key": owner and owner.key,
            "project": owner and owner.project,
            "issue": owner and owner.issue,
            "thread": owner and owner.thread,
            "workdir": owner and owner.workdir,
        }


_IN_TREE: tuple[tuple[str, ...], ...] = (
    ("target",),
    ("codex-rs", "target"),
    (".tmp", "codex-exec-harness"),
    (".tmp", "codex-exec-harness-ci"),
)


def find_candidates(
    root: Root | None, repository: Repository | None, *, every_repository: bool
) -> list[Candidate]:
    """List the candidates that exist, links left out. Reads directories, changes nothing.

    :param every_repository: all repositories that have something below the root, not just this one.
    """
    found: list[Candidate] = []
    if root is not None:
        for repo in _repositories(root, repository, every_repository=every_repository):
            found += _of_repository(root, repo)
        found += _temporary(root)
    if repository is not None:
        found += _in_tree(repository.top)
    return found


def _repositories(
    root: Root, repository: Repository | None, *, every_repository: bool
) -> Iterable[str]:
    if repository is not None and not every_repository:
        return (safe_repo_name(repository.name),)
    return [name for name in _directories(path_of(root) / "local") if name != OWN_NAME]


def _of_repository(root: Root, repo: str) -> Iterator[Candidate]:
    below_repo = ("local", repo)
    base = path_of(root).joinpath(*below_repo)
    for host in _directories(base / "cargo-target"):
        yield Candidate(Category.CARGO, root, (*below_repo, "cargo-target", host), leased=True)
    for key in _directories(base / "worktrees"):
        for host in _directories(base / "worktrees" / key / "cargo-target"):
            place = (*below_repo, "worktrees", key, "cargo-target", host)
            yield Candidate(Category.CARGO, root, place, leased=True)
    for host in _directories(base / "exec-harness" / "cargo-target"):
        names = (*below_repo, "exec-harness", "cargo-target", host)
        yield Candidate(Category.EXEC_HARNESS, root, names, leased=True)
    if "output" in _directories(base / "exec-harness"):
        yield Candidate(Category.EXEC_HARNESS, root, (*below_repo, "exec-harness", "output"))


def _temporary(root: Root) -> Iterator[Candidate]:
    names = TEMPORARY
    for name in _directories(path_of(root).joinpath(*names)):
        yield Candidate(Category.TEMP, root, (*names, name))


def _in_tree(top: Path) -> Iterator[Candidate]:
    """Yield build output in the working tree; a ``target`` only when cargo's tag is in it."""
    for names in _IN_TREE:
        path = top.joinpath(*names)
        if names[-1] in _directories(path.parent) and (
            names[-1] != "target" or (path / "CACHEDIR.TAG").is_file()
        ):
            yield Candidate(Category.WORKTREE, top, names)


def _directories(path: Path) -> list[str]:
    """Return the names of the real directories in ``path``; none when it is a link or missing."""
    if path.is_symlink():
        return []
    try:
        with os.scandir(path) as entries:
            return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False))
    except OSError:
        return []
