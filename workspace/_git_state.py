"""What a run did to its workdir, as git sees it."""

from __future__ import annotations

import os
from pathlib import Path

from ..kernel import frozen
from ._errors import GitFailed, WorkdirRefused
from ._git import ask_git, run_git
from ._start import inspect_start


@frozen
class GitState:
    """State of a checkout.

    :param head: commit id, or None before the first commit.
    :param branch: branch name, or None when detached.
    :param dirty: something differs from HEAD or is untracked (ignored files aside).
    :param ahead: commits on HEAD that ``base`` lacks; None when that cannot be told.
    """

    head: str | None
    branch: str | None
    dirty: bool
    ahead: int | None


def git_state(workdir: Path, base: str | None = None) -> GitState | None:
    """Return the state of a checkout, or None when ``workdir`` is in none.

    No lock is taken and no index refreshed. Filters that the repository's *own*
    configuration defines are not run, since an agent may have written it: a file
    such a filter changes may then count as dirty.

    :param base: commit to count from.
    :raises GitFailed: git cannot answer.
    """
    try:
        found = inspect_start(workdir)
    except WorkdirRefused as error:
        # Whatever the agent did to it is no fault of the caller's request.
        raise GitFailed("status", workdir, error.reason) from None
    if found.common_dir is None or found.top is None:
        return None
    disabled = _without_filters(found.top, found.common_dir)
    status = run_git(
        found.top, *disabled, "status", "--porcelain", "-z", "--untracked-files=normal"
    )
    ahead = _ahead(found.top, base, found.head)
    return GitState(found.head, found.branch, bool(status), ahead)


def _ahead(top: Path, base: str | None, head: str | None) -> int | None:
    if head is None or base is None:
        return None
    if head == base:
        return 0
    answer = ask_git(top, "rev-list", "--count", "--end-of-options", f"{base}..{head}")
    return int(answer.stdout) if answer.status == 0 else None


def _without_filters(top: Path, common_dir: Path) -> list[str]:
    """Return ``-c`` options that switch off filters of the repository's own configuration."""
    try:
        text = (common_dir / "config").read_bytes().lower()
    except OSError:
        return []
    if b"filter" not in text and b"include" not in text and b"worktreeconfig" not in text:
        return []
    listed = run_git(top, "config", "--list", "--show-scope", "--name-only", "-z", "--includes")
    fields = os.fsdecode(listed).split("\0")
    names = {
        name.rpartition(".")[0]
        for scope, name in zip(fields[::2], fields[1::2], strict=False)
        if scope in ("local", "worktree") and name.startswith("filter.")
    }
    keys = [f"{name}.{key}=" for name in sorted(names) for key in ("clean", "smudge", "process")]
    required = [f"{name}.required=false" for name in sorted(names)]
    return [part for value in (*keys, *required) for part in ("-c", value)]
