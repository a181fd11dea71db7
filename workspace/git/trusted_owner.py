"""Whether git trusts the owner of a repository, asked before its configuration is heard.

git refuses a repository of another user (git-config(1), ``safe.directory``): its filters
would run as us. But git asks only where it discovers a repository, and ours is named. So
what belongs to another user is discovered once, by the caller's own git.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ...kernel.files.home_owner import git_trusts
from ..errors import GitFailed, WorkdirRefused
from .checkout import Checkout, StartKind
from .command import ask_git

_UNTRUSTED = r"dubious ownership|unsafe repository"


def check_owner(source: Checkout) -> None:
    """Refuse a repository that belongs to another user, unless ``safe.directory`` names it.

    :raises WorkdirRefused: git does not trust it; the line holds git's own remedy.
    :raises GitFailed: git cannot answer.
    """
    common = source.common_dir
    assert common is not None
    top = _discovered_from(source, common)
    owners = {_owner(path) for path in (top, top / ".git", common)}
    strangers = sorted(uid for uid in owners if uid is not None and not git_trusts(uid))
    if not strangers:
        return
    # A bare one is discovered too, whatever safe.bareRepository says: it was named to us.
    bare = {"safe.bareRepository": "all"}
    answer = ask_git(None, "-C", os.fspath(top), "rev-parse", "--git-dir", settings=bare)
    if answer.status == 0:
        return
    if not re.search(_UNTRUSTED, answer.detail):
        raise GitFailed("rev-parse", top, answer.detail)
    import shlex

    who = " and ".join(map(str, strangers))
    remedy = f"git config --global --add safe.directory {shlex.quote(os.fspath(top))}"
    reason = f"belongs to user id {who}, so git would not run its filters; if you trust it, run "
    raise WorkdirRefused(top, f"{reason}'{remedy}'")


def _discovered_from(source: Checkout, common: Path) -> Path:
    """Return where git's own look for the repository ends: what ``safe.directory`` names."""
    if source.kind is StartKind.MAIN and source.top is not None:
        return source.top
    return common.parent if common.name == ".git" else common


def _owner(path: Path) -> int | None:
    try:
        return os.lstat(path).st_uid
    except OSError:
        return None
