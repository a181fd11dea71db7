"""``codexlab commit`` commits all that is left uncommitted, or changes nothing."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from support.git.repositories import git
from support.git.users import write_users_config
from support.lab import Lab

from codexlab.workspace.issue_work.message import subject

EDIT = ["sh", "-c", "echo edited >README.md && echo new >new.txt"]


@pytest.fixture
def worked(lab: Lab) -> Lab:
    write_users_config(lab)
    done = lab.run(["--issue", "PROJ-7"], EDIT)
    assert done.returncode == 0, done.stderr
    return lab


def refused(lab: Lab, *words: str, status: int = 125) -> str:
    """Commit in vain; return the line that says why, once nothing has changed."""
    workdir = lab.workspace / "workdir"
    before = git(workdir, "status", "--porcelain"), git(lab.cwd, "for-each-ref")
    done = lab.codexlab("commit", *(words or ("PROJ-7",)))
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.count("\n") == 1
    assert (git(workdir, "status", "--porcelain"), git(lab.cwd, "for-each-ref")) == before
    return done.stderr


def test_all_is_committed_by_the_user_and_says_from_which_issue_and_run(worked: Lab) -> None:
    workdir = worked.workspace / "workdir"
    branch = git(workdir, "symbolic-ref", "--short", "HEAD")
    done = worked.codexlab("commit", "PROJ-7")
    assert done.returncode == 0, done.stderr
    commit = git(workdir, "rev-parse", "HEAD")
    assert done.stdout == f"committed {commit[:12]} on {branch}: Work on PROJ-7\n"
    assert git(workdir, "status", "--porcelain") == ""
    assert git(workdir, "show", "--format=%an <%ae>|%cn", "--name-only") == (
        "Me Myself <me@localhost>|Me Myself\n\nREADME.md\nnew.txt"
    )
    run_id = worked.records[-1]["run_id"]
    assert git(workdir, "log", "-1", "--format=%(trailers)").splitlines()[:2] == [
        "Codexlab-Issue: PROJ-7",
        f"Codexlab-Run: {run_id}",
    ]
    assert git(worked.cwd, "status", "--porcelain") == ""
    assert "nothing to commit" in refused(worked)


def test_the_users_message_is_kept_and_stays_before_the_trailers(worked: Lab) -> None:
    said = worked.codexlab("commit", "PROJ-7", "-m", "Fix it\n\nSigned-off-by: Me", "--json")
    assert json.loads(said.stdout)["subject"] == "Fix it"
    body = git(worked.workspace / "workdir", "log", "-1", "--format=%B")
    assert body.startswith("Fix it\n\nSigned-off-by: Me\nCodexlab-Issue: PROJ-7\n")


@pytest.mark.parametrize(
    ("output", "subject"),
    [
        ("Fixed add().\n\nIt subtracted.", "Fixed add()."),
        ('{"type":"turn.started"}', "Work on PROJ-7"),
        ("\\033[31mscreen", "Work on PROJ-7"),
    ],
)
def test_the_subject_is_what_the_agent_said_last(lab: Lab, output: str, subject: str) -> None:
    write_users_config(lab)
    script = "printf '%b' \"$1\"; echo edited >README.md"
    words = ["sh", "-c", script, "sh", output]
    done = lab.run(["--issue", "PROJ-7", "--agent", "claude"], words)
    assert done.returncode == 0, done.stderr
    done = lab.codexlab("commit", "PROJ-7")
    assert done.returncode == 0, done.stderr
    assert git(lab.workspace / "workdir", "log", "-1", "--format=%s") == subject


def test_a_subject_is_one_line_of_at_most_72_characters() -> None:
    assert subject("x" * 100) == "x" * 71 + "…"
    assert subject("\n## All\x1b[31m good\nmore") == "All [31m good"
    assert subject(" \n") == ""


def test_a_busy_workspace_is_left_alone(worked: Lab) -> None:
    with worked.started(["--issue", "PROJ-7"], ["sleep", "60"]) as run:
        run.wait_for_event("child.spawned")
        assert "held by run" in refused(worked, status=75)
        run.signal(signal.SIGTERM)
        run.finish()


def test_an_unfinished_merge_and_conflicts_are_left_alone(worked: Lab) -> None:
    workdir = worked.workspace / "workdir"
    merge_head = Path(git(workdir, "rev-parse", "--absolute-git-dir"), "MERGE_HEAD")
    merge_head.write_text(git(workdir, "rev-parse", "HEAD") + "\n")
    assert "a merge is under way" in refused(worked)
    merge_head.unlink()
    blob = git(workdir, "rev-parse", "HEAD:README.md")
    git(workdir, "update-index", "--force-remove", "README.md")
    lines = "".join(f"100644 {blob} {stage}\tREADME.md\n" for stage in (1, 2, 3))
    (workdir / "lines").write_text(lines)
    git(workdir, "-c", "alias.x=!git update-index --index-info <lines", "x")
    assert "files with conflicts" in refused(worked)


def test_a_detached_commit_and_a_branch_elsewhere_are_left_alone(worked: Lab) -> None:
    workdir = worked.workspace / "workdir"
    head = Path(git(workdir, "rev-parse", "--absolute-git-dir"), "HEAD")
    before = head.read_text()
    head.write_text(git(workdir, "rev-parse", "HEAD") + "\n")
    assert "on no branch" in refused(worked)
    head.write_text("ref: refs/heads/main\n")
    assert f"is checked out in {worked.cwd} too" in refused(worked)
    head.write_text(before)
    branch = before.removeprefix("ref: ").strip()
    git(worked.cwd, "update-ref", "-d", branch)
    git(worked.cwd, "symbolic-ref", branch, "refs/heads/main")
    assert "leads to another reference" in refused(worked)


def test_nobody_to_commit_as_is_told(worked: Lab) -> None:
    Path(worked.environ["HOME"], ".gitconfig").unlink()
    assert "git config --global user.name" in refused(worked)


def test_hooks_run_only_where_the_user_asks_and_only_the_users(worked: Lab, scratch: Path) -> None:
    hooks, workdir = worked.cwd / ".git/hooks", worked.workspace / "workdir"
    hooks.mkdir(exist_ok=True)
    (hooks / "commit-msg").write_text('#!/bin/sh\necho "Hooked: yes" >>"$1"\n')
    (hooks / "pre-commit").write_text("#!/bin/sh\ntest ! -e stop || { echo no >&2; exit 1; }\n")
    for hook in hooks.iterdir():
        hook.chmod(0o755)
    (workdir / "stop").touch()
    assert "pre-commit: refused (status 1): no" in refused(worked, "PROJ-7", "--hooks")
    (workdir / "stop").unlink()
    assert worked.codexlab("commit", "PROJ-7", "--hooks").returncode == 0
    assert "Hooked: yes" in git(workdir, "log", "-1", "--format=%B")
    (workdir / "stop").touch()
    assert worked.codexlab("commit", "PROJ-7").returncode == 0
    assert "Hooked" not in git(workdir, "log", "-1", "--format=%B")
    (workdir / "more").touch()
    write_users_config(worked, f"[core]\n\thooksPath = {workdir}/hooks\n")
    assert "could have written hooks there" in refused(worked, "PROJ-7", "--hooks")


def test_a_filter_of_the_user_stores_and_one_of_the_repository_is_refused(worked: Lab) -> None:
    workdir = worked.workspace / "workdir"
    (workdir / ".gitattributes").write_text("*.txt filter=upper\n")
    git(worked.cwd, "config", "filter.upper.clean", "touch /nowhere/ran; cat")
    assert "filter upper" in refused(worked)
    write_users_config(worked, '[filter "upper"]\n\tclean = tr a-z A-Z\n')
    assert worked.codexlab("commit", "PROJ-7").returncode == 0
    assert git(workdir, "show", "HEAD:new.txt") == "NEW"


def test_a_plain_workspace_is_committed_too(lab: Lab) -> None:
    write_users_config(lab)
    assert lab.run(["--issue", "PROJ-7", "--no-repo"], EDIT).returncode == 0
    done = lab.codexlab("commit", "PROJ-7")
    assert done.returncode == 0, done.stderr
    assert git(lab.workspace / "workdir", "ls-files") == "README.md\nnew.txt"
