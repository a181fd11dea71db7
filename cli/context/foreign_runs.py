"""Whose a run is that this user's state directory does not know: told by its cgroup.

``/proc/PID/cgroup`` and ``/proc/PID/status`` can be read by everybody, unless proc is mounted with
``hidepid``. A leaf's name holds the id of its run. Any process may be in a group that is named so,
so this explains an error and decides nothing.
"""

from __future__ import annotations

import os
import pwd
import re

from ...supervisor.containment.stale_leaves import LEAF_PREFIX
from .run_names import begins

_LEAF = re.compile(rf"/{LEAF_PREFIX}([^/\s]+)")
_UIDS = re.compile(r"^Uid:\s+(\d+)", re.MULTILINE)


def foreign_run(name: str) -> tuple[str, int] | None:
    """Return the id of a running run that begins so, and its user's id; None where none is seen."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for run_id in _LEAF.findall(_read(pid, "cgroup")):
            uid = _uid_of(pid)
            if begins(run_id, name) and uid is not None:
                return run_id, uid
    return None


def user_of(pid: int) -> str:
    """Return the name and number of the user whom a process belongs to."""
    uid = _uid_of(str(pid))
    return "unknown" if uid is None else user_name(uid)


def user_name(uid: int) -> str:
    """Return a user's name and number."""
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"with uid {uid}"


def _uid_of(pid: str) -> int | None:
    # Not the owner of its directory: a process that hides its memory shows root's.
    found = _UIDS.search(_read(pid, "status"))
    return None if found is None else int(found[1])


def _read(pid: str, name: str) -> str:
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
