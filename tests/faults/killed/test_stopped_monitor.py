"""The monitor of an agent's terminal that somebody stops: the run's end is seen all the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.lab import Lab, Words, running
from support.terminal.person import JOB, Typed, state_of, terminal
from support.users.unprivileged import Unprivileged

# One that every user can execute.
PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") or "python3"
SLEEP = "391.9"
FLAGS = ["-i", "--issue", "1", "--agent", "generic", "--no-repo", "--grace", "1s"]
STOP = "kill -STOP $PPID"
# Stops it for as long as it lives, from a session of its own; takes no TERM.
AGAIN = f"""
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
monitor = os.getppid()
if os.fork() == 0:
    os.setsid()
    while True:
        os.kill(monitor, signal.SIGSTOP)
        time.sleep(0.002)
os.execvp("sleep", ["sleep", "{SLEEP}"])
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """Types commands at a terminal.

    :param prefix: becomes the caller.
    """

    lab: Lab
    prefix: tuple[str, ...]
    environ: Mapping[str, str]
    cwd: Path
    root: Path
    containment: str

    @contextmanager
    def typed(self, flags: Words, command: Words) -> Generator[Typed]:
        """Run ``codexlab-run -i FLAGS -- COMMAND`` as a job that the test itself continues."""
        given = [*FLAGS, "--containment", self.containment, *flags]
        words = [*self.prefix, PYTHON, "-c", JOB, *self.lab.argv(given, command)]
        with terminal(words, self.environ, self.cwd) as screen:
            yield Typed(screen, screen.settings)

    def ended(self, run: Typed) -> tuple[int, str, int]:
        """Return status, reason and recorded status of a run whose proof and terminal are whole."""
        status = run.wait_end()
        (path,) = self.root.glob("*/*/*/.codexlab/runs/*/record.json")
        record: dict[str, Any] = json.loads(path.read_text())
        assert (record["contained"]["proven"], record["contained"]["left"]) == (True, 0)
        assert run.screen.settings == run.before
        return status, record["reason"], record["exit_status"]


@pytest.fixture(params=[("root", "auto"), ("root", "subreaper"), ("nobody", "auto")], ids="-".join)
def caller(request: pytest.FixtureRequest, lab: Lab) -> Caller:
    name, containment = request.param
    if name == "root":
        return Caller(lab, (), lab.environ, lab.cwd, lab.workspaces_root, containment)
    nobody: Unprivileged = request.getfixturevalue("as_nobody")
    if os.geteuid() != 0:
        pytest.skip("the other caller is unprivileged already")
    home, root = nobody.home, nobody.home / "ws"
    environ = {**nobody.environ, **nobody.places(), "HOME": str(home)}
    return Caller(lab, tuple(nobody.argv([])), environ, home, root, containment)


def test_an_agents_own_status_is_told_by_a_monitor_that_it_stopped(caller: Caller) -> None:
    with caller.typed([], ["sh", "-c", f"{STOP}; exit 3"]) as run:
        assert caller.ended(run) == (3, "exited", 3)


def test_a_time_limit_ends_a_run_whose_agent_stops_its_monitor(caller: Caller) -> None:
    stays = f"trap '' TERM; {STOP}; while :; do sleep 1; done"
    with caller.typed(["--timeout", "1s"], ["sh", "-c", stays]) as run:
        assert caller.ended(run) == (124, "timeout", 124)


def test_who_asks_for_the_end_is_heard_while_the_monitor_is_stopped(caller: Caller) -> None:
    with caller.typed([], ["sh", "-c", f"{STOP}; echo here; exec sleep {SLEEP}"]) as run:
        run.screen.wait_for("here")
        os.kill(run.guardian, signal.SIGTERM)
        assert caller.ended(run) == (143, "cancelled", 143)


def test_keys_end_an_agent_that_stopped_its_monitor(caller: Caller) -> None:
    with caller.typed([], ["sh", "-c", f"{STOP}; echo here; exec sleep {SLEEP}"]) as run:
        run.screen.wait_for("here")
        run.screen.type("\x03")
        assert caller.ended(run) == (130, "signaled", 130)


def test_a_monitor_that_is_stopped_again_and_again_is_given_up_and_the_run_ends(
    caller: Caller,
) -> None:
    with caller.typed([], [PYTHON, "-c", AGAIN]) as run:
        # By the death of its parent, or by the hangup of its terminal just before.
        assert caller.ended(run) in [(code, "signaled", code) for code in (137, 129)]
        assert {process.pid for process in running(SLEEP)} <= {run.screen.shell}


def test_ctrl_z_stops_and_continues_the_job_of_an_agent_that_stopped_its_monitor(
    caller: Caller,
) -> None:
    stops = f"{STOP}; echo here; read x; exit 5"
    with caller.typed([], ["sh", "-c", stops]) as run:
        run.screen.wait_for("here")
        run.screen.type("\x1a")
        run.screen.wait_for(r"\[stopped\]")
        run.screen.wait_until(lambda: state_of(run.guardian) == state_of(run.supervisor) == "T")
        assert (state_of(run.agent), run.screen.settings) == ("T", run.before)
        os.killpg(run.guardian, signal.SIGCONT)
        run.screen.wait_until(lambda: run.screen.is_raw)
        run.screen.type("\r")
        assert caller.ended(run) == (5, "exited", 5)
