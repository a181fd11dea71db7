"""Every lock a launch needs has one patience, a holder with a name, and is not waited for by its own child."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from support.lab import Lab
from support.repositories import git

HOLD = ["sh", "-c", "echo ready; read line"]


def place(lab: Lab, kind: str) -> tuple[list[str], Path]:
    """Return the flags and the directory of launches that need one directory."""
    other = lab.cwd.parent / "other"
    if kind == "given":
        other.mkdir()
        return ["--workdir", str(other)], lab.cwd
    git(lab.cwd, "worktree", "add", "-q", str(other))
    return [], other


@pytest.mark.parametrize("kind", ["linked", "given"])
def test_a_directory_that_another_issues_run_holds_is_waited_for(lab: Lab, kind: str) -> None:
    flags, cwd = place(lab, kind)
    here = Lab(lab.program, lab.environ, cwd, lab.workspaces_root)
    words = [*flags, "--stdin", "inherit"]
    with here.started(["--issue", "a", *words], HOLD, stdin=-1) as first:
        assert first.process.stdout is not None
        assert first.process.stdout.readline() == b"ready\n"
        with here.started(["--issue", "b", "--wait=60s", *flags], ["echo", "ran"]) as second:
            second.wait_for_event("run.planned")
            refused = here.run(["--issue", "c", *flags], ["true"])
            run_id = first.wait_for_event("child.spawned")["run_id"]
            assert refused.returncode == 75
            assert f"held by run {run_id}" in refused.stderr
            assert second.process.poll() is None
            first.finish()
            status, stdout, _ = second.finish()
    assert (status, stdout) == (0, b"ran\n")


@pytest.mark.parametrize("flags", [[], ["--agent", "claude", "--workdir", "."]])
def test_a_launch_from_within_a_run_never_waits_for_that_run(lab: Lab, flags: list[str]) -> None:
    root = ["--workspaces-root", str(lab.workspaces_root)]
    nested = lab.argv(["--issue", "1", "--wait=1h", *root, *flags], ["true"])
    done = lab.run(["--issue", "1"], ["sh", "-c", shlex.join(nested) + "; echo $?"], timeout=60)
    assert done.stdout == "75\n", done.stderr
    run_id = lab.records[0]["run_id"]
    assert f"run {run_id}, from within which this was started" in done.stderr


def test_a_task_started_in_another_issues_worktree_gets_one_of_its_own(lab: Lab) -> None:
    assert (
        lab.run(["--issue", "1"], ["git", "commit", "-qm", "one", "--allow-empty"]).returncode == 0
    )
    workdir = lab.workspace / "workdir"
    head = git(workdir, "rev-parse", "HEAD")
    script = "git rev-parse HEAD; git branch --show-current"
    done = lab.run(["--issue", "2"], ["sh", "-c", script], cwd=workdir)
    assert (done.returncode, done.stdout) == (0, f"{head}\ncodexlab/2/generic\n"), done.stderr
    again = lab.run(["--issue", "2"], ["sh", "-c", script], cwd=workdir)
    assert again.stdout == done.stdout
    assert git(workdir, "branch", "--show-current") == "codexlab/1/generic"


def test_a_task_started_from_within_a_run_works_on_its_own_branch(lab: Lab) -> None:
    nested = lab.argv(["--issue", "2", "--wait=1h"], ["git", "branch", "--show-current"])
    done = lab.run(["--issue", "1"], nested)
    assert (done.returncode, done.stdout) == (0, "codexlab/2/generic\n"), done.stderr
