"""Find the work that would be lost with a workspace, before anything is deleted."""

from __future__ import annotations

import os
import stat

from ...kernel.errors import CodexlabError
from ...kernel.files.tree import holds_files
from ...kernel.process.identity import boot_id
from ...kernel.values import replace
from ..checkouts.words import shortened
from ..codex_home.stores import STORES
from ..errors import GitFailed, WorkdirRefused
from ..fs import directory
from ..git.command import answers_within
from ..git.state import check_git_dir_of_yours
from ..owner import OwnerRecord
from ..paths import WorkspacePaths, belongs_at
from ..records.machine import is_this_machine
from ..records.provenance import Provenance, WorkdirKind
from ..records.witness import read_witness
from .strangers import strangers
from .work_below import work_below

TRANSCRIPTS = "transcripts of its own"
# For one workspace that somebody asks for, and for each of many.
ONE_SECONDS, EACH_SECONDS = 30.0, 10.0


def findings(
    paths: WorkspacePaths, provenance: Provenance | None, *, seconds: float = ONE_SECONDS
) -> tuple[str, ...]:
    """Return one line for everything that exists nowhere else; empty when nothing does.

    :param seconds: what git may take for all of it; what it has not said by then is a finding.

    What cannot be judged counts as a finding. Files that git ignores do not, nor does what
    codex itself keeps in its home.
    """
    found: list[str] = []
    if provenance is None:
        found.append("its workspace.json is missing or damaged")
    elif not belongs_at(provenance.key, paths.names):
        key = provenance.key
        found.append(
            f"it is the workspace of {key.project}/{key.issue}/{key.agent}, moved or copied here"
        )
    elif (change := _change_of_yours(paths, provenance)) is not None:
        found.append(change)
    with answers_within(seconds):
        found.extend(work_below(paths, provenance))
    found.extend(strangers(paths))
    found.extend(_home_findings(paths))
    return tuple(shortened(found))


def _change_of_yours(paths: WorkspacePaths, provenance: Provenance) -> str | None:
    """Say that a directory of the user's has another git directory than at the last launch.

    The directory itself stays. But nobody has looked at it since, and this workspace tells.
    Where the last run worked is what our state directory says, where it says anything.
    """
    witness = read_witness(paths)
    if witness is not None and witness.workdir not in (None, os.fspath(paths.workdir)):
        provenance = replace(provenance, kind=WorkdirKind.GIVEN, workdir=witness.workdir)
    try:
        check_git_dir_of_yours(provenance)
    except GitFailed as error:
        return f"a changed git directory in {error.where} ({error.detail})"
    except WorkdirRefused as error:
        return f"a changed git directory ({error.subject}: {error.reason})"
    return None


def unproven(owner: OwnerRecord | None) -> str | None:
    """Say why processes of the last run may still be there, or None when they cannot.

    A machine that was started anew since has none.
    """
    if owner is None or owner.contained:
        return None
    if not is_this_machine(owner):
        return f"its last run {owner.run_id} was on {owner.host} and not proven contained"
    if owner.boot_id != boot_id():
        return None
    return f"its last run {owner.run_id} was not proven contained"


def _home_findings(paths: WorkspacePaths) -> list[str]:
    try:
        with directory(paths.base, *paths.names, "codex-home") as home_fd:
            names = sorted(os.listdir(home_fd))
            own = [name for name in STORES if name in names and _holds_files(name, home_fd)]
    except FileNotFoundError:
        return []
    except CodexlabError as error:
        return [str(error)]
    except OSError as error:
        return [f"its codex-home cannot be judged ({error.strerror})"]
    asides = [name for name in names if ".aside-" in name]
    found = [f"codex-home/{name} kept aside" for name in asides]
    return found + [f"{TRANSCRIPTS} in codex-home/{name}" for name in own]


def _holds_files(name: str, home_fd: int) -> bool:
    status = os.stat(name, dir_fd=home_fd, follow_symlinks=False)
    if not stat.S_ISDIR(status.st_mode):
        return False
    try:
        return holds_files(name, home_fd)
    except OSError:
        return True  # what cannot be looked into
