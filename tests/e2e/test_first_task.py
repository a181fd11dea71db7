"""One task on a new issue, from the command to the record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.agents.codex import Codex
from support.git.repositories import git
from support.lab import Lab, Task
from support.marks import both_codex
from support.model.server import ModelFactory, run_command, say, write_file
from support.rollout.transcripts import rollout_of, said


@both_codex
def test_codex_edits_a_file_in_the_issues_worktree_and_exits_0(
    lab: Lab, model: ModelFactory, task: Task, shared_home: Path
) -> None:
    model([write_file("hello.txt", "hello\n"), say("done")])
    done = lab.run(["--issue", "123"], task("write hello"))
    assert done.returncode == 0, done.stderr
    assert "codexlab-run:" not in done.stderr
    workdir = lab.workspace / "workdir"
    assert (workdir / "hello.txt").read_text() == "hello\n"
    assert git(lab.cwd, "status", "--porcelain") == ""
    (record,) = lab.records
    assert record["agent_outcome"] == "completed"
    assert (record["reason"], record["exit_status"]) == ("exited", 0)
    assert record["contained"]["left"] == 0
    thread = json.loads(done.stdout.splitlines()[0])["thread_id"]
    assert record["thread"] == thread
    assert said(rollout_of(shared_home, thread), "assistant")[-1] == "done"


@both_codex
def test_codexs_own_tool_commits_with_git_write(lab: Lab, model: ModelFactory, task: Task) -> None:
    commit = "echo new > new.txt && git add new.txt && git commit -q -m 'Add a file' && echo made"
    server = model([run_command(commit), say("committed")])
    done = lab.run(["--issue", "123", "--git-write"], task("commit"))
    assert done.returncode == 0, done.stderr
    assert "made" in server.requests[1].tool_outputs[0]
    assert git(lab.workspace / "workdir", "log", "-1", "--format=%s") == "Add a file"
    assert git(lab.cwd, "log", "-1", "--format=%s") == "Start the sample"


@both_codex
def test_without_git_write_codexs_tool_cannot_commit(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    commit = "echo new > new.txt && git add new.txt && git commit -q -m no; echo status $?"
    server = model([run_command(commit), say("refused")])
    lab.run(["--issue", "123"], task("commit"))
    assert "status 0" not in server.requests[1].tool_outputs[0]
    assert git(lab.workspace / "workdir", "log", "-1", "--format=%s") == "Start the sample"


_PROMPTS = {
    "braces": "use {braces}, {resume} inside and {{double}} ones",
    "quotes": """it's "quoted" and `ticked` and $HOME and \\n and %s""",
    "newlines": "first line\n\n  third line\twith a tab\r\nlast",
    "unicode": "Grüße, 世界, and a bell \a",
}


@both_codex
@pytest.mark.parametrize("prompt", _PROMPTS.values(), ids=_PROMPTS.keys())
def test_a_prompt_arrives_byte_for_byte(
    lab: Lab, model: ModelFactory, task: Task, prompt: str
) -> None:
    server = model([say("read")])
    done = lab.run(["--issue", "123"], task(prompt))
    assert done.returncode == 0, done.stderr
    assert server.requests[0].prompt == prompt


def test_the_node_launcher_of_the_package_is_supervised_as_well(
    lab: Lab, model: ModelFactory, codex: Codex
) -> None:
    model([write_file("a.txt", "a"), say("done")])
    launcher = [str(codex.launcher), "exec", "-s", "workspace-write", "--json", "write a"]
    done = lab.run(["--issue", "123", "--agent", "codex"], launcher)
    assert done.returncode == 0, done.stderr
    assert lab.records[0]["agent_outcome"] == "completed"
    assert (lab.workspace / "workdir" / "a.txt").read_text() == "a"


def test_what_codex_prints_passes_through_byte_for_byte(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    model([run_command("seq 1 20000"), say("y" * 300_000)])
    with lab.started(["--issue", "123"], task("count")) as running:
        status, stdout, _ = running.finish()
    assert status == 0
    assert stdout == (lab.run_directory(lab.records[0]) / "stdout.log").read_bytes()
    assert b"y" * 300_000 in stdout


def test_what_a_git_write_agent_rewrote_to_lead_git_elsewhere_is_put_back(lab: Lab) -> None:
    rewrite = (
        'cd "$(git rev-parse --git-dir)" && echo /nowhere >commondir && echo "[x]" >config.worktree'
    )
    done = lab.run(["--issue", "1", "--git-write"], ["sh", "-c", rewrite])
    assert done.returncode == 0
    assert git(lab.workspace / "workdir", "status", "--porcelain") == ""
    entry = lab.cwd / ".git/worktrees/workdir"
    assert (entry / "commondir").read_text() == "../..\n"
    assert not (entry / "config.worktree").exists()
    assert done.stderr.count("was changed by the run and is put back") == 2
