"""The commits that a repository holds, whatever becomes of some of its branches.

A branch holds a commit only by a value of its own. An alias goes with the branch that it leads
to, which is about to be deleted. It is a symbolic reference, or a link in the file system.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from ..git.command import LOOK_SECONDS, GitAnswer, ask_git, run_git

ANYWHERE = ("refs/heads", "refs/remotes", "refs/tags")
_FORM = "--format=%(objectname) %(refname) %(symref)"


def holding(
    repo: Path, without: Collection[str] = (), where: Iterable[str] = ANYWHERE
) -> list[str]:
    """Return the objects that references of a repository are at by themselves.

    :param without: branches that are not asked.
    :param where: beginnings of the references' names.
    :raises GitFailed: git cannot tell.
    """
    named = (f"--git-dir={repo}", "for-each-ref", _FORM, *where)
    left_out = {f"refs/heads/{name}" for name in without}
    found: dict[str, None] = {}
    for line in os.fsdecode(run_git(repo, *named, timeout=LOOK_SECONDS)).splitlines():
        oid, name, symbolic = line.split(" ", 2)
        if not symbolic and name not in left_out and is_own_file(repo, name):
            found[oid] = None
    return list(found)


def is_own_file(repo: Path, name: str) -> bool:
    """Tell whether a reference's file, there or not, is reached over no link below ``refs``."""
    top, *rest = name.split("/")
    expected = os.path.join(os.path.realpath(repo / top), *rest)
    return os.path.realpath(expected) == expected


def unheld(repo: Path, commits: Iterable[str], holders: Iterable[str]) -> GitAnswer:
    """Ask git for the commits that nothing among ``holders`` reaches."""
    lines = [*commits, *(f"^{oid}" for oid in holders)]
    if not lines:
        return GitAnswer(0, b"", "")
    words = (f"--git-dir={repo}", "rev-list", "--stdin")
    return ask_git(repo, *words, timeout=LOOK_SECONDS, lines=lines)
