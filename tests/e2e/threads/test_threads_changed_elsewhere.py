"""A thread that was changed from your own home goes on in the workspace as codex itself would."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.agents.app_server import app_server
from support.agents.codex import Codex
from support.lab import Lab, Task
from support.marks import both_codex
from support.model.server import ModelFactory, ModelRequest, Turn, say
from support.rollout.transcripts import make_rollout


def answer(request: ModelRequest) -> Turn:
    """Answer whatever is asked."""
    return say(f"heard {request.prompt}")


def edit_second_message(codex: Codex, lab: Lab, environ: dict[str, str], thread: str) -> None:
    """Go back before the second turn and say something else, as Esc Esc at the screen does."""
    with app_server(codex, environ, lab.cwd) as client:
        client.resume(thread)
        client.revert(thread, client.turns(thread)[1])
        client.turn(thread, "second edited")


@pytest.mark.parametrize("by_name", [False, True])
def test_a_message_edited_in_the_users_home_is_edited_for_the_next_task(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task, by_name: bool
) -> None:
    server = model(answer)
    for words in (["first"], ["{resume}", "second"]):
        assert lab.run(["--issue", "1"], task(*words)).returncode == 0
    thread = str(lab.records[0]["thread"])
    edit_second_message(codex, lab, lab.environ, thread)
    words = ["resume", thread] if by_name else ["{resume}"]
    done = lab.run(["--issue", "1"], task(*words, "third"))
    assert done.returncode == 0, done.stderr
    assert server.requests[-1].prompts == ["first", "second edited", "third"]
    again = own_codex(codex, lab, thread, "fourth")
    assert again.returncode == 0, again.stderr
    assert server.requests[-1].prompts == ["first", "second edited", "third", "fourth"]


def own_codex(codex: Codex, lab: Lab, thread: str, words: str) -> subprocess.CompletedProcess[str]:
    """Go on with a thread as the user does without codexlab."""
    command = [str(codex.native), "exec", "--skip-git-repo-check", "resume", thread, words]
    return lab.call(command)


def archive_the_newer(lab: Lab, codex: Codex, task: Task) -> str:
    """Make two threads, archive the newer one as the user does, and return its name."""
    for words in ("older", "newer"):
        assert lab.run(["--issue", "1"], task(words)).returncode == 0
    thread = str(lab.records[1]["thread"])
    with app_server(codex, lab.environ, lab.cwd) as client:
        client.archive(thread)
    return thread


@both_codex
def test_an_archived_thread_is_named_with_the_remedy_and_an_older_one_goes_on(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task
) -> None:
    server = model(answer)
    thread = archive_the_newer(lab, codex, task)
    done = lab.run(["--issue", "1"], task("{resume}", "third"))
    assert done.returncode == 0, done.stderr
    assert f"thread {thread} is archived; run `codex unarchive {thread}`, or" in done.stderr
    assert server.requests[-1].prompts == ["older", "third"]


@pytest.mark.parametrize("codex", ["0.135.0"], indirect=True)
def test_a_codex_that_could_resume_an_archived_thread_passes_it_over_too_unless_it_is_named(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task
) -> None:
    server = model(answer)
    thread = archive_the_newer(lab, codex, task)
    # What {resume} asks for, codex itself is asked for by --last: the newest thread of all.
    bare = [str(codex.native), "exec", "--skip-git-repo-check", "resume", "--last", "--all", "bare"]
    done = lab.call(bare)
    assert server.requests[-1].prompts == ["older", "bare"], done.stderr
    done = lab.run(["--issue", "1"], task("{resume}", "third"))
    assert server.requests[-1].prompts == ["older", "bare", "third"], done.stderr
    assert f"give 'resume {thread}' instead of {{resume}}" in done.stderr
    done = lab.run(["--issue", "1"], task("resume", thread, "fourth"))
    assert server.requests[-1].prompts == ["newer", "fourth"], done.stderr


def test_a_thread_that_was_unarchived_goes_on_again(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task
) -> None:
    server = model(answer)
    assert lab.run(["--issue", "1"], task("first")).returncode == 0
    thread = str(lab.records[0]["thread"])
    for verb in ("archive", "unarchive"):
        subprocess.run(
            [codex.native, verb, thread], env=lab.environ, cwd=lab.cwd, check=True,
            stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
    done = lab.run(["--issue", "1"], task("{resume}", "second"))
    assert done.returncode == 0, done.stderr
    assert server.requests[-1].prompts == ["first", "second"]


def test_a_thread_migrated_in_the_users_home_goes_on(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task
) -> None:
    server = model(answer)
    assert lab.run(["--issue", "1"], task("zero")).returncode == 0
    home = {**lab.environ, "CODEX_HOME": str(lab.workspace / "codex-home")}
    with app_server(codex, home, lab.workspace / "workdir") as client:
        thread = client.start(lab.workspace / "workdir", "legacy")
        client.turn(thread, "first")
    assert lab.run(["--issue", "1"], task("resume", thread, "second")).returncode == 0
    subprocess.run(
        [codex.native, "migrate-rollouts", "--apply"], env=lab.environ, cwd=lab.cwd, check=True,
        stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip
    done = lab.run(["--issue", "1"], task("{resume}", "third"))
    assert done.returncode == 0, done.stderr
    assert server.requests[-1].prompts == ["first", "second", "third"]


def test_a_fork_is_the_newest_thread_and_goes_on(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task
) -> None:
    server = model(answer)
    assert lab.run(["--issue", "1"], task("first")).returncode == 0
    thread = str(lab.records[0]["thread"])
    assert lab.run(["--issue", "1"], task("fork", thread, "aside")).returncode == 0
    assert lab.records[1]["thread"] not in (None, thread)
    done = lab.run(["--issue", "1"], task("{resume}", "more"))
    assert done.returncode == 0, done.stderr
    assert server.requests[-1].prompts == ["first", "aside", "more"]


def test_turns_and_names_are_seen_from_both_sides(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task
) -> None:
    model(answer)
    assert lab.run(["--issue", "1"], task("first")).returncode == 0
    thread, home = str(lab.records[0]["thread"]), lab.workspace / "codex-home"
    for words in ("second", "third"):
        with app_server(codex, lab.environ, lab.cwd) as client:
            seen = client.turns(thread)
        assert len(seen) == {"second": 1, "third": 2}[words]
        assert lab.run(["--issue", "1"], task("{resume}", words)).returncode == 0
    with app_server(codex, {**lab.environ, "CODEX_HOME": str(home)}, lab.cwd) as client:
        assert len(client.turns(thread)) == 3
        client.resume(thread)
        client.name(thread, "pomegranate")
    assert own_codex(codex, lab, "pomegranate", "fourth").returncode == 0
    listed = lab.codexlab("rollout", "list")
    assert listed.returncode == 0, listed.stderr
    assert "pomegranate" in listed.stdout
    assert not (home / "thread_history_1.sqlite-wal").exists()


def test_four_issues_at_once_write_one_history_without_an_error(
    lab: Lab, model: ModelFactory, codex: Codex, task: Task
) -> None:
    model(answer)
    failed: list[str] = []

    def work(issue: str) -> None:
        for number in range(3):
            done = lab.run(["--issue", issue], task("{resume}", f"{issue} {number}"), timeout=120)
            if done.returncode or "rror" in done.stderr:
                failed.append(f"{done.returncode}: {done.stderr}")

    workers = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failed == []
    threads = {str(record["thread"]) for record in lab.records}
    assert len(threads) == 4
    with app_server(codex, lab.environ, lab.cwd) as client:
        assert [len(client.turns(thread)) for thread in threads] == [3] * 4


_CODEX = '#!/bin/sh\nexec 3>>"${HELD:-/dev/null}"; echo "$@"; read line\n'


def plant_link(database: Path, shared: Path) -> None:
    """Lead to the user's own database."""
    database.symlink_to(shared / database.name)


