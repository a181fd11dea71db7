"""The branch of a workspace's own worktree: which one, and whether it may be used.

It is ``codexlab/<issue>/<agent>``, until the agent chooses another. Another workspace of ours
may have that name: for the same issue below another root, or in another project. Then ``+`` and
8 hex digits of this workspace's place follow: stable, and no agent's name (`directory_name`).
A branch that no workspace made is explained, never taken; none is ever moved.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from ...kernel.errors import CodexlabError
from ..errors import BranchTaken
from ..fs import directory, read_small
from ..git.checkout import read_head, resolve_ref
from ..git.worktree_entry import (
    WorktreeEntry,
    drop_ref_lock,
    is_checked_out_elsewhere,
    our_registrations,
)
from ..owner import DamagedRecord
from ..paths import CONTROL, WorkspacePaths, branch_name
from ..records.provenance import Provenance, WorkdirState, parse_provenance
from .kept_branches import remembered_for

_PLAIN = r"(?![0-9a-f]{40,64}$)[\w+#%&=,;.@'\"!()-]+(?:/[\w+#%&=,;.@'\"!()-]+)*"
# git-check-ref-format(1), and what would be an option.
_ODD = r"\.\.|@\{|^-|^@$|(?:^|/)\.|\.(?:lock)?(?:/|$)"


def expect_branch(repo: Path, paths: WorkspacePaths, state_dir: Path) -> tuple[str, str | None]:
    """Say which branch a new worktree will be on. Reads only; binds nobody.

    :returns: its name, and the workspace that has the usual one, if another does.
    """
    usual = branch_name(paths)
    other = _workspace_of(repo, usual, paths, state_dir)
    return (usual, None) if other is None else (_own_name(usual, paths), other)


def known_branches(
    repo: Path, paths: WorkspacePaths, lost: Sequence[WorktreeEntry], state_dir: Path
) -> set[str]:
    """Return the branches that are this workspace's although no record here may say so.

    They are those its lost entries were on, and those left behind when it was removed. An entry
    for the workdir also proves that this workspace made a branch, whatever its agent checked
    out since. That branch is the usual one, unless another workspace has it.
    """
    usual = branch_name(paths)
    names = (usual, _own_name(usual, paths))
    known = {entry.branch for entry in lost if entry.branch is not None}
    here = os.fspath(paths.root)
    known |= {name for name in names if remembered_for(repo, name, state_dir) == here}
    if lost:
        known |= {name for name in names if _workspace_of(repo, name, paths, state_dir) is None}
    return known


def branch_left(
    repo: Path, paths: WorkspacePaths, lost: Sequence[WorktreeEntry], stored: Provenance
) -> tuple[str | None, str]:
    """Say which branch of its own choice an agent was on when its worktree was lost.

    :returns: the branch to go on with, or None; and a line where that cannot be.
    """
    usual = branch_name(paths)
    ours = (None, usual, _own_name(usual, paths), stored.branch)
    branch = next((entry.branch for entry in lost if entry.branch not in ours), stored.chosen)
    if branch is None:
        return None, ""
    if not _is_plain(branch) or resolve_ref(repo, f"refs/heads/{branch}") is None:
        return None, f"the lost worktree was on branch {branch}, which is gone"
    if is_checked_out_elsewhere(repo, branch, paths.workdir) or _is_mains(repo, branch):
        return None, f"the lost worktree was on branch {branch}, which is checked out elsewhere now"
    return branch, ""


def pick_branch(
    repo: Path, paths: WorkspacePaths, stored: Provenance, known: set[str], state_dir: Path
) -> str:
    """Choose the branch for a worktree about to be made. The repository's lock must be held.

    :param known: what `known_branches` returned.
    """
    usual = branch_name(paths)
    own = _own_name(usual, paths)
    recorded = stored.branch if stored.repo == str(repo) else None
    if recorded is not None and stored.state is WorkdirState.READY:
        return recorded
    # A launch killed before its git began may find that another took the branch since.
    for name in (recorded or usual, own):
        if name in known or _workspace_of(repo, name, paths, state_dir) is None:
            return name
    return own


def check_branch(repo: Path, branch: str, stored: Provenance, known: set[str]) -> str | None:
    """Return where our branch is, None when it is to be made; refuse what is in the way.

    :param known: branches that are ours although no record here says so: the whole
        workspace was deleted by hand, or removed while its branch had to stay.
    :raises BranchTaken: a branch is in the way.
    """
    parts = branch.split("/")
    for count in range(1, len(parts)):
        parent = "/".join(parts[:count])
        if resolve_ref(repo, f"refs/heads/{parent}") is not None:
            raise BranchTaken(repo, branch, f"a branch named {parent} exists")
    found = resolve_ref(repo, f"refs/heads/{branch}")
    ours = stored.branch == branch and stored.repo == str(repo)
    if (ours and stored.state is WorkdirState.PREPARING) or branch in known:
        drop_ref_lock(repo, branch)
    if found is None:
        return None
    if branch in known or (ours and (stored.state is WorkdirState.READY or found == stored.tip)):
        return found
    raise BranchTaken(repo, branch, f"exists (at {found[:12]})")


def _own_name(usual: str, paths: WorkspacePaths) -> str:
    place = os.fsencode(os.path.realpath(paths.root))
    return f"{usual}+{hashlib.sha256(place).hexdigest()[:8]}"


def _workspace_of(repo: Path, branch: str, paths: WorkspacePaths, state_dir: Path) -> str | None:
    """Return which other workspace of ours has a branch, or had it when it was removed."""
    if resolve_ref(repo, f"refs/heads/{branch}") is None:
        return None
    here = {os.fspath(paths.root), os.path.realpath(paths.root)}
    for place, head in our_registrations(repo):
        if place not in here and branch in (head, _recorded(Path(place))):
            return place
    left = remembered_for(repo, branch, state_dir)
    return left if left not in here else None


def _is_mains(repo: Path, branch: str) -> bool:
    return repo.name == ".git" and read_head(repo, repo)[1] == branch


def _is_plain(branch: str) -> bool:
    """Tell whether git would take a name for a branch and for nothing else."""
    return re.fullmatch(_PLAIN, branch) is not None and not re.search(_ODD, branch)


def _recorded(workspace: Path) -> str | None:
    """Return the branch a workspace made: its agent may have checked out another one."""
    try:
        with directory(workspace, CONTROL) as control_fd:
            return parse_provenance(
                read_small("workspace.json", control_fd, workspace) or b""
            ).branch
    except (FileNotFoundError, DamagedRecord, CodexlabError):
        return None
