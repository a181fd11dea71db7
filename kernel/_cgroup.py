"""cgroup v2 leaves: a set of processes no member can leave by forking (cgroups(7)).

A leaf needs no controller: membership, ``cgroup.kill`` and ``populated`` are
core files. What it does not promise: a member with write access to the parent
can move itself out, so an empty leaf alone is not proof.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from pathlib import Path


def own_cgroup(mountinfo: str | None = None, membership: str | None = None) -> Path | None:
    """Return the directory of this process's own v2 group, wherever v2 is mounted.

    Hybrid set-ups mount v2 at ``/sys/fs/cgroup/unified``, containers elsewhere,
    so the place is read from ``/proc/self/mountinfo`` and the group from the
    ``0::`` line of ``/proc/self/cgroup``.

    :returns: None where there is no v2 hierarchy, or our group lies outside the
        part of it that is mounted here.
    """
    mounts = Path("/proc/self/mountinfo").read_text() if mountinfo is None else mountinfo
    groups = Path("/proc/self/cgroup").read_text() if membership is None else membership
    group = next((line[3:] for line in groups.splitlines() if line.startswith("0::")), None)
    if group is None:
        return None
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        if right.split(" ", 1)[0] != "cgroup2":
            continue
        root, mount_point = (_unescape(field) for field in left.split(" ")[3:5])
        below = os.path.relpath(group, root)
        if not below.startswith(".."):
            return Path(mount_point, below)
    return None


def _unescape(field: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, char)
    return field


def create_leaf(parent: Path, name: str) -> Path:
    """Create a group below ``parent``.

    :raises OSError: the hierarchy is read-only, or not ours to divide.
    """
    leaf = parent / name
    leaf.mkdir(mode=0o755)
    return leaf


def join_leaf(leaf: str | Path) -> None:
    """Move the calling process into the leaf; for use between fork and exec.

    :raises OSError: the kernel refuses, for example EACCES across a delegation.
    """
    fd = os.open(os.path.join(leaf, "cgroup.procs"), os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, b"0")
    finally:
        os.close(fd)


def is_populated(leaf: str | Path) -> bool:
    """Tell whether any process, zombies excepted, is left in the leaf or below it."""
    try:
        return b"populated 1" in Path(leaf, "cgroup.events").read_bytes()
    except (FileNotFoundError, OSError) as error:
        if isinstance(error, FileNotFoundError) or error.errno == 19:  # ENODEV: just removed
            return False
        raise


def leaf_pids(leaf: str | Path) -> set[int]:
    """Return the pids in the leaf and in every group below it."""
    pids: set[int] = set()
    for directory, _, _ in os.walk(leaf):
        with contextlib.suppress(OSError):
            pids.update(map(int, Path(directory, "cgroup.procs").read_text().split()))
    return pids


def kill_leaf(leaf: str | Path) -> bool:
    """Kill every process in the leaf and below at once, forks in flight included.

    :returns: False on kernels before 5.14, which have no ``cgroup.kill``; the
        caller then sweeps by pidfd.
    """
    try:
        Path(leaf, "cgroup.kill").write_text("1")
    except FileNotFoundError:
        return not os.path.isdir(leaf)
    return True


def wait_unpopulated(leaf: str | Path, timeout: float) -> bool:
    """Wait until the leaf is empty, or ``timeout`` seconds have passed.

    :returns: whether it was empty when last read. The kernel announces changes of
        ``cgroup.events`` as POLLPRI, so nothing is polled in between.
    """
    deadline = time.monotonic() + timeout
    try:
        fd = os.open(os.path.join(leaf, "cgroup.events"), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        poll = select.poll()
        poll.register(fd, select.POLLPRI)
        while b"populated 1" in os.pread(fd, 4096, 0):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            poll.poll(left * 1000)
    except OSError as error:
        if error.errno != 19:  # ENODEV: removed while we looked
            raise
    finally:
        os.close(fd)
    return True


def remove_leaf(leaf: str | Path) -> bool:
    """Remove the leaf and the groups its members made below it, deepest first.

    :returns: whether it is gone. A group that still holds a process stays.
    """
    for directory, _, _ in os.walk(leaf, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(directory)
    return not os.path.isdir(leaf)
