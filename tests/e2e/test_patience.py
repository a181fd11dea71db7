"""Each lock of a launch has one patience and a named holder; no child of its own waits for it."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.agents.codex import Codex
from support.git.repositories import git
from support.git.waiting import add_filter, open_files, stuck_program
from support.lab import Lab, Running, Task
from support.model.server import Gate, ModelFactory, hold, say

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
    assert f"run {run_id}, which waits for this command" in done.stderr


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


IMPATIENT = """#!{python}
import codexlab.workspace.workdir.make as workdir
from codexlab.cli import launch
workdir.LOCK_PATIENCE = 0.2  # what a launch waits for others' worktrees at least: ten minutes
launch()
"""


def impatient(lab: Lab, scratch: Path) -> Lab:
    """Return the program with a patience for worktrees that a test can outlast."""
    program = scratch / "impatient"
    program.write_text(IMPATIENT.format(python=sys.executable))
    program.chmod(0o755)
    return Lab(program, lab.environ, lab.cwd, lab.workspaces_root)


@contextmanager
def worktree_being_made(lab: Lab, scratch: Path) -> Generator[Running]:
    """Hold the repository's lock by a launch whose checkout waits; free it by ending that."""
    with stuck_program(scratch / "filter") as stuck:
        add_filter(lab.cwd, "smudge", stuck.program)
        with lab.started(["--issue", "first"], ["true"]) as run:
            stuck.wait_until_it_runs()
            # The next checkout does not wait.
            stuck.program.write_text("#!/bin/sh\nexec cat\n")
            yield run


def wait_for_repository(run: Running) -> None:
    """Return once a launch has come to the repository's lock."""
    run.wait_for_event("run.planned")
    while not any("/repositories/" in name for name in open_files(run.guardian)):
        assert run.process.poll() is None, run.finish()


def test_a_launch_outlasts_the_usual_patience_for_worktrees_only_where_it_is_told_to_wait(
    lab: Lab, scratch: Path
) -> None:
    hurried = impatient(lab, scratch)
    with worktree_being_made(lab, scratch) as first:
        run_id = first.wait_for_event("run.planned")["run_id"]
        waiting = [["--wait=10m"], ["--wait"]]
        with (
            hurried.started(["--issue", "a", *waiting[0]], ["echo", "ran"]) as bounded,
            hurried.started(["--issue", "b", *waiting[1]], ["echo", "ran"]) as unbounded,
        ):
            wait_for_repository(bounded)
            wait_for_repository(unbounded)
            # It begins to wait after both, and its patience is over first.
            refused = hurried.run(["--issue", "c"], ["true"])
            assert (refused.returncode, len(refused.stderr.splitlines())) == (75, 1)
            assert f"its worktrees were busy for 0 s, held by run {run_id}" in refused.stderr
            assert [bounded.process.poll(), unbounded.process.poll()] == [None, None]
            first.signal(signal.SIGTERM)
            assert first.finish()[0] == 143
            for run in (bounded, unbounded):
                status, stdout, stderr = run.finish()
                assert (status, stdout) == (0, b"ran\n"), stderr


def test_a_launch_that_is_not_told_to_wait_waits_for_anothers_worktree_all_the_same(
    lab: Lab, scratch: Path
) -> None:
    with (
        worktree_being_made(lab, scratch) as first,
        lab.started(["--issue", "a", "--wait=0s"], ["echo", "ran"]) as second,
    ):
        wait_for_repository(second)
        first.signal(signal.SIGTERM)
        first.finish()
        status, stdout, stderr = second.finish()
    assert (status, stdout) == (0, b"ran\n"), stderr


@pytest.mark.parametrize("wait", ["--wait=10m", "--wait"])
def test_a_thread_that_another_codex_writes_is_waited_for_as_long_as_is_asked(
    lab: Lab, model: ModelFactory, task: Task, codex: Codex, wait: str
) -> None:
    gate = Gate()
    server = model([say("first"), hold(gate, say("elsewhere")), say("third")])
    assert lab.run(["--issue", "1"], task("one")).returncode == 0
    thread = str(lab.records[0]["thread"])
    elsewhere = subprocess.Popen(
        [codex.native, "exec", "--skip-git-repo-check", "resume", thread, "meanwhile"],
        env=lab.environ, cwd=lab.cwd, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with elsewhere:
        try:
            gate.wait_reached()
            with lab.started(["--issue", "1", wait], task("{resume}", "two")) as run:
                assert run.process.stderr is not None
                # Said after five seconds; the usual patience is over after three.
                told = run.process.stderr.readline().decode()
                assert f"thread {thread} has an active writer: codex" in told
                gate.open()
                status, _, stderr = run.finish()
        finally:
            gate.open()
    assert status == 0, stderr
    assert server.requests[2].prompts == ["one", "meanwhile", "two"]
