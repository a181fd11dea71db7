"""Find whose run was the last in a workspace of which ``owner.json`` says nothing.

The agent may have deleted or damaged it. The registry lies elsewhere, and knows the run.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

from ..kernel import is_running, own_cgroup
from ..workspace import OwnerRecord, pid_namespace
from ..workspace.upkeep import Survey
from ._registry import RunEntry, is_here


def last_owner(survey: Survey, entries: Iterable[RunEntry]) -> OwnerRecord | None:
    """Return the owner of the newest run here that never said its end, if both its halves died.

    :param entries: the registry, oldest first.
    """
    here = [entry for entry in entries if entry.workspace == survey.place and not entry.finished]
    if not here or not is_here(here[-1]):
        return None
    entry = here[-1]
    if is_running(entry.guardian) or is_running(entry.supervisor):
        return None
    parent = own_cgroup()
    leaf = None if parent is None else os.fspath(parent / f"codexlab-{entry.run_id}")
    return OwnerRecord(
        run_id=entry.run_id,
        pid=entry.guardian.pid,
        start_time=entry.guardian.start_time,
        boot_id=entry.guardian.boot_id,
        host=socket.gethostname(),
        uid=os.getuid(),
        cgroup=leaf,
        mechanism="unknown",
        contained=False,
        started=entry.started,
        namespace=pid_namespace(),
    )


def is_damaged(survey: Survey) -> bool:
    """Tell whether something lies where the owner's record should be."""
    return os.path.lexists(survey.paths.owner)
