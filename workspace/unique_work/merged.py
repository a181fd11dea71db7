"""Recognise work that came home under other commit ids: squashed, rebased or cherry-picked.

Certain is only what is equal to the letter. A commit's patch, or the whole range's, is that of
a commit on a remote or default branch. Or the tree at the end is the tree of such a commit.
Line numbers may differ, since others worked there too; blanks may not, unlike in
git-patch-id(1), for which two indentations are one patch.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from ..git.checkout import read_head
from ..git.command import GitAnswer, ask_git
from ..repository.holding import holding

_MOST_TARGETS, _MOST_COMMITS, _MOST_PATCHES = 5, 1000, 50
_DEFAULT = ("main", "master")
_PATCH = (
    *("diff-tree", "-r", "-p", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv"),
    *("--no-color", "--unified=3", "--diff-algorithm=myers", "--ignore-submodules=none"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)
_HUNK = rb"(?m)^@@ -\d+(,\d+)? \+\d+(,\d+)? @@.*$"
# Of a text the patch says all; of a binary file nothing but its ids.
_IDS_OF_TEXT = rb"(?m)^index [0-9a-f]+\.\.[0-9a-f]+(?: \d+)?\n(?!Binary files )"


def merged_text(
    repo: Path, tips: Sequence[str], lonely: Sequence[str], branches: Collection[str]
) -> str | None:
    """Return None where all lonely commits came home for certain, else how many look so.

    :param tips: what the lonely commits are reached from.
    :param branches: of the workspace itself: on them nothing is home.
    """
    if len(lonely) > _MOST_PATCHES:
        return ""
    found: set[str] = set()
    for target in _targets(repo, branches):
        look = _Look(repo, target)
        ends = [tip for tip in tips if tip in lonely]
        if len(ends) == 1 and look.has_whole(ends[0]):
            return None
        found |= {commit for commit in lonely if look.has(commit)}
    if len(found) == len(set(lonely)):
        return None
    return f" ({len(found)} of them look{'s' if len(found) == 1 else ''} merged)" if found else ""


class _Look:
    """The commits of one branch, by the files they touch."""

    def __init__(self, repo: Path, target: str) -> None:
        self._repo, self._target = repo, target
        self._patches: dict[str, bytes | None] = {}
        self._touched: dict[str, list[tuple[str, frozenset[str]]]] = {}

    def has_whole(self, tip: str) -> bool:
        """Tell whether one commit there is all of a range, or has its tree."""
        base = self._say("merge-base", tip, self._target)
        if not base or self._say("rev-parse", f"{tip}^{{tree}}") == self._say(
            "rev-parse", f"{base}^{{tree}}"
        ):
            return False
        trees = self._say("log", "--format=%T", *self._range(base)).split()
        if self._say("rev-parse", f"{tip}^{{tree}}") in trees:
            return True
        return self._any_is(base, base, tip)

    def has(self, commit: str) -> bool:
        """Tell whether a commit there has the patch of this one, which is no merge."""
        parents = self._say("rev-parse", f"{commit}^@").split()
        base = self._say("merge-base", commit, self._target)
        return len(parents) == 1 and bool(base) and self._any_is(base, parents[0], commit)

    def _any_is(self, base: str, before: str, after: str) -> bool:
        paths = self._say("diff-tree", "-r", "--name-only", "--no-renames", before, after)
        wanted = self._patch(before, after)
        if not paths or wanted is None:
            return False
        names = frozenset(paths.splitlines())
        if base not in self._touched:
            self._touched[base] = list(self._commits(base))
        alike = [commit for commit, touched in self._touched[base] if touched == names]
        return any(self._patch(f"{each}^", each) == wanted for each in alike[:_MOST_PATCHES])

    def _commits(self, base: str) -> Iterator[tuple[str, frozenset[str]]]:
        # No path begins with a slash.
        form = ("--no-merges", "--name-only", "--no-renames", "--format=//%H")
        for part in self._say("log", *form, *self._range(base)).split("//")[1:]:
            commit, *paths = [line for line in part.splitlines() if line]
            yield commit, frozenset(paths)

    def _range(self, base: str) -> tuple[str, ...]:
        return (f"--max-count={_MOST_COMMITS}", "--end-of-options", f"{base}..{self._target}")

    def _patch(self, before: str, after: str) -> bytes | None:
        key = f"{before} {after}"
        if key not in self._patches:
            answer = _ask(self._repo, *_PATCH, before, after)
            text = re.sub(_IDS_OF_TEXT, b"", re.sub(_HUNK, b"@@", answer.stdout))
            whole = answer.status == 0 and text
            self._patches[key] = hashlib.sha256(text).digest() if whole else None
        return self._patches[key]

    def _say(self, *arguments: str) -> str:
        answer = _ask(self._repo, *arguments)
        return os.fsdecode(answer.stdout).strip() if answer.status == 0 else ""


def _targets(repo: Path, branches: Collection[str]) -> list[str]:
    """Return the commits of branches that work comes home to, each once."""
    home = [name for name in (read_head(repo, repo)[1], *_DEFAULT) if name and name not in branches]
    names = [f"refs/heads/{name}" for name in home]
    newest_first = ("--sort=-committerdate", *names, "refs/remotes")
    return holding(repo, branches, newest_first)[:_MOST_TARGETS]


def _ask(repo: Path, *arguments: str) -> GitAnswer:
    return ask_git(repo, f"--git-dir={repo}", *arguments)
