"""Find what a test left behind: processes, cgroups, temporary files.

The rules are exact, not heuristic, also with several xdist workers at once:

* The pytest process is a child subreaper, so whatever a test started and lost
  becomes its child. When ``waitid`` says that there is no child, there is none.
* It sits in a cgroup of its own, where it may make one. codexlab makes its
  leaves below the group it was started in, so every group below is this
  worker's.
* Each test has directories of its own for temporary and runtime files.

No product code is used to judge the product, except to set the subreaper flag.
"""

from __future__ import annotations

import contextlib
import glob
import os
import select
import signal
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from codexlab.kernel.libc import set_child_subreaper

_GROUP = "pytest-codexlab-"
GRACE = 1.0
"""Seconds a process that is already ending gets after its test."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process, named so that a reused pid is not mistaken for it.

    :param start_time: clock ticks since boot, field 22 of ``/proc/PID/stat``.
    """

    pid: int
    start_time: int

    @property
    def command(self) -> str:
        """Its argument vector as one line, or its name where that is empty."""
        try:
            raw = Path(f"/proc/{self.pid}/cmdline").read_bytes()
            return raw.replace(b"\0", b" ").decode(errors="replace").strip() or self._name()
        except OSError:
            return "(gone)"

    @property
    def is_zombie(self) -> bool:
        """Tell whether all its threads have ended and it only waits to be reaped, or is gone.

        The kernel shows a process as a zombie as soon as its first thread has ended. Others may
        go on, and keep its files and locks.
        """
        return thread_states(self.pid) <= {"Z", "X"}

    def _name(self) -> str:
        return f"[{Path(f'/proc/{self.pid}/comm').read_text().strip()}]"


def thread_states(pid: int) -> set[str]:
    """Return the states of a process's threads, as proc(5) spells them; empty when it is gone."""
    return {_state(Path(stat)) for stat in glob.glob(f"/proc/{pid}/task/*/stat")}


def _state(stat: Path) -> str:
    try:
        text = stat.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "X"
    return text[text.rindex(")") + 2]


def descendants() -> set[Process]:
    """Return every process below this one, zombies included."""
    if not _has_children():
        return set()
    children: dict[int, list[Process]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := _parent_and_start(int(entry))):
            children.setdefault(stat[0], []).append(Process(int(entry), stat[1]))
    found: set[Process] = set()
    pending = [os.getpid()]
    while pending:
        for child in children.get(pending.pop(), []):
            found.add(child)
            pending.append(child.pid)
    return found


def leaked_processes(before: set[Process], grace: float = GRACE) -> dict[Process, str]:
    """Return what was started since ``before`` and is still there, with its command.

    Zombies are reaped. A process in the middle of its exit gets ``grace`` seconds
    in all, spent waiting on pidfds.
    """
    deadline = time.monotonic() + grace
    while remaining := descendants() - before - _interpreters_own():
        for process in remaining:
            _reap(process.pid)
        remaining &= descendants()
        patience = deadline - time.monotonic()
        if not remaining or patience <= 0:
            return {process: process.command for process in remaining}
        _wait_for_one_exit(remaining, patience)
    return {}


def end_processes(processes: set[Process]) -> None:
    """Kill exactly these processes and wait for their end."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError), _pidfd(process.pid) as fd:
            if process in descendants():  # the pid still names the same process
                signal.pidfd_send_signal(fd, signal.SIGKILL)
                select.select([fd], [], [], 5.0)
            _reap(process.pid)


def _interpreters_own() -> set[Process]:
    """Return multiprocessing's resource tracker, one per process and started on demand."""
    module = sys.modules.get("multiprocessing.resource_tracker")
    pid = getattr(getattr(module, "_resource_tracker", None), "_pid", None)
    stat = _parent_and_start(pid) if isinstance(pid, int) else None
    return {Process(pid, stat[1])} if isinstance(pid, int) and stat else set()


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _parent_and_start(pid: int) -> tuple[int, int] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return int(fields[1]), int(fields[19])


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):  # a grandchild, or reaped already
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG)


def _wait_for_one_exit(processes: set[Process], timeout: float) -> None:
    with contextlib.ExitStack() as stack:
        try:
            fds = [stack.enter_context(_pidfd(process.pid)) for process in processes]
        except ProcessLookupError:
            return
        select.select(fds, [], [], timeout)


@contextlib.contextmanager
def _pidfd(pid: int) -> Generator[int]:
    fd = os.pidfd_open(pid)
    try:
        yield fd
    finally:
        os.close(fd)


def _remove_abandoned(home: Path) -> None:
    """Remove the empty groups of test runs that were killed before they could."""
    for group in home.glob(f"{_GROUP}*"):
        if not Path("/proc", group.name.removeprefix(_GROUP)).exists():
            for path, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):  # a process is still in it
                    os.rmdir(path)


class Warden:
    """What makes this process able to see leaks: subreaper flag and own cgroup."""

    def __init__(self) -> None:
        self._home = own_cgroup()
        self._group: Path | None = None

    def enter(self) -> None:
        """Adopt orphans from now on and move to a cgroup of our own, if that is allowed."""
        set_child_subreaper()
        if self._home is None:
            return
        _remove_abandoned(self._home)
        group = self._home / f"{_GROUP}{os.getpid()}"
        with contextlib.suppress(OSError):
            group.mkdir()
            self._group = group
            (group / "cgroup.procs").write_text("0")

    def leave(self) -> None:
        """Move back and remove the cgroup."""
        if self._group is not None and self._home is not None:
            with contextlib.suppress(OSError):
                (self._home / "cgroup.procs").write_text("0")
            with contextlib.suppress(OSError):
                self._group.rmdir()

    def leaked_cgroups(self) -> list[str]:
        """Return the groups left below ours; they are removed if they are empty."""
        if self._group is None:
            return []
        below = [Path(path) for path, _, _ in os.walk(self._group, topdown=False)][:-1]
        for path in below:
            with contextlib.suppress(OSError):
                path.rmdir()
        return sorted(str(path.relative_to(self._group)) for path in below)


def own_cgroup() -> Path | None:
    """Return the directory of this process's cgroup v2, or None without one (cgroups(7))."""
    membership = Path("/proc/self/cgroup").read_text().splitlines()
    group = next((line[3:] for line in membership if line.startswith("0::")), None)
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        if group is not None and right.startswith("cgroup2 "):
            root, mount = left.split()[3:5]
            path = Path(mount, os.path.relpath(group, root))
            if path.is_dir() and ".." not in path.parts:
                return path
    return None


def leaked_files(runtime: Path, temp: Path) -> list[str]:
    """Return what is left in a test's runtime directory, and of ours in its temp directory.

    The empty per-user directory ``codexlab-<uid>`` may stay: it belongs to the
    user, not to a run.
    """
    left: list[Path] = []
    for path in [*_entries(runtime), *temp.glob("codexlab*")]:
        is_users = path.name.removeprefix("codexlab-").isdigit() and path.is_dir()
        left.extend(_entries(path) if is_users else [path])
    return sorted(map(str, left))


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
