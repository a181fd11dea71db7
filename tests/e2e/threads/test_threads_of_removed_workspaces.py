"""Transcripts keep their issue when the workspace that they come from is gone."""

from __future__ import annotations

import pytest
from support.lab import Lab, Task
from support.model.server import ModelFactory, say

from codexlab.supervisor.records.ended import move_ended
from codexlab.supervisor.records.registry import read_entries


def move() -> None:
    move_ended([], lambda line: pytest.fail(line))
    assert read_entries() == []


def test_a_thread_keeps_its_issue_when_the_workspace_is_gone(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    model([say("done")])
    assert lab.run(["--issue", "123"], task("speak")).returncode == 0
    (record,) = lab.records
    thread = record["thread"]
    assert record["threads"] == [thread]
    removed = lab.codexlab("workspace", "remove", "123", "--force")
    assert removed.returncode == 0, removed.stderr
    for _ in ("from its entry", "from the history"):
        found = lab.codexlab("rollout", "list", "--issue", "123", "--json")
        assert thread in found.stdout, found.stderr
        assert thread not in lab.codexlab("rollout", "list", "--issue", "124", "--json").stdout
        move()
