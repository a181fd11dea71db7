"""The issue of each thread, as its workspace and its runs recorded it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...kernel.errors import CodexlabError
from ...kernel.files.regular_file import read_regular
from ...rollout.reading.records import parse_record
from .workspaces import configured_root

if TYPE_CHECKING:
    from ...workspace.paths import WorkspaceKey

_RECORD_LIMIT = 64 << 10


def threads_by_issue() -> dict[str, str]:
    """Return the issue of every thread that a workspace or a run recorded.

    The runs are those of the state directory, also of workspaces that are gone. What they say
    wins: an agent can write into its workspace. Damaged workspaces know no threads.
    """
    from ...supervisor.records.past import issues_of_known_threads

    return _recorded_by_workspaces() | issues_of_known_threads()


def _recorded_by_workspaces() -> dict[str, str]:
    root = configured_root()
    if not root.is_dir():
        return {}
    # Imported here: it is large, and needed only if there are workspaces.
    from ...workspace.claim.threads import read_threads
    from ...workspace.paths import locate_workspace

    issues: dict[str, str] = {}
    for key in _keys(root):
        # A damaged workspace tells nothing; the others' threads are shown.
        with contextlib.suppress(CodexlabError):
            log = read_threads(locate_workspace(root, key))
            issues |= {entry.id.lower(): key.issue for entry in log.threads}
    return issues


def _keys(root: Path) -> Iterator[WorkspaceKey]:
    """Read the exact keys; directory names are only their slugs."""
    from ...workspace.paths import WorkspaceKey, locate_workspace

    sample = locate_workspace(root, WorkspaceKey("p", "i", "a"))
    inner = sample.provenance.relative_to(sample.root)
    for project in _directories(root):
        for issue in _directories(project):
            for agent in _directories(issue):
                record = parse_record(_read(os.path.join(agent, inner)))
                names = [(record or {}).get(part) for part in ("project", "issue", "agent")]
                texts = [name for name in names if isinstance(name, str) and name.strip()]
                if len(texts) == len(names):
                    yield WorkspaceKey(*texts)


def _directories(path: str | Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(e.path for e in entries if e.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _read(path: str) -> bytes:
    try:
        return read_regular(path, _RECORD_LIMIT)
    except OSError:
        return b""
