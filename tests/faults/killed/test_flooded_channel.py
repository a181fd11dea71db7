"""An agent stops one half of its run, and has the other half send it message after message.

Each signal may become a message to the half that is stopped, and so may each stop of an agent
on a terminal. The kernel holds some 280 of them.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest
from support.commands import program
from support.lab import Lab, running
from support.terminal.person import typed

# What is tried here is the kernel's signals: the same for each Python.
pytestmark = pytest.mark.one_python

SLEEP = "392.7"
PROGRAM = program("stops_a_half_and_floods")
# Each of six signals is passed on to a stopped guardian three times a second.
FOR_LONG = program("floods_for_long")
# Its agent is stopped and continued by a helper, and the monitor tells of each stop.
STOPS = program("stops_itself_often")
# Without a terminal the guardian is continued, and may pass on the flood before time is over.
ENDS = (("timeout", 124), ("signaled", 128 + signal.SIGUSR1), ("cancelled", 128 + signal.SIGHUP))
FLAGS = ["--issue", "1", "--agent", "generic", "--no-repo", "--grace", "1s"]


@pytest.mark.parametrize("containment", ["auto", "subreaper"])
@pytest.mark.parametrize("stopped", ["guardian", "supervisor"])
def test_a_time_limit_ends_an_agent_that_stops_one_half_and_floods_the_other(
    lab: Lab, stopped: str, containment: str
) -> None:
    flags = [*FLAGS, "--timeout", "3s", "--containment", containment]
    agent = [sys.executable, "-c", PROGRAM, stopped, SLEEP]
    done = lab.run(flags, agent, timeout=30)
    assert (ended(lab), done.returncode) in ENDS


def test_a_time_limit_ends_an_agent_that_stops_its_guardian_and_floods_for_long(lab: Lab) -> None:
    done = lab.run([*FLAGS, "--timeout", "18s"], [sys.executable, "-c", FOR_LONG], timeout=45)
    assert (ended(lab), done.returncode) in ENDS


def test_a_time_limit_ends_an_agent_that_stops_a_supervisor_which_is_told_of_its_own_stops(
    lab: Lab,
) -> None:
    agent = [sys.executable, "-c", STOPS, SLEEP.removeprefix("392.")]
    with typed(lab, [*FLAGS, "--timeout", "5s"], agent) as run:
        assert run.wait_end() == 124
        assert ended(lab) == "timeout"


def ended(lab: Lab) -> str:
    """Return why the one run ended, proven empty and with nothing left of it."""
    assert running(SLEEP) == set()
    (path,) = Path(lab.workspaces_root).glob("*/*/*/.codexlab/runs/*/record.json")
    record = json.loads(path.read_text())
    assert (record["contained"]["proven"], record["contained"]["left"]) == (True, 0)
    return str(record["reason"])
