"""From a key to directory names: pure, readable, injective."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ..kernel.values import frozen
from .errors import BadKey

_SAFE = r"[a-z0-9][a-z0-9._-]{0,62}"
_UNSAFE_RUN = r"[^A-Za-z0-9_-]+"
_SLUG_LENGTH = 40

# Where another workspace has the usual name: see `repository.branch`.
_MARK = r"[0-9a-f]{8}"

CONTROL = ".codexlab"


@frozen
class WorkspaceKey:
    """The name of a workspace: each (project, issue, agent) owns exactly one."""

    project: str
    issue: str
    agent: str


@frozen
class WorkspacePaths:
    """The paths of one workspace. None of them needs to exist."""

    root: Path
    control: Path
    lock: Path
    owner: Path
    provenance: Path
    threads: Path
    runs: Path
    workdir: Path
    codex_home: Path
    context: Path

    @property
    def base(self) -> Path:
        """Return the workspaces root, three levels up."""
        return self.root.parents[2]

    @property
    def names(self) -> tuple[str, str, str]:
        """Return the directory names of project, issue and agent."""
        project, issue, agent = self.root.parts[-3:]
        return project, issue, agent


def directory_name(value: str) -> str:
    """Return a name usable as directory and as component of a branch.

    Two values never share a name, not even on a filesystem that folds case. A lower-case safe
    value stays as it is and holds no ``+``. Every other value becomes ``<slug>+<12 hex of its
    SHA-256>``.
    """
    if re.fullmatch(_SAFE, value) and ".." not in value and not value.endswith((".", ".lock")):
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    slug = re.sub(_UNSAFE_RUN, "-", value).strip("-_")[:_SLUG_LENGTH] or "id"
    return f"{slug}+{digest}"


def branch_name(paths: WorkspacePaths) -> str:
    """Return the branch a workspace's own worktree is on."""
    _, issue, agent = paths.names
    return f"codexlab/{issue}/{agent}"


def is_branch_of(key: WorkspaceKey, branch: str) -> bool:
    """Tell whether the workspace of a key may have made a branch of that name."""
    usual = f"codexlab/{directory_name(key.issue)}/{directory_name(key.agent)}"
    return branch == usual or (
        branch.startswith(f"{usual}+") and re.fullmatch(_MARK, branch[len(usual) + 1 :]) is not None
    )


def locate_workspace(workspaces_root: Path, key: WorkspaceKey) -> WorkspacePaths:
    """Return the places of a workspace, without looking at the disk.

    :raises BadKey: a part of the key is empty.
    """
    parts = {"project": key.project, "issue": key.issue, "agent": key.agent}
    for what, value in parts.items():
        if not value.strip():
            raise BadKey(what, value)
    return paths_at(workspaces_root.joinpath(*map(directory_name, parts.values())))


def belongs_at(key: WorkspaceKey, names: Sequence[str]) -> bool:
    """Tell whether these are the directory names of a key, and nobody moved or copied it."""
    return [directory_name(part) for part in (key.project, key.issue, key.agent)] == list(names)


def key_of_place(paths: WorkspacePaths, claimed: WorkspaceKey) -> WorkspaceKey:
    """Return the key of a place: the claimed one where it belongs here, else the names."""
    return claimed if belongs_at(claimed, paths.names) else WorkspaceKey(*paths.names)


# A host launches again and again in the same few hundred.
@lru_cache(maxsize=256)
def paths_at(root: Path) -> WorkspacePaths:
    """Return the places of the workspace whose directory is ``root``."""
    control = root / CONTROL
    return WorkspacePaths(
        root=root,
        control=control,
        lock=control / "lock",
        owner=control / "owner.json",
        provenance=control / "workspace.json",
        threads=control / "threads.json",
        runs=control / "runs",
        workdir=root / "workdir",
        codex_home=root / "codex-home",
        context=root / "context",
    )
