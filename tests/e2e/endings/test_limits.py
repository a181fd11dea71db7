"""Limits end a run with the right reason, and only when they are really reached."""

from __future__ import annotations

import os
import sys

import pytest
from support.lab import Lab

from codexlab.kernel.cgroup.leaf import own_cgroup

IDLE = ["--issue", "1", "--idle-timeout", "700ms", "--grace", "1s"]
# Several times what a busy machine puts between two words, and over before the agent is.
SELDOM_IDLE = ["--issue", "1", "--idle-timeout", "3s", "--grace", "1s"]


def test_silence_without_cpu_is_idle_and_gives_124(lab: Lab) -> None:
    with lab.started(IDLE, ["sleep", "60"]) as run:
        idle = run.wait_for_event("child.idle")
        status, _, _ = run.finish()
    assert status == 124
    assert float(str(idle["silent"])) >= 0.7
    assert lab.records[0]["reason"] == "idle"


@pytest.mark.parametrize(
    "busy",
    [
        "for n in range(10): print(n, flush=True); time.sleep(0.4)",
        "while time.monotonic() < started + 4: pass",
    ],
    ids=["output", "cpu"],
)
def test_an_agent_that_writes_or_computes_is_not_idle(lab: Lab, busy: str) -> None:
    script = f"import time; started = time.monotonic()\n{busy}"
    done = lab.run(SELDOM_IDLE, [sys.executable, "-c", script])
    assert done.returncode == 0, done.stderr
    assert lab.records[0]["reason"] == "exited"


def test_a_run_that_holds_too_much_memory_is_ended_for_memory(lab: Lab) -> None:
    script = "import signal; held = bytearray(b'x') * (300 << 20); signal.pause()"
    done = lab.run(
        ["--issue", "1", "--memory-max", "100M", "--grace", "1s"], [sys.executable, "-c", script]
    )
    (record,) = lab.records
    assert record["reason"] == "memory"
    assert done.returncode in (128 + 15, 128 + 9)
    peak = record["peak_memory"]
    assert isinstance(peak, int)
    assert peak >= 100 << 20


def test_a_run_below_its_memory_limit_is_left_alone(lab: Lab) -> None:
    assert lab.run(["--issue", "1", "--memory-max", "1G"], ["true"]).returncode == 0


@pytest.mark.parametrize("flags", [["--pids-max", "10"], ["--cpu-max", "0.5"]])
def test_a_limit_nobody_can_enforce_is_refused_and_nothing_runs(lab: Lab, flags: list[str]) -> None:
    group = own_cgroup()
    controllers = (group / "cgroup.controllers").read_text().split() if group else []
    if flags[0].strip("-").split("-")[0] in controllers:
        pytest.skip("this machine has the controller")
    done = lab.run(["--issue", "1", *flags], ["touch", "ran"])
    assert done.returncode == 125
    assert done.stderr.startswith(f"codexlab-run: {flags[0]}: ")
    assert "expected a cgroup v2 group whose" in done.stderr
    # Who may make no group here at all is told that instead.
    may_divide = group is not None and os.access(group, os.W_OK)
    assert ("the controller is not there" in done.stderr) == may_divide
    assert len(done.stderr.splitlines()) == 1
    assert not (lab.workspace / "workdir" / "ran").exists()
    assert lab.records[0]["reason"] == "launch-failed"
