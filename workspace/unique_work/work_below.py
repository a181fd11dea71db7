"""Look at every repository and worktree below a workspace, the workdir among them.

A worktree of the repository that the workspace belongs to is judged by that repository. All
others are an agent's: what it made, cloned, or took from a repository elsewhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...kernel.errors import CodexlabError
from ..checkouts.foreign import judge_checkout, judge_store
from ..checkouts.git_files import Unjudged, check_outlives, git_directories, is_store
from ..checkouts.repositories_below import Below, look_below
from ..checkouts.words import shown
from ..errors import GitFailed
from ..git.worktree_entry import WorktreeEntry, entries_below
from ..paths import WorkspacePaths
from ..records.provenance import Provenance, WorkdirKind
from .own_worktrees import judge_lost, judge_worktree, stashes

_CODEXS = "codex-home/worktrees/"


@dataclass(frozen=True, slots=True)
class _Known:
    """The facts about a workspace, before anything is judged.

    :param top: its physical path.
    :param repo: the repository its worktree belongs to, where there is one.
    :param entries: that repository's entries below it, by checkout relative to ``top``.
    :param branches: the branches those are on.
    """

    top: Path
    repo: Path | None
    entries: dict[str, list[WorktreeEntry]]
    branches: frozenset[str]


def work_below(paths: WorkspacePaths, provenance: Provenance | None) -> list[str]:
    """Return one line for everything in a repository or worktree that exists nowhere else."""
    known = _known(paths, provenance)
    lines = _workdir_itself(paths, provenance, known)
    try:
        found = look_below(known.top) if paths.root.is_dir() else Below()
    except OSError as error:
        return [*lines, f"it cannot be looked through ({error.strerror})"]
    lines += _judged(partial(_check_repository, known), "")
    lines += [f"{shown(where)} cannot be looked into" for where in found.unseen]
    lines += [f"files below {shown(where)}, which is not a repository" for where in found.hidden]
    registered: list[WorktreeEntry] = []
    for where in sorted(found.checkouts, key=lambda each: (each != "workdir", each)):
        entry = _registered(known, where)
        if entry is not None:
            registered.append(entry)
        lines += _judged(partial(_checkout, known, where, entry), _name(where, entry))
    for where in sorted(found.stores):
        place = where.removesuffix("/.git")
        name = _name(place, None)
        lines += _judged(partial(judge_store, known.top / where, known.top), name)
    for where, entry in _all_entries(known):
        if entry not in registered and known.repo is not None:
            name = f" in the lost {_worktree(where)}"
            lines += _judged(partial(judge_lost, known.repo, entry), name)
    return lines + _judged(partial(_stashes, known), "")


def checkouts_below(paths: WorkspacePaths) -> list[str]:
    """Return the checkouts and repositories beside the workdir, relative to the workspace."""
    try:
        found = look_below(Path(os.path.realpath(paths.root)))
    except OSError:
        return []
    bare = [
        where for where in found.stores if not where.endswith("/.git") and "/.git/" not in where
    ]
    return sorted({*found.checkouts, *bare} - {"workdir"})


def _known(paths: WorkspacePaths, provenance: Provenance | None) -> _Known:
    top = Path(os.path.realpath(paths.root))
    recorded = provenance.repo if provenance is not None else None
    repo = Path(recorded) if recorded is not None and os.path.isdir(recorded) else None
    if repo is None or f"{os.path.realpath(repo)}/".startswith(f"{top}/"):
        return _Known(top, None, {}, frozenset())
    below = entries_below(repo, top)
    found: dict[str, list[WorktreeEntry]] = {}
    for entry in below:
        found.setdefault(os.path.relpath(entry.checkout, top), []).append(entry)
    branches = {entry.branch for entry in below} | {provenance and provenance.branch}
    return _Known(top, repo, found, frozenset(name for name in branches if name))


def _workdir_itself(
    paths: WorkspacePaths, provenance: Provenance | None, known: _Known
) -> list[str]:
    """Say why our own workdir cannot be judged, if it cannot.

    Its agent can put anything in the place of ``.git``: an empty directory, which git
    passes over, or a repository that calls nothing a change.
    """
    if not os.path.lexists(paths.workdir):
        return []
    if not stat.S_ISDIR(os.lstat(paths.workdir).st_mode):
        return ["its workdir is not a directory"]
    if not os.path.lexists(paths.workdir / ".git"):
        return ["its workdir is not a git checkout"]
    kind = provenance.own_kind if provenance is not None else None
    if (
        kind is WorkdirKind.WORKTREE
        and known.repo is not None
        and _registered(known, "workdir") is None
    ):
        return [f"what cannot be judged (its .git is not that of a worktree of {known.repo})"]
    if kind is WorkdirKind.PLAIN and not (
        stat.S_ISDIR(os.lstat(paths.workdir / ".git").st_mode) and is_store(paths.workdir / ".git")
    ):
        return ["what cannot be judged (its .git is not a repository)"]
    return []


def _registered(known: _Known, where: str) -> WorktreeEntry | None:
    """Return the repository's entry for a checkout, if both name each other."""
    entries = known.entries.get(where)
    if entries is None:
        return None
    try:
        found = git_directories(known.top / where)
    except Unjudged:
        return None
    # Several may name one checkout: all would go with it.
    same = (each for each in entries if found and str(found[0]) == os.path.realpath(each.place))
    return next(same, None)


def _all_entries(known: _Known) -> Iterator[tuple[str, WorktreeEntry]]:
    for where, entries in known.entries.items():
        yield from ((where, entry) for entry in entries)


def _checkout(known: _Known, where: str, entry: WorktreeEntry | None) -> list[str]:
    if entry is not None and known.repo is not None:
        return judge_worktree(known.repo, entry, known.branches)
    return judge_checkout(known.top / where, known.top)


def _check_repository(known: _Known) -> list[str]:
    if known.repo is not None:
        check_outlives(known.repo, known.top)
    return []


def _stashes(known: _Known) -> list[str]:
    count = stashes(known.repo, known.branches) if known.repo is not None else 0
    made = "1 stash that was" if count == 1 else f"{count} stashes that were"
    return [f"{made} made in it and would stay in {known.repo}"] if count else []


def _judged(judge: Callable[[], list[str]], name: str) -> list[str]:
    try:
        return [f"{line}{name}" for line in judge()]
    except GitFailed as error:
        # Where git was asked may be a directory of ours that is gone by now.
        return [f"what cannot be judged ({error.detail}){name or ' in its workdir'}"]
    except (Unjudged, CodexlabError, OSError) as error:
        return [f"what cannot be judged ({error}){name or ' in its workdir'}"]


def _name(where: str, entry: WorktreeEntry | None) -> str:
    """Say where a finding is; of the workdir nothing needs to be said."""
    if where == "workdir":
        return ""
    is_worktree = entry is not None or where.startswith(_CODEXS)
    return f" in {_worktree(where)}" if is_worktree else f" in repository {shown(where)}"


def _worktree(where: str) -> str:
    whose = "codex's worktree" if where.startswith(_CODEXS) else "worktree"
    return f"{whose} {shown(where)}"
