"""Two tasks on one issue at the same moment: one runs, the other learns who does."""

from __future__ import annotations

from support.lab import Lab, Task
from support.marks import both_codex
from support.model_server import Gate, ModelFactory, hold, say


@both_codex
def test_the_second_gets_75_and_the_name_of_the_holder(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    gate = Gate()
    server = model([hold(gate, say("done"))])
    with lab.started(["--issue", "123"], task("first")) as first:
        first.wait_for_gate(gate)
        run_id = first.wait_for_event("child.spawned")["run_id"]
        second = lab.run(["--issue", "123"], task("second"))
        assert second.returncode == 75
        assert second.stderr.count("\n") == 1
        assert run_id in second.stderr
        gate.open()
        status, _, _ = first.finish()
    assert status == 0
    assert len(server.requests) == 1


def test_two_issues_run_side_by_side(lab: Lab, model: ModelFactory, task: Task) -> None:
    gate = Gate()
    server = model([hold(gate, say("one")), hold(gate, say("two"))])
    with (
        lab.started(["--issue", "1"], task("one")) as one,
        lab.started(["--issue", "2"], task("two")) as two,
    ):
        server.wait_for_requests(2)
        gate.open()
        assert (one.finish()[0], two.finish()[0]) == (0, 0)
    assert [record["agent_outcome"] for record in lab.records] == ["completed", "completed"]
