"""A quick look at workspaces for a list: their size, and whether their work is at home."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from ...kernel.errors import CodexlabError
from ...kernel.values import frozen
from ...workspace.gc.disk_usage import disk_usage
from ...workspace.gc.survey import Survey
from ...workspace.git.command import answers_within
from ...workspace.git.state import git_state, recorded_git_dir
from ...workspace.git.worktree_entry import entries_for
from ...workspace.records.provenance import Provenance, WorkdirKind
from ...workspace.unique_work.own_worktrees import lonely_commits

# For all of a list together, and the most that each half of a look may take of it.
_TOGETHER, _EACH = 2.0, 0.5


@frozen
class Glance:
    """The outcome of a look; None where time ran out, or where it cannot be told.

    :param size: bytes on disk.
    :param dirty: its workdir has uncommitted changes, as `git_state` counts them.
    :param unmerged: commits of its worktree came home in no form, as `lonely_commits` counts them.
    :param in_git: its workdir is a checkout.
    """

    size: int | None = None
    dirty: bool | None = None
    unmerged: bool | None = None
    in_git: bool = True


def glance_at(surveys: Iterable[Survey]) -> dict[str, Glance]:
    """Look at workspaces, in about two seconds altogether; return the outcome by their places.

    Hidden work is not looked for: that takes gc's own look.
    """
    until = time.monotonic() + _TOGETHER
    return {survey.place: _glance(survey, until) for survey in surveys}


def _glance(survey: Survey, until: float) -> Glance:
    left = _left(until)
    if left <= 0:
        return Glance()
    usage = disk_usage(survey.root, left)
    size = usage.size if usage.complete else None
    provenance = survey.provenance
    if provenance is None or provenance.workdir is None:
        return Glance(size, in_git=False)
    try:
        with answers_within(_left(until)):
            return _at_git(size, provenance, Path(provenance.workdir))
    except (CodexlabError, OSError, ValueError):
        return Glance(size)


def _at_git(size: int | None, provenance: Provenance, workdir: Path) -> Glance:
    state = git_state(workdir, provenance.base, recorded_git_dir(provenance))
    if state is None:
        return Glance(size, in_git=False)
    if provenance.kind is not WorkdirKind.WORKTREE or provenance.repo is None:
        return Glance(size, state.dirty)
    repo = Path(provenance.repo)
    branches = {state.branch} if state.branch else set[str]()
    found = [lonely_commits(repo, entry, branches) for entry in entries_for(repo, workdir)]
    return Glance(size, state.dirty, any(found))


def _left(until: float) -> float:
    return min(_EACH, until - time.monotonic())
