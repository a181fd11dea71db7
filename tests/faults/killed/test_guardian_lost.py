"""A run that lost its guardian: the record says how many outlived the agent, and claims no proof.

Without a guardian a run is known by leaf and tag, which a process can shed and take on again:
so whoever launches the issue next looks again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.lab import Lab, running, wait_until_gone, wait_until_running
from support.processes.leaks import Process

MARK = "173.2"
AGENT = f"setsid sleep {MARK} & setsid sleep {MARK} & echo ready; read line"


FLAGS = ["--issue", "1", "--agent", "generic", "--no-repo", "--stdin", "inherit"]
# Sheds its tag, and takes it on again when it is told to.
HIDER = """
import os, sys
if len(sys.argv) == 3:
    tag = os.environ.pop("CODEXLAB_RUN_ID")
    os.execve(sys.executable, [*sys.orig_argv, tag], os.environ)
os.write(1, b"ready\\n")
with open(sys.argv[1]) as pipe:
    pipe.read()
os.execve("/bin/sleep", ["sleep", sys.argv[2]], {"CODEXLAB_RUN_ID": sys.argv[3]})
"""


def lose_guardian(lab: Lab, containment: str, agent: str) -> set[Process]:
    """Kill the guardian of a run, wait for the supervisor's end, and return what it had started."""
    flags = [*FLAGS, "--containment", containment]
    with lab.started(flags, ["sh", "-c", agent], stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        left = running(MARK)
        os.kill(run.guardian, signal.SIGKILL)
        run.wait_for_event("run.finished")
        while os.read(run.events_fd, 65536):
            pass
        return left


@pytest.mark.parametrize("containment", ["auto", "subreaper"])
def test_what_outlived_the_agent_is_counted_and_the_next_launch_looks_again(
    lab: Lab, containment: str
) -> None:
    left = lose_guardian(lab, containment, AGENT)
    assert wait_until_gone(left) == set()
    (record,) = lab.records
    assert record["reason"] == "supervisor-lost"
    contained = record["contained"]
    assert (contained["swept"], contained["left"], contained["proven"]) == (2, 0, False)
    owner = lab.workspace / ".codexlab" / "owner.json"
    assert not json.loads(owner.read_bytes())["contained"]
    events = lab.run_directory(record) / "events.ndjson"
    told = events.read_text()
    done = lab.run(FLAGS, ["true"])
    assert (done.returncode, done.stderr) == (0, "")
    assert lab.records[0] == record
    assert events.read_text() == told
    assert json.loads(owner.read_bytes())["contained"]


def test_one_that_hid_when_the_guardian_was_lost_is_ended_by_the_next_launch(
    lab: Lab, scratch: Path
) -> None:
    gate = scratch / "gate"
    os.mkfifo(gate)
    agent = f'setsid "{sys.executable}" -c \'{HIDER}\' "{gate}" {MARK} & sleep {MARK}'
    lose_guardian(lab, "subreaper", agent)
    gate.write_text("")  # opened by both at once, then the end
    (hidden,) = wait_until_running(f"sleep {MARK}", 1)
    done = lab.run(FLAGS, ["true"])
    assert done.returncode == 0
    assert "ended 1 processes left by run" in done.stderr
    assert running(MARK) <= {hidden}
    assert wait_until_gone({hidden}) == set()
    assert lab.records[0]["contained"]["proven"] is False
