"""A later task on the same issue goes on where the earlier one ended."""

from __future__ import annotations

from support.git.repositories import git
from support.lab import Lab, Task
from support.marks import both_codex
from support.model.server import ModelFactory, run_command, say, write_file


@both_codex
def test_the_second_task_reuses_workdir_home_and_thread(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    script = [write_file("kept.txt", "kept"), say("one"), run_command("cat kept.txt"), say("two")]
    server = model(script)
    first = lab.run(["--issue", "123"], task("{resume}", "first task"))
    assert first.returncode == 0, first.stderr
    marker = lab.workspace / "codex-home" / "marker"
    marker.write_text("here")
    second = lab.run(["--issue", "123"], task("{resume}", "second task"))
    assert second.returncode == 0, second.stderr
    before, after = lab.records
    assert (before["thread"], before["workdir"]["path"]) == (
        after["thread"],
        after["workdir"]["path"],
    )
    assert marker.read_text() == "here"
    assert server.requests[3].prompts == ["first task", "second task"]
    assert "kept" in server.requests[3].tool_outputs[0]
    assert after["agent_outcome"] == "completed"


def test_another_issue_gets_a_workspace_and_a_thread_of_its_own(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    model([say("one"), say("other")])
    lab.run(["--issue", "123"], task("{resume}", "first"))
    lab.run(["--issue", "124"], task("{resume}", "other"))
    one, other = lab.records
    assert one["workdir"]["path"] != other["workdir"]["path"]
    assert one["thread"] != other["thread"]


def test_started_in_a_linked_worktree_that_worktree_is_supervised_in_place(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    linked = lab.cwd.parent / "linked"
    git(lab.cwd, "worktree", "add", "-q", "-b", "topic", str(linked))
    model([write_file("here.txt", "here"), say("done")])
    done = lab.run(["--issue", "123"], task("write"), cwd=linked)
    assert done.returncode == 0, done.stderr
    assert (linked / "here.txt").read_text() == "here"
    assert lab.records[0]["workdir"]["path"] == str(linked)


def test_started_outside_git_codex_works_in_a_repository_made_for_it(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    outside = lab.cwd.parent / "outside"
    outside.mkdir()
    model([write_file("here.txt", "here"), say("done")])
    done = lab.run(["--issue", "123"], task("write"), cwd=outside)
    assert done.returncode == 0, done.stderr
    assert (lab.workspace / "workdir" / "here.txt").read_text() == "here"
    assert list(outside.iterdir()) == []
