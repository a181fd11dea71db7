"""A cgroup of our own from systemd's user manager, where our own group is not ours to divide.

A login session's scope belongs to root. But its user's manager may start a transient scope,
hand it over (``Delegate=yes``) and have a process of that user moved into it. Invariant:
nothing is moved out of the user's own slice, so the limits that the machine's owner set on the
user hold. A system service's group is never left at all.

Not promised: limits set on the session's scope itself do not follow.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path

from ..errands.own_programs import find_own_program
from .leaf import create_leaf, own_cgroup

# A healthy manager takes some ten milliseconds.
MANAGER_PATIENCE = 3.0
_LOOK_AGAIN = 0.005
_MANAGER = (
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
    "StartTransientUnit",
    "ssa(sv)a(sa(sv))",
)


class ScopeRefused(Exception):
    """No scope is to be had; the message says why."""


def enter_user_scope(
    process: int, name: str, environ: Mapping[str, str], patience: float = MANAGER_PATIENCE
) -> Path:
    """Move a process of ours into a new scope ``<name>.scope`` of the user manager.

    Inside it sits in a group ``keeper``, so that controllers can be enabled for the
    groups made beside it. The manager removes the scope once nobody is in it.

    :param process: its pid; it must have called no exec meanwhile that changes its user.
    :param environ: the caller's environment, which says where the manager listens.
    :param patience: seconds to wait for the manager at each of two steps.
    :returns: the scope's directory, ours to divide.
    :raises ScopeRefused: there is no manager, it refuses, or it takes too long.
    :raises OSError: what it gave us cannot be divided.
    """
    _check_slice(_membership(process))
    _ask(_bus_of(environ), _busctl(environ), process, name, patience)
    scope = _wait_moved(process, f"{name}.scope", patience)
    keeper = create_leaf(scope, "keeper")
    (keeper / "cgroup.procs").write_text(str(process))
    return scope


def _check_slice(membership: str) -> None:
    own = f"/user-{os.getuid()}.slice/"
    if not any(line.startswith("0::") and own in line for line in membership.splitlines()):
        raise ScopeRefused("not in a login session of this user")


def _bus_of(environ: Mapping[str, str]) -> str:
    """Return the address of the user's bus, where its systemd listens too."""
    runtime = environ.get("XDG_RUNTIME_DIR") or ""
    for name in ("systemd/private", "bus"):
        try:
            status = os.stat(os.path.join(runtime, name))
        except OSError:
            raise ScopeRefused("no user manager of systemd is running") from None
        if not (os.path.isabs(runtime) and stat.S_ISSOCK(status.st_mode)):
            raise ScopeRefused("no user manager of systemd is running")
        if status.st_uid != os.getuid():
            raise ScopeRefused(f"{runtime} belongs to user id {status.st_uid}")
    return f"unix:path={_escaped(runtime)}/bus"


def _escaped(path: str) -> str:
    """Escape a path as D-Bus addresses want it."""
    plain = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/.\\")
    return "".join(chr(b) if b in plain else f"%{b:02x}" for b in os.fsencode(path))


def _busctl(environ: Mapping[str, str]) -> str:
    found = find_own_program("busctl", environ.get("PATH", os.defpath))
    if found is None:
        raise ScopeRefused("busctl is not installed")
    return found


def _ask(bus: str, busctl: str, process: int, name: str, patience: float) -> None:
    import subprocess

    properties = [
        *("PIDs", "au", "1", str(process)),
        *("Delegate", "b", "true"),
        *("CollectMode", "s", "inactive-or-failed"),
        *("Description", "s", "an agent of codexlab-run"),
    ]
    request = [f"{name}.scope", "fail", "4", *properties, "0"]
    try:
        done = subprocess.run(
            [busctl, f"--address={bus}", "call", *_MANAGER, *request],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"LC_ALL": "C"},
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ScopeRefused(f"systemd's user manager did not answer in {patience:g} s") from None
    except OSError as error:
        raise ScopeRefused(f"{busctl}: {error.strerror}") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["refused"]
        raise ScopeRefused(f"systemd's user manager: {lines[-1][:200]}")


def _wait_moved(process: int, scope: str, patience: float) -> Path:
    # The answer names a job that has only been queued.
    deadline = time.monotonic() + patience
    while True:
        group = own_cgroup(membership=_membership(process))
        if group is not None and group.name == scope:
            return group
        if time.monotonic() > deadline:
            raise ScopeRefused(f"systemd's user manager made no scope in {patience:g} s")
        time.sleep(_LOOK_AGAIN)


def _membership(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cgroup").read_text()
    except OSError as error:
        raise ScopeRefused(f"/proc/{process}/cgroup: {error.strerror}") from None
