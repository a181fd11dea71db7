"""The properties that a process inherits from us, in one value that can be compared."""

from __future__ import annotations

import os
import resource
from contextlib import suppress

_LINES = (
    *(b"Umask", b"Uid", b"Gid", b"Groups", b"CapInh", b"CapPrm", b"CapEff", b"CapBnd", b"CapAmb"),
    *(b"NoNewPrivs", b"Seccomp", b"Seccomp_filters", b"Cpus_allowed", b"Mems_allowed"),
)
_LIMITS = tuple(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_"))
_FILES = ("/proc/self/cgroup", "/proc/self/oom_score_adj")

Inherited = tuple[object, ...]


def what_is_inherited() -> Inherited:
    """Return rights, limits, groups, namespaces and priority of this process (proc(5)).

    As its first thread has them. *Not seen:* Landlock, which shows nowhere.
    """
    status = _read("/proc/self/status").splitlines()
    return (
        [line for line in status if line.partition(b":")[0] in _LINES],
        [resource.getrlimit(limit) for limit in _LIMITS],
        [_read(path) for path in _FILES],
        os.getpriority(os.PRIO_PROCESS, os.getpid()),
        _namespaces(),
    )


def _namespaces() -> list[str]:
    with suppress(OSError):
        return [os.readlink(entry.path) for entry in os.scandir("/proc/self/ns")]
    return []


def _read(path: str) -> bytes:
    with suppress(OSError), open(path, "rb", buffering=0) as file:
        return file.read()
    return b""
