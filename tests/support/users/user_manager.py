"""A real ``systemd --user`` and a login session beside it, in namespaces of their own.

As on a machine with systemd: the session's scope is root's, the manager's own subtree
the user's, both below the user's slice. One thing is not: there is no system manager
to move a process between the two, so the user may do that here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.commands import run_to_end
from support.processes.leaks import own_cgroup
from support.users.unprivileged import NOBODY, Unprivileged

SLICE = f"user.slice/user-{NOBODY}.slice"
SESSION = f"{SLICE}/session-1.scope"

_SCRIPT = f"""
set -eu
mount -t tmpfs none /run
mount -t tmpfs none /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
cd /sys/fs/cgroup
manager={SLICE}/user@{NOBODY}.service
mkdir -p /run/systemd/system $manager {SESSION} "$XDG_RUNTIME_DIR"
chown {NOBODY} {SLICE}/cgroup.procs $manager $manager/cgroup.procs $manager/cgroup.subtree_control
chown {NOBODY} "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
(
    echo 0 >$manager/cgroup.procs
    cd /
    exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups systemd --user --unit=basic.target
) >&2 2>"$XDG_RUNTIME_DIR/log" &
count=0
while [ ! -S "$XDG_RUNTIME_DIR/bus" ] || [ ! -S "$XDG_RUNTIME_DIR/systemd/private" ]; do
    [ $((count += 1)) -lt 300 ] || {{ cat "$XDG_RUNTIME_DIR/log" >&2; exit 99; }}
    sleep 0.1
done
echo 0 >{SESSION}/cgroup.procs
cd "$START"
"$@"
"""


def why_not() -> str:
    """Say why there can be none here, or return an empty string."""
    if os.geteuid() != 0:
        return "only root can make namespaces and become somebody else"
    missing = [
        name
        for name in ("systemd", "busctl", "dbus-daemon", "unshare", "setpriv")
        if shutil.which(name) is None
    ]
    if missing:
        return f"not installed: {', '.join(missing)}"
    group = own_cgroup()
    if group is None or not os.access(group, os.W_OK):
        return "no cgroup v2 we may divide"
    return ""


def run_in_session(
    user: Unprivileged, arguments: Sequence[str | Path], environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a program as that user, in a login session with a user manager beside it."""
    places = {"XDG_RUNTIME_DIR": f"/run/user/{NOBODY}", "START": str(user.home)}
    with _group() as group:
        join = ["sh", "-c", f'echo 0 >{group}/cgroup.procs && exec "$@"', "sh"]
        apart = ["unshare", "--mount", "--cgroup", "--pid", "--fork", "--mount-proc"]
        return run_to_end(
            [*join, *apart, "--kill-child", "sh", "-c", _SCRIPT, "sh", *user.argv(arguments)],
            {**user.environ, "HOME": str(user.home), **environ, **places},
        )


@contextmanager
def _group() -> Generator[Path]:
    """A group of the namespace's own; it and what was made below it are removed."""
    home = own_cgroup()
    assert home is not None
    group = home / "namespace"
    group.mkdir()
    try:
        yield group
    finally:
        for path, _, _ in os.walk(group, topdown=False):
            os.rmdir(path)
