"""Push an issue's branch to a remote of its repository, with the user's own credentials."""

from __future__ import annotations

import os
import re

from ...kernel.errands.git_environment import Reach
from ...kernel.values import frozen
from ..errors import GitFailed
from ..git.command import ask_git, run_git, without_credentials
from ..git.view import view_at
from ..issue_work.base import base_of
from ..issue_work.filters import filtered_by
from ..issue_work.hold import held_work
from ..issue_work.place import IssueWork
from ..issue_work.refusal import WorkRefused
from ..paths import WorkspaceKey, WorkspacePaths
from .merge import committed
from .remote import Remote, find_remote

_SECONDS = 600.0
_LFS = "lfs"
_REFUSED = r"(?m)^!\t[^\t\n]*\t(.*)$"


@frozen
class Pushed:
    """A branch that a remote has.

    :param title: first line of its newest commit's message.
    :param body: the rest of that message.
    :param is_new: something was pushed; else the remote had it all.
    """

    branch: str
    commit: str
    remote: Remote
    title: str
    body: str
    is_new: bool


def push_work(paths: WorkspacePaths, key: WorkspaceKey, remote: str | None = None) -> Pushed:
    """Push an issue's branch under its own name; never over other commits there.

    :param remote: a remote's name; by default ``origin``, or the only one.
    :raises WorkspaceBusy: a run holds the workspace.
    :raises WorkRefused: there is uncommitted work, or no remote that can be pushed to.
    :raises GitFailed: the remote refused, or was not reached; nothing was pushed.
    """
    with held_work(paths, key) as held:
        work = held.work
        commit, branch = committed(work, key)
        home = work.common_dir.parent if work.common_dir.name == ".git" else None
        found = find_remote(work.common_dir, home, remote)
        _check_lfs(work, found, branch, commit)
        is_new = _push(work, found, branch)
        message = run_git(work.view, "log", "-1", "--format=%B", commit).decode(errors="replace")
        title, _, body = message.strip().partition("\n")
        return Pushed(branch, commit, found, title, body.strip(), is_new)


def _push(work: IssueWork, remote: Remote, branch: str) -> bool:
    """Push; return whether the remote lacked something."""
    view = view_at(work.common_dir, work.common_dir, settings=remote.settings)
    name = f"refs/heads/{branch}"
    words = ("push", "--porcelain", "--no-verify", "--recurse-submodules=no", "--no-signed")
    asked = (*words, *remote.options, remote.name, f"{name}:{name}")
    answer = ask_git(view, *asked, reach=Reach.REMOTE, timeout=_SECONDS)
    said = answer.stdout.decode(errors="replace")
    if answer.status != 0:
        refused = re.search(_REFUSED, said)
        reason = without_credentials(refused[1]) if refused else answer.detail
        raise GitFailed(f"push of {branch} to {remote.shown}", None, reason)
    return not re.search(r"(?m)^=\t", said)


def _check_lfs(work: IssueWork, remote: Remote, branch: str, commit: str) -> None:
    """Refuse files whose content only a hook of LFS would push."""
    base = base_of(work)
    listed = (
        ("diff-tree", "-r", "-z", "--name-only", "--diff-filter=d", base, commit)
        if base
        else ("ls-tree", "-r", "-z", "--name-only", commit)
    )
    paths = [path for path in run_git(work.view, *listed).split(b"\0") if path]
    for path, name in filtered_by(work.view, paths, {}):
        if name == _LFS:
            reason = "is stored by LFS, whose content our git does not push; run"
            way = f"'git -C {work.top} push {remote.name} {branch}'"
            raise WorkRefused(os.fsdecode(path), f"{reason} {way}")
