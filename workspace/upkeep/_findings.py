"""What would be lost if a workspace went: read before anything is deleted."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from ...kernel import CodexlabError, boot_id
from .._dirs import directory
from .._git import ask_git
from .._git_state import git_state
from .._owner import OwnerRecord
from .._paths import WorkspacePaths, belongs_at
from .._provenance import Provenance
from .._start import Start, inspect_start
from .._stores import STORES

TRANSCRIPTS = "transcripts of its own"
_UNFINISHED = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")


def findings(paths: WorkspacePaths, provenance: Provenance | None) -> tuple[str, ...]:
    """Return one line for everything that exists nowhere else; empty when nothing does.

    What cannot be judged counts as a finding. Files that git ignores do not.
    """
    found: list[str] = []
    if provenance is None:
        found.append("its workspace.json is missing or damaged")
    elif not belongs_at(provenance.key, paths.names):
        key = provenance.key
        found.append(
            f"it is the workspace of {key.project}/{key.issue}/{key.agent}, moved or copied here"
        )
    if os.path.lexists(paths.workdir):
        try:
            found.extend(_workdir_findings(paths))
        except (CodexlabError, OSError) as error:
            found.append(f"its workdir cannot be judged ({error})")
    found.extend(_home_findings(paths))
    return tuple(found)


def unproven(owner: OwnerRecord | None) -> str | None:
    """Say why processes of the last run may still be there, or None when they cannot.

    A machine that was started anew since has none.
    """
    if owner is None or owner.contained:
        return None
    if owner.host != socket.gethostname():
        return f"its last run {owner.run_id} was on {owner.host} and not proven contained"
    if owner.boot_id != boot_id():
        return None
    return f"its last run {owner.run_id} was not proven contained"


def _workdir_findings(paths: WorkspacePaths) -> list[str]:
    if not stat.S_ISDIR(os.lstat(paths.workdir).st_mode):
        return ["its workdir is not a directory"]
    found = inspect_start(paths.workdir)
    if found.top != Path(os.path.realpath(paths.workdir)) or found.git_dir is None:
        return ["its workdir is no git checkout"]
    state = git_state(paths.workdir)
    lines: list[str] = []
    if state is not None and state.dirty:
        lines.append("uncommitted changes")
    lines.extend(
        f"unfinished {name}" for name in _UNFINISHED if os.path.lexists(found.git_dir / name)
    )
    if (found.git_dir / "modules").is_dir():
        lines.append("checked-out submodules")
    if lonely := _lonely_commits(found):
        commits = "1 commit that is" if lonely == 1 else f"{lonely} commits that are"
        lines.append(f"{commits} on no remote and no other branch")
    return lines


def _lonely_commits(found: Start) -> int:
    if found.head is None or found.top is None:
        return 0
    own = [f"--exclude={found.branch}"] if found.branch is not None else []
    # A branch of ours keeps the commits of a worktree, but nobody would look there.
    stash = ["refs/stash"] if found.kind == "main" else []
    arguments = ["HEAD", *_existing(found.top, stash), "--not", *own, "--branches", "--remotes"]
    answer = ask_git(found.top, "rev-list", "--count", *arguments, "--tags")
    return int(answer.stdout) if answer.status == 0 else 1


def _existing(top: Path, refs: list[str]) -> list[str]:
    return [ref for ref in refs if ask_git(top, "rev-parse", "--verify", "-q", ref).status == 0]


def _home_findings(paths: WorkspacePaths) -> list[str]:
    try:
        with directory(paths.base, *paths.names, "codex-home") as home_fd:
            names = sorted(os.listdir(home_fd))
            own = [name for name in STORES if name in names and _holds_files(name, home_fd)]
    except FileNotFoundError:
        return []
    except CodexlabError as error:
        return [str(error)]
    asides = [name for name in names if ".aside-" in name]
    found = [f"codex-home/{name} kept aside" for name in asides]
    return found + [f"{TRANSCRIPTS} in codex-home/{name}" for name in own]


def _holds_files(name: str, home_fd: int) -> bool:
    status = os.stat(name, dir_fd=home_fd, follow_symlinks=False)
    if not stat.S_ISDIR(status.st_mode):
        return False
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, dir_fd=home_fd)
    try:
        return any(files for _, _, files, _ in os.fwalk(dir_fd=fd))
    finally:
        os.close(fd)
