"""What is done once the agent is over, or before another may start, ends when that is asked for."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest
from support.lab import Lab, running, wait_until_running
from support.processes.killing import kill_at_once

# git opens it to read it, and nobody ever writes: it waits.
AGENT = ["sh", "-c", "rm -f .gitignore; mkfifo .gitignore"]


def test_a_signal_ends_the_look_at_git_after_a_run(lab: Lab) -> None:
    with lab.started(["--issue", "1"], AGENT) as run:
        run.wait_for_event("contained")
        wait_until_running("status --porcelain", 1)
        run.signal(signal.SIGTERM)
        status, _, _ = run.finish()
    (record,) = lab.records
    assert (status, record["reason"]) == (0, "exited")
    assert record["git"]["after"] is None
    (line,) = [line for line in record["warnings"] if "after the run is not known" in line]
    assert "the end was asked for" in line


@pytest.mark.parametrize("containment", ["auto", "subreaper"])
def test_a_signal_ends_a_launch_that_ends_what_a_dead_run_left(
    lab: Lab, containment: str, scratch: Path
) -> None:
    flags = ["--issue", "1", "--containment", containment]
    os.mkfifo(scratch / "told")
    told = os.open(scratch / "told", os.O_RDWR)
    deaf = f"trap 'echo told >{scratch}/told' TERM; echo ready; exec >/dev/null 2>&1"
    deaf += "; while :; do sleep 0.2; done"
    script = 'setsid sh -c "$1" deaf & wait'
    with lab.started(flags, ["sh", "-c", script, "agent", deaf]) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        kill_at_once(run.guardian, run.supervisor)
        run.process.wait(timeout=30)
        with lab.started(flags, ["echo", "ran"]) as again:
            assert select.select([told], [], [], 30)[0]
            again.signal(signal.SIGTERM)
            status, stdout, _ = again.finish(timeout=30)
        assert (status, stdout) == (143, b"")
        # It was not waited for: that would have taken as long as its grace, and killed it.
        assert running("deaf") != set()
        done = lab.run(flags, ["echo", "ran"])
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr
    assert running("deaf") == set()
    os.close(told)
