"""``codexlab-run --commit`` commits what a completed run left, and changes no exit status."""

from __future__ import annotations

from pathlib import Path

from support.git.repositories import git
from support.git.users import write_users_config
from support.lab import Lab, Task
from support.model.server import ModelFactory
from support.model.turns import say, write_file

FLAGS = ["--issue", "7", "--agent", "codex", "--commit"]


def subjects(lab: Lab) -> list[str]:
    return git(lab.cwd, "log", "--format=%s", "main..codexlab/7/codex").splitlines()


def test_a_completed_run_is_committed_in_the_agents_words(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    write_users_config(lab)
    model([write_file("new.txt", "new"), say("Fixed add().\n\nIt subtracted.")])
    done = lab.run([*FLAGS, "-v"], task("Fix add()."))
    assert done.returncode == 0, done.stderr
    assert subjects(lab) == ["Fixed add()."]
    commit = git(lab.cwd, "rev-parse", "codexlab/7/codex")
    assert f"committed {commit[:12]} on codexlab/7/codex: Fixed add()." in done.stderr
    record = lab.records[-1]
    assert record["commit"] == commit
    assert record["git"] == {
        "head_before": git(lab.cwd, "rev-parse", "main"),
        "after": {"head": commit, "branch": "codexlab/7/codex", "dirty": False, "ahead": 1},
    }
    body = git(lab.cwd, "log", "-1", "--format=%B", commit)
    assert f"Codexlab-Run: {record['run_id']}" in body
    again = lab.run(FLAGS, ["true"])
    assert (again.returncode, again.stderr) == (0, "")
    assert len(subjects(lab)) == 1


def test_a_failed_run_is_left_as_it_is(lab: Lab) -> None:
    write_users_config(lab)
    done = lab.run(FLAGS, ["sh", "-c", "echo new >new.txt; exit 3"])
    assert done.returncode == 3
    assert subjects(lab) == []
    assert (lab.workspace / "workdir/new.txt").exists()


def test_what_cannot_be_committed_is_told_and_the_run_ends_as_it_did(lab: Lab) -> None:
    write_users_config(lab)
    Path(lab.environ["GIT_CONFIG_GLOBAL"]).write_text("")
    done = lab.run(FLAGS, ["sh", "-c", "echo new >new.txt"])
    assert done.returncode == 0
    assert "the work is not committed: commit: your git does not know who you are" in done.stderr
    assert "not committed" in str(lab.records[-1]["warnings"])
    assert subjects(lab) == []
