"""A program stops its guardian in its first instant, before the guardian has said that it runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.lab import Lab, running
from support.processes.starting import started_program

# What is tried here is the kernel's signals: the same for each Python.
pytestmark = pytest.mark.one_python

HOST = Path(__file__).parents[1] / "support" / "adversaries" / "embedding_host.py"
SLEEP = "391.9"
STOP = "kill -STOP $PPID"
FLAGS = ["--issue", "1", "--agent", "generic", "--no-repo", "--grace", "1s"]


def find_guardian(run: int, *, embedded: bool) -> int | None:
    """Return the guardian once it serves the run; None: not yet."""
    if not embedded:
        return run if children(run) else None
    below = [guardian for server in children(run) for guardian in children(server)]
    return below[0] if below else None


def children(pid: int) -> list[int]:
    """Return the children of all threads: a host starts its fork server in any of them."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    try:
        return [int(word) for each in lists for word in each.read_text().split()]
    except FileNotFoundError:
        return []


def hold_back(guardian: int) -> None:
    """Let what the guardian starts run before the guardian itself does."""
    os.sched_setaffinity(guardian, {min(os.sched_getaffinity(guardian))})
    idle = os.SCHED_IDLE | os.SCHED_RESET_ON_FORK
    os.sched_setscheduler(guardian, idle, os.sched_param(0))


@contextmanager
def started(
    lab: Lab, program: str, flags: Sequence[str] = (), *, embedded: bool = False
) -> Generator[subprocess.Popen[str]]:
    """Start a run whose guardian runs only when what it started does not."""
    words = [*FLAGS, *flags, "--", "/bin/sh", "-c", program]
    argv = [sys.executable, str(HOST), *words] if embedded else lab.argv(words)
    with started_program(argv, lab.environ, lab.cwd) as process:
        hold_back(wait_for(lambda: find_guardian(process.pid, embedded=embedded)))
        yield process


def wait_for(look: Callable[[], int | None]) -> int:
    deadline = time.monotonic() + 20
    while (found := look()) is None:
        assert time.monotonic() < deadline
    return found


def read_record(lab: Lab) -> dict[str, Any]:
    (path,) = lab.workspaces_root.glob("*/*/*/.codexlab/runs/*/record.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.mark.parametrize("containment", ["auto", "subreaper"])
@pytest.mark.parametrize("embedded", [False, True], ids=["launched", "embedded"])
def test_a_time_limit_ends_an_agent_that_stops_its_guardian_at_once(
    lab: Lab, containment: str, embedded: bool
) -> None:
    flags = ["--timeout", "2s", "--containment", containment]
    with started(lab, f"{STOP}; exec sleep {SLEEP}", flags, embedded=embedded) as run:
        run.communicate(timeout=30)
        assert running(SLEEP) == set()
    record = read_record(lab)
    assert (record["reason"], run.returncode) == ("timeout", 124)
    assert (record["contained"]["proven"], record["contained"]["left"]) == (True, 0)


def test_the_end_of_an_agent_that_stops_its_guardian_at_once_is_seen(lab: Lab) -> None:
    with started(lab, f"{STOP}; exit 7", ["--timeout", "4s"]) as run:
        run.communicate(timeout=30)
    # A guardian that has said in time that the agent runs is left stopped until the limit.
    assert (read_record(lab)["reason"], run.returncode) in (("exited", 7), ("timeout", 124))


def test_a_hook_that_stops_its_guardian_at_once_is_ended_by_its_limit(lab: Lab) -> None:
    flags = ["--hook-before-run", f"{STOP}; exec sleep {SLEEP}", "--hook-timeout", "1s"]
    with started(lab, "exit 0", flags) as run:
        _, said = run.communicate(timeout=30)
        assert running(SLEEP) == set()
    assert "hook before_run was ended after" in said
