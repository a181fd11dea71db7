"""Killing halves of codexlab in the middle of a tool call, then running the issue again."""

from __future__ import annotations

import pytest
from support.lab import Lab, Task, running, wait_until_gone, wait_until_running
from support.marks import both_codex
from support.model.server import Gate, ModelFactory, ModelRequest, Turn, hold, run_command, say
from support.processes.killing import kill_at_once
from support.processes.leaks import descendants

# bubblewrap would take its processes with it; without it they survive their codex.
_NO_SANDBOX = "danger-full-access"
_TOOL = "setsid sleep 161.80 & sleep 161.81"


@both_codex
@pytest.mark.parametrize("containment", ["auto", "subreaper"])
@pytest.mark.parametrize("victims", [["guardian"], ["supervisor"], ["guardian", "supervisor"]])
def test_after_a_crash_the_next_launch_runs_alone(
    lab: Lab, model: ModelFactory, task: Task, victims: list[str], containment: str
) -> None:
    flags = ["--issue", "123", "--containment", containment]
    gate = Gate()
    alive_beside: list[str] = []

    def script(request: ModelRequest) -> Turn:
        if "again" in request.prompt:
            alive_beside.extend(process.command for process in running("sleep 161.8"))
            alive_beside.extend(process.command for process in running("crash task"))
            return say("alone")
        return hold(gate, say("no")) if request.tool_outputs else run_command(_TOOL, wait_ms=250)

    model(script)
    before = descendants()
    with lab.started(flags, task("crash task", sandbox=_NO_SANDBOX)) as run:
        run.wait_for_gate(gate)
        wait_until_running("sleep 161.8", 2)
        kill_at_once(*(getattr(run, victim) for victim in victims))
        run.process.wait(timeout=30)
        if len(victims) == 1:
            assert wait_until_gone(descendants() - before) == set()
        else:
            assert running("sleep 161.8") != set()  # or there would be nothing to end
        done = lab.run(flags, task("try again"))
    assert done.returncode == 0, done.stderr
    assert alive_beside == []
    assert running("sleep 161.8") == set()
    assert lab.records[-1]["agent_outcome"] == "completed"
    lost = lab.records[0]
    assert (lost["reason"], lost["exit_status"]) == ("supervisor-lost", 125)
    assert lost["agent_outcome"] != "completed"
    assert lost["contained"]["left"] == 0


def test_a_guardian_whose_supervisor_was_killed_finishes_the_record_with_125(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    gate = Gate()
    model([hold(gate, say("no"))])
    with lab.started(["--issue", "123"], task("crash task")) as run:
        run.wait_for_gate(gate)
        kill_at_once(run.supervisor)
        status, _, _ = run.finish()
    assert status == 125
    (record,) = lab.records
    assert record["reason"] == "supervisor-lost"
    assert record["contained"]["left"] == 0
