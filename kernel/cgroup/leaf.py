"""cgroup v2 leaves: a set of processes no member can leave by forking (cgroups(7)).

A leaf needs no controller: membership, ``cgroup.kill`` and ``populated`` are
core files. What it does not promise: a member with write access to the parent
can move itself out, so an empty leaf alone is not proof.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Removed before, or while, it was read.
_GONE = (errno.ENOENT, errno.ENODEV)
# So few that they find room below any limit of descriptors.
_SIGNAL_BATCH = 64


def own_cgroup(
    mountinfo: str | None = None,
    membership: str | None = None,
    is_there: Callable[[Path], bool] = Path.is_dir,
) -> Path | None:
    """Return the directory of this process's own v2 group, wherever v2 is mounted.

    Hybrid set-ups mount v2 at ``/sys/fs/cgroup/unified``, containers elsewhere, so the place is
    read from ``/proc/self/mountinfo`` and the group from the ``0::`` line of
    ``/proc/self/cgroup``. A mount that another one hides is passed over. So is a mount from
    outside our cgroup namespace: its root is then shown as ``/..``, and our place in it cannot
    be told (cgroup_namespaces(7)).

    :param membership: what ``/proc/PID/cgroup`` says of another process, to find its group.
    :returns: None where there is no v2 hierarchy, or our group lies outside the
        part of it that is mounted here.
    """
    mounts = _read("/proc/self/mountinfo") if mountinfo is None else mountinfo
    groups = _read("/proc/self/cgroup") if membership is None else membership
    group = next((line[3:] for line in groups.splitlines() if line.startswith("0::")), None)
    if group is None:
        return None
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        if right.split(" ", 1)[0] != "cgroup2":
            continue
        root, mount_point = (_unescape(field) for field in left.split(" ")[3:5])
        below = os.path.relpath(group, root)
        found = Path(mount_point, below)
        if not root.startswith("/..") and not below.startswith("..") and is_there(found):
            return found
    return None


def is_own_group(path: str) -> bool:
    """Tell whether a path is a group that this user made.

    Anybody can make a directory with files called ``cgroup.procs`` and ``cgroup.kill``:
    what the first names would be signalled, and the second written to.
    """
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return False
    lines = (line.partition(" - ") for line in _read("/proc/self/mountinfo").splitlines())
    groups = {left.split(" ")[2] for left, _, right in lines if right.startswith("cgroup2 ")}
    device = f"{os.major(found.st_dev)}:{os.minor(found.st_dev)}"
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and device in groups


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


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
    """Tell whether any process, zombies excepted, is left in the leaf or below it.

    What cannot be read counts as populated: emptiness is claimed only when seen.
    """
    try:
        with open(_open(leaf, "cgroup.events"), "rb") as file:
            return b"populated 1" in file.read()
    except OSError as error:
        return error.errno not in _GONE


def leaf_pids(leaf: str | Path) -> set[int]:
    """Return the pids in the leaf and in every group below it."""
    pids: set[int] = set()
    for group in _groups(leaf):
        try:
            pids.update(_numbers(group, "cgroup.procs"))
        except OSError as error:
            # A member can make a group threaded; the kernel then lists only threads.
            if error.errno == errno.EOPNOTSUPP:
                pids.update(_thread_group(tid) for tid in _numbers(group, "cgroup.threads"))
    return pids - {0}


def _numbers(group: str, name: str) -> list[int]:
    with open(_open(group, name), "rb") as file:
        return [int(word) for word in file.read().split()]


def _thread_group(tid: int) -> int:
    with contextlib.suppress(OSError), open(f"/proc/{tid}/status") as file:
        return next(int(line[5:]) for line in file if line.startswith("Tgid:"))
    return 0


def _groups(leaf: str | Path) -> Iterator[str]:
    """Yield the groups below the leaf, deepest first, and the leaf itself."""
    # By a list and not by recursion: its members may make groups as deep as they like.
    groups: list[str] = []
    waiting = [os.fspath(leaf)]
    while waiting:
        groups.append(path := waiting.pop())
        with contextlib.suppress(OSError):
            os.close(_open(path, "", os.O_RDONLY | os.O_DIRECTORY))
            with os.scandir(path) as entries:
                waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    return reversed(groups)


def _open(group: str | Path, name: str, flags: int = os.O_RDONLY) -> int:
    """Open a file of a group, taking back the rights a member may have taken away."""
    path = os.path.join(group, name)
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except PermissionError:
        with contextlib.suppress(OSError):
            os.chmod(group, 0o755)
            os.chmod(path, 0o755 if name == "" else 0o644)
        return os.open(path, flags | os.O_CLOEXEC)


def kill_leaf(leaf: str | Path) -> bool:
    """Kill every process in the leaf and below at once, forks in flight included.

    :returns: False where the kernel has no ``cgroup.kill`` (before 5.14), or refuses it, as in
        a group that a member made threaded. The caller then sweeps by pidfd.
    """
    try:
        with open(_open(leaf, "cgroup.kill", os.O_WRONLY), "wb", buffering=0) as file:
            file.write(b"1")
    except OSError as error:
        return error.errno in _GONE and not os.path.isdir(leaf)
    return True


def signal_leaf(leaf: str | Path, signum: int) -> set[int]:
    """Send a signal to every process in the leaf and below; return the pids of those that got it.

    No pid is looked up by itself. The leaf must list a pid before its descriptor is opened, and
    afterwards. Then the descriptor is that of a member, or of a process that has ended
    meanwhile, which no signal reaches.
    """
    pids = sorted(leaf_pids(leaf))
    reached: set[int] = set()
    for start in range(0, len(pids), _SIGNAL_BATCH):
        reached |= _signal_batch(leaf, pids[start : start + _SIGNAL_BATCH], signum)
    return reached


def _signal_batch(leaf: str | Path, pids: list[int], signum: int) -> set[int]:
    opened: dict[int, int] = {}
    reached: set[int] = set()
    try:
        for pid in pids:
            with contextlib.suppress(OSError):
                opened[pid] = os.pidfd_open(pid)
        for pid in opened.keys() & leaf_pids(leaf):
            # It has ended, or has changed its user.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(opened[pid], signum)
                reached.add(pid)
    finally:
        for fd in opened.values():
            os.close(fd)
    return reached


def wait_unpopulated(leaf: str | Path, timeout: float) -> bool:
    """Wait until the leaf is empty, or ``timeout`` seconds have passed.

    :returns: whether it was empty when last read. The kernel announces changes of
        ``cgroup.events`` as POLLPRI, so nothing is polled in between.
    """
    deadline = time.monotonic() + timeout
    try:
        with open(_open(leaf, "cgroup.events"), "rb", buffering=0) as file:
            poll = select.poll()
            poll.register(file, select.POLLPRI)
            while b"populated 1" in os.pread(file.fileno(), 4096, 0):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                poll.poll(left * 1000)
    except OSError as error:
        return error.errno in _GONE
    return True


def remove_leaf(leaf: str | Path) -> bool:
    """Remove the leaf and the groups its members made below it, deepest first.

    :returns: whether it is gone. A group that still holds a process stays.
    """
    for group in _groups(leaf):
        with contextlib.suppress(OSError):
            os.rmdir(group)
    return not os.path.isdir(leaf)
