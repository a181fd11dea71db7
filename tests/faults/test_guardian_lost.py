"""A run that lost its guardian: the record says how many outlived the agent, and claims no proof."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from support.lab import Lab, running, wait_until_gone

MARK = "173.2"
AGENT = f"setsid sleep {MARK} & setsid sleep {MARK} & echo ready; read line"


@pytest.mark.parametrize("containment", ["auto", "subreaper"])
def test_what_outlived_the_agent_is_counted(lab: Lab, containment: str) -> None:
    flags = ["--issue", "1", "--agent", "generic", "--no-repo", "--stdin", "inherit"]
    flags += ["--containment", containment]
    with lab.started(flags, ["sh", "-c", AGENT], stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        left = running(f"sleep {MARK}")
        os.kill(run.guardian, signal.SIGKILL)
        run.wait_for_event("run.finished")
        while os.read(run.events_fd, 65536):
            pass
    assert wait_until_gone(left) == set()
    (record,) = lab.records
    assert record["reason"] == "supervisor-lost"
    contained = record["contained"]
    assert (contained["swept"], contained["left"], contained["proven"]) == (2, 0, False)
