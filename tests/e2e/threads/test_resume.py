"""The second task goes on with the thread, whatever became of its rollout; context comes along."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.agents.codex import Codex
from support.git.repositories import git
from support.lab import Lab, Task
from support.marks import both_codex
from support.model.server import Gate, ModelFactory, hold, say
from support.rollout.transcripts import rollout_of


def compress(lab: Lab, thread: str) -> None:
    done = lab.codexlab("rollout", "compress", thread)
    assert done.returncode == 0, done.stderr


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


def test_a_thread_that_another_codex_is_writing_is_75_and_its_name(
    lab: Lab, model: ModelFactory, task: Task, codex: Codex, clean_environ: dict[str, str]
) -> None:
    gate = Gate()
    server = model([say("first"), hold(gate, say("elsewhere")), say("third")])
    assert lab.run(["--issue", "1"], task("one")).returncode == 0
    thread = str(lab.records[0]["thread"])
    elsewhere = subprocess.Popen(
        [codex.native, "exec", "--skip-git-repo-check", "resume", thread, "meanwhile"],
        env=clean_environ, cwd=lab.cwd, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with elsewhere:
        try:
            gate.wait_reached()
            done = lab.run(["--issue", "1"], task("{resume}", "two"))
        finally:
            gate.open()
    assert done.returncode == 75
    writer = f"codex (pid {elsewhere.pid})"
    assert done.stderr.splitlines() == [
        f"codexlab-run: thread {thread} has an active writer: {writer}; end it or wait for it"
    ]
    assert len(server.requests) == 2
    assert lab.run(["--issue", "1"], task("{resume}", "three")).returncode == 0
    assert server.requests[2].prompts == ["one", "meanwhile", "three"]


def test_a_thread_made_in_another_directory_goes_on_here_and_a_line_says_so(
    lab: Lab, model: ModelFactory, task: Task, source_repo: Path
) -> None:
    server = model([say("first"), say("second"), say("third")])
    git(source_repo, "worktree", "add", "-q", "../side")
    first = lab.run(["--issue", "1"], task("one"), cwd=source_repo.parent / "side")
    assert first.returncode == 0, first.stderr
    thread = lab.records[0]["thread"]
    done = lab.run(["--issue", "1"], task("{resume}", "two"), cwd=source_repo)
    assert done.returncode == 0, done.stderr
    assert f"thread {thread} was made in {source_repo.parent / 'side'}" in done.stderr
    assert server.requests[1].prompts == ["one", "two"]
    assert lab.records[1]["thread"] == thread
    again = lab.run(["--issue", "1"], task("{resume}", "three"), cwd=source_repo)
    assert "was made in" not in again.stderr
    assert lab.records[2]["thread"] == thread


def test_a_store_of_its_own_goes_on_with_its_own_threads(
    lab: Lab, model: ModelFactory, task: Task, shared_home: Path
) -> None:
    server = model([say("first"), say("second")])
    for words in (["one"], ["{resume}", "two"]):
        done = lab.run(["--issue", "1", "--sessions", "issue"], task(*words))
        assert done.returncode == 0, done.stderr
    assert server.requests[1].prompts == ["one", "two"]
    assert not list(shared_home.glob("sessions/**/rollout-*"))


def test_a_store_of_its_own_sees_of_yours_only_the_thread_it_goes_on_with(
    lab: Lab, model: ModelFactory, task: Task, shared_home: Path
) -> None:
    server = model([say(word) for word in ("other", "first", "second", "third")])
    assert lab.run(["--issue", "other"], task("other")).returncode == 0
    assert lab.run(["--issue", "1"], task("one")).returncode == 0
    thread = str(lab.records[1]["thread"])
    compress(lab, thread)
    done = lab.run(["--issue", "1", "--sessions", "issue"], task("{resume}", "two"))
    assert done.returncode == 0, done.stderr
    assert server.requests[2].prompts == ["one", "two"]
    home = Path(str(lab.records[2]["codex_home"]))
    (seen,) = home.glob("sessions/**/rollout-*")
    assert seen.readlink() == rollout_of(shared_home, thread)
    assert lab.records[2]["thread"] == thread
    back = lab.run(["--issue", "1"], task("{resume}", "three"))
    assert back.returncode == 0, back.stderr
    assert server.requests[3].prompts == ["one", "two", "three"]
    assert (home / "sessions").readlink() == shared_home / "sessions"


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
