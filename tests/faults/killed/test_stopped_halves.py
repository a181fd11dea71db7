"""An agent stops a supervisor or a guardian: limits hold, and who asks for the end is heard."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.lab import Lab, running, wait_until_running
from support.processes.starting import started_program
from support.terminal.person import state_of
from support.users.unprivileged import Unprivileged

# What is tried here is the kernel's signals: the same for each Python.
pytestmark = pytest.mark.one_python

# One that every user can execute.
PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") or "python3"
SLEEP = "391.8"
FLAGS = ["--issue", "1", "--agent", "generic", "--no-repo"]
# Stops a half of us, once or as long as it lives, and takes no TERM: WHOM HOW.
STOPS = f"""
import os, signal, subprocess, sys, time
whom, how = sys.argv[1:]
me, guardian = os.getpid(), os.getppid()
with open(f"/proc/{{guardian}}/task/{{guardian}}/children") as children:
    (supervisor,) = [int(pid) for pid in children.read().split() if int(pid) != me]
victim = {{"guardian": guardian, "supervisor": supervisor}}.get(whom)
if how != "leave":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(
    ["sleep", "{SLEEP}"], start_new_session=True,
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
if victim is not None:
    os.kill(victim, signal.SIGSTOP)
while how == "again":
    time.sleep(0.005)
    os.kill(victim, signal.SIGSTOP)
if how == "kill the other":
    os.kill(supervisor if whom == "guardian" else guardian, signal.SIGKILL)
if how in ("once", "kill the other"):
    time.sleep(600)
"""

# A daemon whose jobs have groups of their own in its session, which has no terminal.
IN_A_GROUP = """
import subprocess, sys
sys.exit(subprocess.Popen(sys.argv[1:], process_group=0).wait())
"""


@dataclass(frozen=True, slots=True)
class Stopping:
    """Starts runs whose agent stops a half of them."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    cwd: Path
    root: Path

    @contextmanager
    def started(self, whom: str, how: str, *flags: str) -> Generator[subprocess.Popen[str]]:
        """Start one; what still runs at the end is killed."""
        words = [*self.argv, *flags, "--", PYTHON, "-c", STOPS, whom, how]
        with started_program(words, self.environ, self.cwd) as process:
            yield process

    def record(self) -> dict[str, Any]:
        (path,) = self.root.glob("*/*/*/.codexlab/runs/*/record.json")
        found: dict[str, Any] = json.loads(path.read_text())
        return found


@pytest.fixture(params=[("root", "auto"), ("root", "subreaper"), ("nobody", "auto")], ids="-".join)
def stopping(request: pytest.FixtureRequest, lab: Lab) -> Stopping:
    name, containment = request.param
    argv = lab.argv([*FLAGS, "--grace", "1s", "--containment", containment])
    if name == "root":
        return Stopping(tuple(argv), lab.environ, lab.cwd, lab.workspaces_root)
    nobody: Unprivileged = request.getfixturevalue("as_nobody")
    if os.geteuid() != 0:
        pytest.skip("the other caller is unprivileged already")
    home, root = nobody.home, nobody.home / "ws"
    environ = {**nobody.environ, **nobody.places(), "HOME": str(home)}
    return Stopping(tuple(nobody.argv(argv)), environ, home, root)


def proof(record: Mapping[str, Any]) -> tuple[bool, int]:
    return record["contained"]["proven"], record["contained"]["left"]


@pytest.mark.parametrize("whom", ["supervisor", "guardian"])
@pytest.mark.parametrize("how", ["once", "again"])
def test_a_time_limit_ends_a_run_whose_agent_stops_a_half_of_it(
    stopping: Stopping, whom: str, how: str
) -> None:
    with stopping.started(whom, how, "--timeout", "1s") as run:
        run.communicate(timeout=40)
        assert running(SLEEP) == set()
    record = stopping.record()
    # One that is stopped again and again is given up.
    expected = (
        ("supervisor-lost", 125) if (whom, how) == ("supervisor", "again") else ("timeout", 124)
    )
    assert (record["reason"], run.returncode) in (expected, ("timeout", 124))
    assert proof(record) == (True, 0)


def test_an_agents_end_is_seen_by_a_supervisor_that_it_stopped(stopping: Stopping) -> None:
    with stopping.started("supervisor", "leave") as run:
        _, said = run.communicate(timeout=40)
        assert running(SLEEP) == set()
    record = stopping.record()
    assert (record["reason"], run.returncode, said) == ("exited", 0, "")
    assert proof(record) == (True, 0)


@pytest.mark.parametrize(
    "daemon", [(), (sys.executable, "-c", IN_A_GROUP)], ids=["session", "group"]
)
def test_an_agents_end_is_seen_behind_a_guardian_that_it_stopped_where_nobody_is_at_a_shell(
    lab: Lab, daemon: tuple[str, ...]
) -> None:
    # Once the guardian has said that the agent runs.
    until = "until grep -q child.spawned ../.codexlab/runs/*/events.ndjson; do sleep 0.02; done"
    agent = ["sh", "-c", f"{until}; kill -STOP $PPID; exit 7"]
    # In a session of its own, as a daemon starts it.
    with subprocess.Popen(
        [*daemon, *lab.argv(FLAGS, agent)], cwd=lab.cwd, env=dict(lab.environ),
        start_new_session=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as run:  # fmt: skip
        try:
            assert run.wait(30) == 7
        finally:
            run.kill()
    (record,) = lab.records
    assert record["reason"] == "exited"


def test_a_stopped_guardian_ends_the_run_whose_agent_then_kills_the_supervisor(
    stopping: Stopping,
) -> None:
    with stopping.started("guardian", "kill the other") as process:
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 125
    assert "nothing it started is left" in stderr
    assert not running(f"sleep {SLEEP}")
    record = stopping.record()
    assert record["reason"] == "supervisor-lost"
    assert proof(record) == (True, 0)


def test_a_stopped_supervisor_ends_the_run_whose_agent_then_kills_the_guardian(
    stopping: Stopping,
) -> None:
    with stopping.started("supervisor", "kill the other") as process:
        # Its end of the pipe is the supervisor's as well, which so is gone.
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
    assert not running(f"sleep {SLEEP}")
    record = stopping.record()
    assert record["reason"] == "supervisor-lost"
    assert record["contained"]["left"] == 0


@pytest.mark.parametrize("how", ["once", "again"])
def test_who_asks_for_the_end_is_heard_while_the_supervisor_is_stopped(
    stopping: Stopping, how: str
) -> None:
    with stopping.started("supervisor", how) as run:
        running_sleep = wait_until_running(f"sleep {SLEEP}", 1)
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=40)
        assert running(SLEEP) == set()
        assert running_sleep
    record = stopping.record()
    ends = [("cancelled", 137), ("supervisor-lost", 125)]
    assert (record["reason"], run.returncode) in ends[: 1 if how == "once" else 2]
    assert proof(record) == (True, 0)


def test_a_job_that_a_person_stops_as_a_whole_stays_stopped_and_goes_on(stopping: Stopping) -> None:
    with stopping.started("nobody", "once") as run:
        wait_until_running(f"sleep {SLEEP}", 1)
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        supervisor = int(children[0])
        for pid in (supervisor, run.pid):
            os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: state_of(run.pid) == state_of(supervisor) == "T")
        # Longer than a supervisor alone would be left stopped.
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(1.5)
        assert state_of(supervisor) == "T"
        run.send_signal(signal.SIGCONT)
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=40)
    record = stopping.record()
    assert (record["reason"], run.returncode) == ("cancelled", 137)
    assert proof(record) == (True, 0)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
