"""The second task goes on with the thread, whatever became of its rollout; context comes along."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.lab import Lab, Task
from support.marks import both_codex
from support.model_server import ModelFactory, say
from support.rollouts import rollout_of


def compress(lab: Lab, thread: str) -> None:
    program = lab.program.with_name("codexlab")
    subprocess.run(
        [program, "rollout", "compress", thread], env=lab.environ, cwd=lab.cwd, check=True,
        capture_output=True,
    )  # fmt: skip


@both_codex
def test_a_compressed_thread_is_resumed_by_any_codex(
    lab: Lab, model: ModelFactory, task: Task, shared_home: Path
) -> None:
    server = model([say("first"), say("second")])
    assert lab.run(["--issue", "1"], task("one")).returncode == 0
    thread = str(lab.records[0]["thread"])
    plain = rollout_of(shared_home, thread)
    compress(lab, thread)
    assert not plain.exists()
    done = lab.run(["--issue", "1"], task("{resume}", "two"))
    assert done.returncode == 0, done.stderr
    assert server.requests[1].prompts == ["one", "two"]
    assert lab.records[1]["thread"] == thread
    assert plain.exists()


def test_a_vanished_thread_is_one_line_and_a_fresh_start(
    lab: Lab, model: ModelFactory, task: Task, shared_home: Path
) -> None:
    server = model([say("first"), say("second")])
    assert lab.run(["--issue", "1"], task("one")).returncode == 0
    thread = str(lab.records[0]["thread"])
    rollout_of(shared_home, thread).unlink()
    done = lab.run(["--issue", "1"], task("{resume}", "two"))
    assert done.returncode == 0, done.stderr
    assert f"thread {thread} has no rollout any more" in done.stderr
    assert server.requests[1].prompts == ["two"]
    assert lab.records[1]["thread"] != thread


def test_a_store_of_its_own_goes_on_with_its_own_threads(
    lab: Lab, model: ModelFactory, task: Task, shared_home: Path
) -> None:
    server = model([say("first"), say("second")])
    for words in (["one"], ["{resume}", "two"]):
        done = lab.run(["--issue", "1", "--sessions", "issue"], task(*words))
        assert done.returncode == 0, done.stderr
    assert server.requests[1].prompts == ["one", "two"]
    assert not list(shared_home.glob("sessions/**/rollout-*"))


def test_context_files_are_those_of_this_task_and_no_others(lab: Lab) -> None:
    one, two = lab.cwd.parent / "one.txt", lab.cwd.parent / "two.txt"
    one.write_text("1")
    two.write_text("2")
    listing = ["sh", "-c", 'ls "$CODEXLAB_RUN_CONTEXT"']
    flags = ["--issue", "1"]
    assert lab.run([*flags, "--context", one, "--context", two], listing).stdout == (
        "one.txt\ntwo.txt\n"
    )
    assert lab.run([*flags, "--context", two], listing).stdout == "two.txt\n"
    without = lab.run(flags, ["sh", "-c", 'echo "${CODEXLAB_RUN_CONTEXT-none}"'])
    assert without.stdout == "none\n"


def test_a_missing_context_file_is_one_line_and_nothing_runs(lab: Lab) -> None:
    done = lab.run(["--issue", "1", "--context", "no-such-file"], ["touch", "ran"])
    assert done.returncode == 125
    assert "no-such-file" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not lab.workspaces_root.exists()