def plant_fifo(database: Path, _shared: Path) -> None:
    """Nobody will ever write."""
    os.mkfifo(database)


def plant_garbage(database: Path, _shared: Path) -> None:
    """No database at all."""
    database.write_bytes(b"garbage" * 1000)


@pytest.mark.parametrize("plant", [plant_link, plant_fifo, plant_garbage])
def test_an_index_that_an_agent_replaced_is_one_line_and_the_thread_goes_on(
    lab: Lab, shared_home: Path, scratch: Path, plant: Callable[[Path, Path], None]
) -> None:
    codex = scratch / "codex"
    codex.write_text(_CODEX)
    codex.chmod(0o755)
    with contextlib.closing(sqlite3.connect(shared_home / "state_5.sqlite")) as database:
        database.execute("create table threads (id text, rollout_path text)")
        database.commit()
    assert lab.run(["--issue", "1"], [codex]).returncode != 127
    held = make_rollout(shared_home, cwd=lab.workspace / "workdir")
    thread = held.stem[-36:]
    flags = ["--issue", "1", "--stdin", "inherit", "--set", f"HELD={held}"]
    with lab.started(flags, [codex], stdin=subprocess.PIPE) as run:
        run.wait_for_event("thread.started")
        run.finish()
    index = lab.workspace / "codex-home/state_5.sqlite"
    index.unlink(missing_ok=True)
    plant(index, shared_home)
    with contextlib.closing(sqlite3.connect(shared_home / "state_5.sqlite")) as database:
        database.execute("insert into threads values (?, '/elsewhere')", (thread,))
        database.commit()
    done = lab.run(["--issue", "1"], [codex, "{resume}"])
    assert done.stdout == f"resume {thread}\n"
    assert done.stderr.count("codex's index of threads cannot be used") == 1
    with contextlib.closing(sqlite3.connect(shared_home / "state_5.sqlite")) as database:
        assert database.execute("select count(*) from threads").fetchone() == (1,)
