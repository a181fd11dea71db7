"""Work that exists only in worktrees that a repository has, or had, below a workspace."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path

from ..checkouts.changes import FIXED, FoundCheckout, uncommitted
from ..checkouts.git_files import Unjudged, read_bytes
from ..checkouts.git_names import nobodys_files
from ..checkouts.scratch_dirs import scratch_directory
from ..checkouts.words import commits_text, shown
from ..errors import GitFailed, WorkdirRefused
from ..git.checkout import inspect_checkout
from ..git.command import ask_git
from ..git.files import check_git_files, check_shared_files
from ..git.submodules import submodule_work
from ..git.view import view_at
from ..git.worktree_entry import WorktreeEntry
from ..repository.holding import holding, unheld
from ..repository.kept_commits import UNFINISHED, commits_held, has_staged, has_submodules, head_of
from .merged import merged_text


def judge_worktree(repo: Path, entry: WorktreeEntry, branches: Collection[str]) -> list[str]:
    """Describe the work that only a worktree holds.

    :param branches: those that worktrees below the workspace are on: there nobody would look.
    :raises Unjudged: it cannot be told.
    """
    checkout = Path(entry.checkout)
    _check_home(repo, entry)
    lines: list[str] = []
    try:
        lines += _uncommitted(entry, checkout)
    except GitFailed as error:
        raise Unjudged(error.detail) from None
    except WorkdirRefused as error:
        raise Unjudged(error.reason) from None
    lines += [f"unfinished {name}" for name in UNFINISHED if os.path.lexists(entry.place / name)]
    if (entry.place / "modules").is_dir():
        lines.append("checked-out submodules")
    lines += nobodys_files(entry.place)
    return lines + lonely_commits(repo, entry, branches)


def judge_lost(repo: Path, entry: WorktreeEntry) -> list[str]:
    """Describe the work that only the entry of a deleted worktree holds.

    Its branch is the repository's own and stays.
    """
    lines = _count(repo, commits_held(entry.place), ()) + nobodys_files(entry.place)
    try:
        if has_staged(repo, entry):
            lines.append("staged changes")
    except (GitFailed, OSError) as error:
        lines.append(f"an index that cannot be judged ({error})")
    return [*lines, "checked-out submodules"] if has_submodules(entry) else lines


def lonely_commits(repo: Path, entry: WorktreeEntry, branches: Collection[str]) -> list[str]:
    """Say how many commits no remote, tag or other branch holds."""
    held = list(commits_held(entry.place))
    head = head_of(repo, entry)
    return _count(repo, [*([head] if head else []), *held], branches)


def stashes(repo: Path, branches: Collection[str]) -> int:
    """Return how many stashes were made on these branches: by what git calls them."""
    text = read_bytes(repo / "logs" / "refs" / "stash").decode("utf-8", "surrogateescape")
    return sum(_stashed_on(line) in branches for line in text.split("\n"))


def _stashed_on(line: str) -> str | None:
    """Return the branch that a line of the stash's log names; an agent may have written it."""
    words = line.partition("\t")[2]
    for beginning in ("WIP on ", "On "):
        if words.startswith(beginning):
            return words.removeprefix(beginning).partition(": ")[0]
    return None


def _count(repo: Path, commits: Iterable[str], branches: Collection[str]) -> list[str]:
    wanted = list(dict.fromkeys(commits))
    if not wanted:
        return []
    try:
        check_shared_files(repo, "rev-list")
        answer = unheld(repo, wanted, holding(repo, branches))
    except GitFailed as error:
        return [f"commits that cannot be judged ({error.detail})"]
    if answer.status != 0:
        return [f"commits that cannot be judged ({answer.detail})"]
    lonely = answer.stdout.decode().split()
    if not lonely:
        return []
    merged = merged_text(repo, wanted, lonely, branches)
    if merged is None:
        return []
    return [f"{commits_text(len(lonely))} on no remote and no other branch{merged}"]


def _check_home(repo: Path, entry: WorktreeEntry) -> None:
    """Refuse an entry that would lead git to another repository than its own."""
    pointer = read_bytes(entry.place / "commondir").decode("utf-8", "replace").strip()
    if os.path.realpath(entry.place / pointer) != os.path.realpath(repo):
        raise Unjudged("its git directory leads to another repository")


def _uncommitted(entry: WorktreeEntry, checkout: Path) -> list[str]:
    found = inspect_checkout(checkout)
    if found.common_dir is None or found.top is None or found.git_dir is None:
        return ["uncommitted changes"]
    check_git_files(found.git_dir, found.common_dir, "status")
    view = view_at(found.git_dir, found.common_dir, found.top, FIXED, rules=False)
    exclude = found.common_dir / "info" / "exclude"
    seen = FoundCheckout(
        partial(ask_git, view), found.top, found.head, entry.place / "index", exclude
    )
    with scratch_directory() as scratch:
        lines = uncommitted(seen, scratch)
    work = submodule_work(found, view)
    return lines if work is None else [*lines, shown(work)]
