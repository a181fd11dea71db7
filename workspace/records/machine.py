"""On which machine a run was: what its pids and its host name mean here."""

from __future__ import annotations

import os
import socket

from ...kernel.process.identity import boot_id
from ..owner import OwnerRecord

UNKNOWN = "unknown"


def pid_namespace() -> str:
    """Return the name of our pid namespace, or ``unknown`` where /proc does not tell."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return UNKNOWN


def is_this_machine(owner: OwnerRecord) -> bool:
    """Tell whether a run was here, where its processes can be seen if there are any.

    A boot has one id, so a machine that got another name since is still this one. Its
    containers have the same id; their processes are seen in their own pid namespace alone.
    """
    if owner.host == socket.gethostname():
        return True
    if owner.boot_id != boot_id() or owner.boot_id == UNKNOWN:
        return False
    return owner.namespace is None or owner.namespace == pid_namespace()
