"""An agent stops one half of its run, and has the other half send it message after message.

Each signal may become a message to the half that is stopped, and so may each stop of an agent
on a terminal. The kernel holds some 280 of them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from support.lab import Lab, running
from support.terminal.person import typed

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
# Each of six signals is passed on to a stopped guardian three times a second.
FOR_LONG = """
import os, signal, sys, time
guardian = os.getppid()
children = open(f"/proc/{guardian}/task/{guardian}/children").read().split()
[supervisor] = [int(pid) for pid in children if int(pid) != os.getpid()]
os.kill(guardian, signal.SIGSTOP)
until = time.monotonic() + 60
while time.monotonic() < until:
    for signum in (1, 2, 3, 10, 12, 15):
        os.kill(supervisor, signum)
    time.sleep(0.05)
"""
# Its agent is stopped and continued by a helper, and the monitor tells of each stop.
STOPS = """
import os, signal, sys, time

def state(pid):
    stat = open(f"/proc/{pid}/stat").read()
    return stat[stat.rindex(")") + 2]

def parent(pid):
    stat = open(f"/proc/{pid}/stat").read()
    return int(stat[stat.rindex(")") + 2 :].split()[1])

def stop_for(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        os.kill(agent, signal.SIGSTOP)
        while state(agent) not in "TZX":
            pass
        time.sleep(0.001)  # else the monitor misses it
        os.kill(agent, signal.SIGCONT)

agent, monitor = os.getpid(), os.getppid()
guardian = parent(monitor)
children = open(f"/proc/{guardian}/task/{guardian}/children").read().split()
[supervisor] = [int(pid) for pid in children if int(pid) != monitor]
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # What waits for the guardian fills the channel to the supervisor then.
    os.kill(guardian, signal.SIGSTOP)
    stop_for(2)
    os.kill(supervisor, signal.SIGSTOP)
    os.kill(guardian, signal.SIGCONT)
    stop_for(1)
    os._exit(0)
# Not as a word of the shell's, too.
os.execvp("sleep", ["sleep", "392." + sys.argv[1]])
"""
FLAGS = ["--issue", "1", "--agent", "generic", "--no-repo", "--grace", "1s"]


@pytest.mark.parametrize("containment", ["auto", "subreaper"])
@pytest.mark.parametrize("stopped", ["guardian", "supervisor"])
def test_a_time_limit_ends_an_agent_that_stops_one_half_and_floods_the_other(
    lab: Lab, stopped: str, containment: str
) -> None:
    flags = [*FLAGS, "--timeout", "3s", "--containment", containment]
    agent = [sys.executable, "-c", PROGRAM, stopped, SLEEP]
    done = lab.run(flags, agent, timeout=30)
    assert (ended(lab), done.returncode) == ("timeout", 124)


def test_a_time_limit_ends_an_agent_that_stops_its_guardian_and_floods_for_long(lab: Lab) -> None:
    done = lab.run([*FLAGS, "--timeout", "18s"], [sys.executable, "-c", FOR_LONG], timeout=45)
    assert (ended(lab), done.returncode) == ("timeout", 124)


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
