"""How a run ends when codex fails, is told to stop, or takes too long."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest
from support.agents.codex import OLD, Codex
from support.lab import Lab, Task, running, wait_until_running
from support.marks import both_codex
from support.model.server import Gate, ModelFactory, drop_connection, fail, hold, run_command, say
from support.rollout.transcripts import rollout_of


@both_codex
@pytest.mark.parametrize(
    "turn", [fail(400), fail(500), drop_connection(2)], ids=["400", "500", "drop"]
)
def test_a_failing_codex_gives_its_own_status_and_is_not_called_completed(
    lab: Lab, model: ModelFactory, task: Task, turn: object
) -> None:
    model(lambda _: turn)  # type: ignore[arg-type, return-value]
    done = lab.run(["--issue", "123"], task("fail"))
    assert done.returncode == 1, done.stderr
    (record,) = lab.records
    assert (record["reason"], record["exit_status"]) == ("exited", 1)
    assert record["agent_outcome"] == "failed"
    assert record["contained"]["left"] == 0


@both_codex
def test_codex_that_cannot_start_gives_its_own_status(lab: Lab, codex: Codex) -> None:
    done = lab.run(["--issue", "123"], [codex.native, "exec", "--no-such-option"])
    assert done.returncode == 2
    assert "--no-such-option" in done.stderr
    assert lab.records[0]["agent_outcome"] == "failed"


@both_codex
def test_sigterm_in_the_middle_of_a_turn_ends_with_143_and_a_thread_to_resume(
    lab: Lab, model: ModelFactory, task: Task, shared_home: Path
) -> None:
    gate = Gate()
    server = model([hold(gate, say("never heard")), say("back again")])
    with lab.started(["--issue", "123"], task("long task")) as run:
        run.wait_for_gate(gate)
        run.signal(signal.SIGTERM)
        status, _, _ = run.finish(timeout=20)
    assert status == 143
    (record,) = lab.records
    assert record["agent_outcome"] == "failed"
    assert record["contained"]["left"] == 0
    assert rollout_of(shared_home, record["thread"]).exists()
    done = lab.run(["--issue", "123"], task("{resume}", "go on"))
    assert done.returncode == 0, done.stderr
    assert server.requests[1].thread == record["thread"]
    assert server.requests[1].prompts == ["long task", "go on"]


@both_codex
def test_sigterm_in_the_middle_of_a_tool_call_leaves_nothing_of_the_tool(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    gate = Gate()
    model([run_command("setsid sleep 314.15 & sleep 314.16", wait_ms=250), hold(gate, say("no"))])
    with lab.started(["--issue", "123"], task("long tool")) as run:
        run.wait_for_gate(gate)
        wait_until_running("sleep 314.1", 2)
        run.signal(signal.SIGTERM)
        status, _, _ = run.finish(timeout=30)
    assert status == 143
    assert running("sleep 314.1") == set()
    assert lab.records[0]["contained"]["left"] == 0


@both_codex
def test_the_time_limit_ends_a_run_with_124(lab: Lab, model: ModelFactory, task: Task) -> None:
    gate = Gate()
    model([hold(gate, say("never heard"))])
    done = lab.run(["--issue", "123", "--timeout", "4s"], task("too long"))
    assert done.returncode == 124
    (record,) = lab.records
    assert record["reason"] == "timeout"
    assert record["agent_outcome"] == "failed"
    assert record["contained"]["left"] == 0


@both_codex
def test_what_codex_left_behind_is_swept_and_counted(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    model([run_command("setsid sleep 271.82 >/dev/null 2>&1 & echo started"), say("done")])
    done = lab.run(["--issue", "123"], task("leave something"))
    assert done.returncode == 0, done.stderr
    assert running("sleep 271.82") == set()
    assert lab.records[0]["contained"]["left"] == 0


@pytest.mark.parametrize("codex", [OLD], indirect=True)
def test_a_cancelled_codex_whose_launcher_says_0_is_no_success(
    lab: Lab, model: ModelFactory, codex: Codex
) -> None:
    gate = Gate()
    model([hold(gate, say("never"))])
    command = ["node", str(codex.launcher), "exec", "--json", "go"]
    with lab.started(["--issue", "1"], command) as run:
        run.wait_for_gate(gate)
        run.signal(signal.SIGTERM)
        status, _, _ = run.finish()
    (record,) = lab.records
    assert (status, record["exit_status"], record["exit_code"]) == (143, 143, 0)
    assert (record["reason"], record["agent_outcome"]) == ("cancelled", "failed")


def test_no_beginning_of_a_secret_is_in_the_name_of_what_outlived_the_agent(lab: Lab) -> None:
    """The kernel cuts the name of a process after 15 bytes: the rest of a secret is not in it."""
    secret = "canary-9b1f6c07-not-for-records"
    name = "import ctypes, sys, time; ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0)"
    child = f"setsid {sys.executable} -c '{name}; print(flush=True); time.sleep(99)' $MY_TOKEN"
    done = lab.run(
        ["--issue", "1", "--no-repo", "--set", f"MY_TOKEN={secret}"],
        ["sh", "-c", f"mkfifo ready; {child} >ready 2>/dev/null & read -r _ <ready"],
    )
    assert done.returncode == 0, done.stderr
    (record,) = lab.records
    assert record["contained"]["swept_names"] == {"***": 1}
    (events,) = lab.workspaces_root.glob("*/*/*/.codexlab/runs/*/events.ndjson")
    assert secret[:8] not in json.dumps(record) + events.read_text()


def test_the_record_names_what_outlived_the_agent(lab: Lab) -> None:
    until = "until [ $(cat /proc/$!/comm) = sleep ]; do sleep 0.01; done"
    start = f"setsid sleep 99.7 >/dev/null 2>&1 & {until}"
    done = lab.run(["--issue", "1", "--no-repo"], ["sh", "-c", f"{start}; {start}"])
    assert done.returncode == 0, done.stderr
    (record,) = lab.records
    contained = record["contained"]
    assert (contained["swept"], contained["swept_names"], contained["left"]) == (2, {"sleep": 2}, 0)
