"""Two tasks on one issue at the same moment: one runs, the other learns who does."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from support.agents.codex import Codex
from support.lab import Lab, Task
from support.marks import both_codex
from support.model.server import Gate, ModelFactory, hold, say
from support.rollout.transcripts import rollout_of, said


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


def test_ten_at_once_over_one_store_that_do_not_say_their_thread_are_told_apart(
    lab: Lab, model: ModelFactory, codex: Codex, shared_home: Path
) -> None:
    """Without ``--json`` the thread comes from the banner, or from the rollout held open."""
    gate = Gate()
    server = model(lambda request: hold(gate, say(f"done {request.prompts[-1]}")))
    issues = [str(number) for number in range(10)]
    with ExitStack() as stack:
        # Half of them do not even show the banner.
        runs = [
            stack.enter_context(
                lab.started(
                    ["--issue", issue, "--agent", "codex"],
                    _quiet(codex, issue, silent=number % 2 == 0),
                )
            )
            for number, issue in enumerate(issues)
        ]
        server.wait_for_requests(10, timeout=60)
        threads = {
            issue: str(run.wait_for_event("thread.started", timeout=60)["thread"])
            for issue, run in zip(issues, runs, strict=True)
        }
        gate.open()
        assert [run.finish(timeout=60)[0] for run in runs] == [0] * 10
    recorded = {str(record["issue"]): str(record["thread"]) for record in lab.records}
    assert recorded == threads
    assert len(set(threads.values())) == 10
    for issue in issues:
        (prompt,) = [
            text
            for text in said(rollout_of(shared_home, threads[issue]), "user")
            if text.startswith("task")
        ]
        assert prompt == f"task {issue}"


def _quiet(codex: Codex, issue: str, *, silent: bool) -> list[str]:
    command = [str(codex.native), "exec", f"task {issue}"]
    return ["sh", "-c", 'exec "$@" 2> /dev/null', "codex", *command] if silent else command
