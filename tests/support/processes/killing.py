"""Kill halves of a run, and wait until nothing of codexlab is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..lab import Lab, Running, Words
from .leaks import Process, thread_states


def killed_at_call(lab: Lab, command: Words, log: Path, calls: str, number: int) -> bool:
    """Run a command whose processes are killed at one of these system calls.

    :param calls: their names, as strace takes them.
    :param number: at which of its calls each thread dies.
    :returns: whether one was killed; else there were not so many calls.
    """
    fault = ["-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={number}"]
    subprocess.run(
        ["strace", "-f", "-qq", "-o", log, *fault, *command],
        env=lab.environ,
        cwd=lab.cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return "+++ killed by SIGKILL +++" in log.read_text()


def kill(run: Running, victims: str) -> None:
    """Kill the supervisor, which is the guardian's first child, the guardian, or both."""
    children = Path(f"/proc/{run.guardian}/task/{run.guardian}/children").read_text().split()
    supervisor = [int(children[0])] if victims != "guardian" and children else []
    guardian = [run.guardian] if victims != "supervisor" else []
    kill_at_once(*guardian, *supervisor)


def kill_at_once(*pids: int) -> None:
    """Kill them so that none of them sees another of them die.

    Killed one after the other, the second has time to notice the end of the first,
    and to end the run before it is killed itself.

    :param pids: the guardian before its supervisor: it would stop itself when that stops.
    """
    if len(pids) > 1:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + 30
        while not all(_is_still(pid) for pid in pids):
            assert time.monotonic() < deadline, f"one of {pids} does not stop"
        # The kernel continues a half when the other one dies. So neither may run before us.
        for pid in pids:
            _let_others_run_first(pid)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    # The last thread closes their files, and with them the lock of the workspace.
    deadline = time.monotonic() + 30
    while not all(Process(pid, 0).is_zombie for pid in pids):
        assert time.monotonic() < deadline, f"one of {pids} does not die"


def _let_others_run_first(pid: int) -> None:
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setscheduler(int(thread), os.SCHED_IDLE, os.sched_param(0))


@contextmanager
def stopped(pid: int) -> Generator[None]:
    """Let a process do nothing for the time of the block."""
    try:
        stop(pid)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def stop(pid: int) -> None:
    """Stop a process and wait until it does nothing more."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 30
    while not _is_still(pid):
        assert time.monotonic() < deadline, f"{pid} does not stop"


def _is_still(pid: int) -> bool:
    return thread_states(pid) <= set("TtZX")


def wait_for_both_halves(run: Running) -> None:
    """Wait until nobody holds the other end of the events: neither half is left."""
    while os.read(run.events_fd, 65536):
        pass
