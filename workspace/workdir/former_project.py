"""The project an issue's workspace had before its repository moved or got another origin.

A project is named after where its repository comes from. So both give it a new name, and the
issue gets a new workspace beside the one with its work.
"""

from __future__ import annotations

import os
from pathlib import Path

from ...kernel.errors import CodexlabError
from ..fs import directory, read_small
from ..git.checkout import Checkout
from ..git.worktree_entry import our_registrations
from ..owner import DamagedRecord
from ..paths import CONTROL, WorkspacePaths, directory_name
from ..records.provenance import Provenance, parse_provenance
from ..repository.project import default_project


def former_project_note(start: Checkout, paths: WorkspacePaths) -> tuple[str, ...]:
    """Return a line where this new workspace is one beside the issue's former one. Reads only.

    :param start: in the repository. A project that somebody named is none that changed.
    """
    if os.path.lexists(paths.provenance) or start.common_dir is None:
        return ()
    project, issue, agent = paths.names
    if project != directory_name(default_project(start)):
        return ()
    registered = {place for place, _ in our_registrations(start.common_dir)}
    for name in _projects(paths.base):
        found = _record(paths.base, name, issue, agent) if name != project else None
        place = os.path.realpath(paths.base / name / issue / agent)
        if found is not None and (place in registered or _is_of(found, start)):
            issue, former, now = found.key.issue, found.key.project, default_project(start)
            where = f"issue {issue} has a workspace of this repository in project {former}"
            return (f"{where}, which is {now} now: --project {former} goes on there",)
    return ()


def _is_of(found: Provenance, start: Checkout) -> bool:
    if found.repo is not None:
        return found.repo == str(start.common_dir)
    return start.top is not None and found.workdir == str(start.top)


def _projects(base: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(base) if not name.startswith("."))
    except OSError:
        return []


def _record(base: Path, *names: str) -> Provenance | None:
    try:
        with directory(base, *names, CONTROL) as control_fd:
            data = read_small("workspace.json", control_fd, base.joinpath(*names))
        return parse_provenance(data or b"")
    except (OSError, CodexlabError, DamagedRecord):
        return None
