"""``codexlab resume`` leads a person into the thread that a task left, on codex's own screen."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from support.agents.codex import Codex
from support.lab import Lab, Task
from support.model.server import ModelFactory, say
from support.terminal.at_codex import answer_trust_question
from support.terminal.person import SHELL, Typed, terminal


def test_the_thread_of_a_task_goes_on_at_the_screen(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task, scratch: Path
) -> None:
    model([say("pomegranate")])
    assert lab.run(["--issue", "1"], task("one")).returncode == 0
    (record,) = lab.records
    told = lab.codexlab("resume", "1")
    launch = ["codexlab-run", "--issue", "1", "-i", "--", str(codex.native), "resume"]
    assert shlex.split(told.stdout) == [*launch, record["thread"]]
    elsewhere = lab.codexlab("resume", "1", "--json", cwd=scratch)
    found = json.loads(elsewhere.stdout)
    assert found["thread"] == record["thread"]
    project = ["--project", str(record["project"])]
    assert found["command"] == [*launch[:3], *project, *launch[3:], record["thread"]]
    words = ["sh", "-c", SHELL, str(lab.program.with_name("codexlab")), "resume", "-x", "1"]
    with terminal(words, lab.environ, lab.cwd) as screen:
        at_codex = Typed(screen, screen.settings)
        answer_trust_question(screen)
        screen.wait_for("pomegranate")
        assert at_codex.press_until_end("\x03") == 0
        assert screen.settings == at_codex.before
    assert lab.records[1]["thread"] == record["thread"]
    assert lab.records[1]["command"][-2:] == ["resume", record["thread"]]
