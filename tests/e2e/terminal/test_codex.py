"""Real codex at a terminal: its screen works, its thread is known, and the next task resumes it."""

from __future__ import annotations

from support.agents.codex import Codex
from support.lab import Lab, Task
from support.model.server import ModelFactory, by_prompt, say
from support.terminal.at_codex import answer_trust_question, ask
from support.terminal.person import typed


def test_a_session_typed_at_the_screen_is_resumed_by_the_next_task(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task
) -> None:
    # More than one turn: its screen asks the model for a title as well.
    answers = {"hello": [say("pomegranate")] * 3, "once more": [say("done")]}
    server = model(by_prompt(answers))
    trust = f'projects={{"{lab.cwd}"={{trust_level="trusted"}}}}'
    with typed(lab, ["--issue", "1"], [str(codex.native), "-c", trust]) as run:
        run.screen.answering = True
        run.screen.wait_for("shortcuts")
        ask(run.screen, "hello", "pomegranate")  # before, Ctrl-C would end the turn only
        run.screen.wait_until(lambda: knows_thread(lab))
        assert run.press_until_end("\x03") == 0
        assert run.screen.settings == run.before
    (record,) = lab.records
    assert record["thread"]
    done = lab.run(["--issue", "1"], task("{resume}", "once more"))
    assert done.returncode == 0, done.stderr
    assert server.requests[-1].prompts == ["hello", "once more"]
    assert lab.records[1]["thread"] == record["thread"]


def test_a_fresh_codex_asks_for_trust_is_asked_something_and_left_and_the_next_task_goes_on(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task
) -> None:
    answers = {"hello": [say("pomegranate")] * 3, "once more": [say("done")]}
    server = model(by_prompt(answers))
    with typed(lab, ["--issue", "1"], [str(codex.native)]) as run:
        answer_trust_question(run.screen)
        run.screen.wait_for("shortcuts")
        ask(run.screen, "hello", "pomegranate")
        run.screen.wait_until(lambda: knows_thread(lab))
        run.screen.type("/quit")
        run.screen.wait_for("/quit")
        assert run.press_until_end("\r") == 0
        assert run.screen.settings == run.before
    done = lab.run(["--issue", "1"], task("{resume}", "once more"))
    assert done.returncode == 0, done.stderr
    assert server.requests[-1].prompts == ["hello", "once more"]
    assert lab.records[1]["thread"] == lab.records[0]["thread"]


def knows_thread(lab: Lab) -> bool:
    """Tell whether the run has found out on which thread the agent works."""
    (events,) = lab.workspaces_root.glob("*/*/*/.codexlab/runs/*/events.ndjson")
    return b'"thread.started"' in events.read_bytes()
