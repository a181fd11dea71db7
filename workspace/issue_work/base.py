"""The commit that an issue's work is compared with, and the branch that it goes home to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..git.checkout import read_head, resolve_ref
from ..git.command import LOOK_SECONDS, ask_git
from ..repository.holding import holding, unheld
from .place import IssueWork

_REMOTES = "refs/remotes/origin/HEAD"


def home_branch(common_dir: Path) -> str | None:
    """Return the branch of the user's main checkout; None where there is none."""
    branch = read_head(common_dir, common_dir)[1]
    return branch if branch and resolve_ref(common_dir, f"refs/heads/{branch}") else None


def base_of(work: IssueWork) -> str | None:
    """Return the commit that the work is compared with; None for all of it.

    It is the commit that the workspace started from. Where the user's branch holds more of the
    work by now, it is the newest commit that both have. A recorded commit counts only while
    something beside the issue's own branch holds it: in doubt more is shown.
    """
    head, recorded = work.checkout.head, work.provenance.base
    if head is None:
        return None
    fork = _fork(work, head)
    if recorded is None or recorded == fork or not _reaches(work, head, recorded):
        return fork
    if fork is not None and _reaches(work, fork, recorded):
        return fork
    return recorded if _is_held(work, recorded) else fork


def _fork(work: IssueWork, head: str) -> str | None:
    branch = home_branch(work.common_dir)
    home = resolve_ref(work.common_dir, f"refs/heads/{branch}" if branch else _REMOTES)
    return None if home is None else _say(work, "merge-base", head, home)


def _reaches(work: IssueWork, commit: str, older: str) -> bool:
    return _say(work, "merge-base", commit, older) == older


def _is_held(work: IssueWork, commit: str) -> bool:
    own: Iterable[str | None] = (work.provenance.branch, work.checkout.branch)
    holders = holding(work.common_dir, {name for name in own if name})
    answer = unheld(work.common_dir, [commit], holders)
    return answer.status == 0 and not answer.stdout


def _say(work: IssueWork, *arguments: str) -> str | None:
    answer = ask_git(work.view, *arguments, timeout=LOOK_SECONDS)
    return answer.stdout.decode().strip() or None if answer.status == 0 else None
