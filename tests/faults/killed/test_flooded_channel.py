"""An agent stops one half of its run, and floods the other half with signals.

Each signal may become a message to the half that is stopped. The kernel holds some 280 of
them; whoever sends one more waits until the other half goes on.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from support.lab import Lab, running

# What is tried here is the kernel's signals: the same for each Python.
pytestmark = pytest.mark.one_python

SLEEP = "392.7"
PROGRAM = """
import os, signal, sys, time
guardian = os.getppid()
children = open(f"/proc/{guardian}/task/{guardian}/children").read().split()
[supervisor] = [int(pid) for pid in children if int(pid) != os.getpid()]
stopped, flooded, signum = {
    "guardian": (guardian, supervisor, signal.SIGUSR1),
    "supervisor": (supervisor, guardian, signal.SIGCONT),
}[sys.argv[1]]
os.kill(stopped, signal.SIGSTOP)
for _ in range(600):
    os.kill(flooded, signum)
    time.sleep(0.001)  # else the kernel merges them
os.execvp("sleep", ["sleep", sys.argv[2]])
"""


@pytest.mark.parametrize("containment", ["auto", "subreaper"])
@pytest.mark.parametrize("stopped", ["guardian", "supervisor"])
def test_a_time_limit_ends_an_agent_that_stops_one_half_and_floods_the_other(
    lab: Lab, stopped: str, containment: str
) -> None:
    flags = ["--issue", "1", "--agent", "generic", "--no-repo", "--grace", "1s"]
    flags += ["--timeout", "3s", "--containment", containment]
    agent = [sys.executable, "-c", PROGRAM, stopped, SLEEP]
    done = lab.run(flags, agent, timeout=30)
    assert running(SLEEP) == set()
    (path,) = Path(lab.workspaces_root).glob("*/*/*/.codexlab/runs/*/record.json")
    record = json.loads(path.read_text())
    assert (record["reason"], done.returncode) == ("timeout", 124)
    assert (record["contained"]["proven"], record["contained"]["left"]) == (True, 0)
