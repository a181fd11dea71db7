"""Real Claude Code: its sessions are known from its own store, and gone on with."""

from __future__ import annotations

import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.agents.claude import Claude, prompts_in, sessions_of
from support.git.repositories import git
from support.lab import Lab, Task
from support.model.server import (
    Gate,
    ModelFactory,
    by_prompt,
    fail,
    hold,
    run_command,
    say,
)

FLAGS = ["--issue", "1"]


@pytest.mark.parametrize("form", ["stream-json", "json", "text"])
def test_the_next_task_goes_on_with_the_session(
    lab: Lab, claude_model: ModelFactory, claude_task: Task, user_home: Path, form: str
) -> None:
    server = claude_model([say("one"), say("two")])
    for words in (["first"], ["{resume}", "second"]):
        done = lab.run(FLAGS, claude_task(*words, form=form))
        assert done.returncode == 0, done.stderr
    (session,) = sessions_of(user_home)
    assert [record["thread"] for record in lab.records] == [session, session]
    assert [record["resumed"] for record in lab.records] == [None, session]
    assert server.requests[1].prompts == ["first", "second"]
    outcome = "unconfirmed" if form == "text" else "completed"
    assert {record["agent_outcome"] for record in lab.records} == {outcome}


def test_all_events_in_one_list_tell_as_much(
    lab: Lab, claude_model: ModelFactory, claude_task: Task, user_home: Path
) -> None:
    claude_model([say("one")])
    done = lab.run(FLAGS, [*claude_task("first", form="json"), "--verbose"])
    assert done.stdout.startswith("[")
    (record,) = lab.records
    assert (record["thread"], record["last_word"]) == (*sessions_of(user_home), "completed")


def test_what_claude_calls_an_error_is_a_failed_run(
    lab: Lab, claude_model: ModelFactory, claude_task: Task
) -> None:
    claude_model(lambda _: fail(400))
    done = lab.run(FLAGS, claude_task("first", form="json"))
    assert done.returncode == 1
    assert lab.records[0]["last_word"] == "failed"


@pytest.mark.parametrize("form", ["stream-json", "json", "text"])
def test_a_session_ended_in_the_middle_of_a_turn_goes_on(
    lab: Lab, claude_model: ModelFactory, claude_task: Task, user_home: Path, form: str
) -> None:
    gate = Gate()
    server = claude_model([hold(gate, say("never")), say("two")])
    with lab.started(FLAGS, claude_task("first", form=form)) as run:
        run.wait_for_gate(gate)
        run.signal(signal.SIGTERM)
        run.finish()
    (session,) = sessions_of(user_home)
    record = lab.records[0]
    assert (record["thread"], record["reason"]) == (session, "cancelled")
    done = lab.run(FLAGS, claude_task("{resume}", "second", form=form))
    assert done.returncode == 0, done.stderr
    assert server.requests[1].prompts[0] == "first"
    assert server.requests[1].prompts[-1] == "second"


def test_it_goes_on_in_another_directory_and_after_the_workdir_was_made_anew(
    lab: Lab, claude_model: ModelFactory, claude_task: Task, source_repo: Path
) -> None:
    server = claude_model([say("one"), say("two"), say("three")])
    git(source_repo, "worktree", "add", "-q", "../side")
    first = lab.run(FLAGS, claude_task("first"), cwd=source_repo.parent / "side")
    assert first.returncode == 0, first.stderr
    done = lab.run(FLAGS, claude_task("{resume}", "second"))
    assert done.returncode == 0, done.stderr
    assert f"was made in {source_repo.parent / 'side'}; it goes on in" in done.stderr
    shutil.rmtree(lab.workspace / "workdir")
    done = lab.run(FLAGS, claude_task("{resume}", "third"))
    assert done.returncode == 0, done.stderr
    assert server.requests[2].prompts == ["first", "second", "third"]


def test_a_vanished_session_is_one_line_and_a_fresh_start(
    lab: Lab, claude_model: ModelFactory, claude_task: Task, user_home: Path
) -> None:
    server = claude_model([say("one"), say("two")])
    assert lab.run(FLAGS, claude_task("first")).returncode == 0
    (session,) = sessions_of(user_home)
    sessions_of(user_home)[session].unlink()
    done = lab.run(FLAGS, claude_task("{resume}", "second"))
    assert done.returncode == 0, done.stderr
    assert f"thread {session} has no transcript any more" in done.stderr
    assert server.requests[1].prompts == ["second"]
    assert lab.records[1]["thread"] not in (None, session)


def test_a_retry_goes_on_with_the_session_of_the_attempt_before(
    lab: Lab, claude_model: ModelFactory, claude_task: Task, user_home: Path
) -> None:
    server = claude_model([fail(400), say("two")])
    done = lab.run([*FLAGS, "--retries", "1"], claude_task("{resume}", "go"))
    assert done.returncode == 0, done.stderr
    (session,) = sessions_of(user_home)
    assert lab.records[0]["thread"] == session
    assert {request.thread for request in server.requests} == {session}


@pytest.mark.parametrize("form", ["json", "text"])
def test_issues_at_once_never_mix_their_sessions(
    lab: Lab, claude_model: ModelFactory, claude_task: Task, user_home: Path, form: str
) -> None:
    issues = ("alpha", "beta")
    script = {f"{issue}{turn}": [say("done")] for issue in issues for turn in (1, 2)}
    claude_model(by_prompt(script))

    def work(issue: str) -> subprocess.CompletedProcess[str]:
        lab.run(["--issue", issue], claude_task(f"{issue}1", form=form))
        return lab.run(["--issue", issue], claude_task("{resume}", f"{issue}2", form=form))

    with ThreadPoolExecutor() as pool:
        assert [done.returncode for done in pool.map(work, issues)] == [0, 0]
    said = sorted(prompts_in(path) for path in sessions_of(user_home).values())
    assert said == [[f"{issue}1", f"{issue}2"] for issue in issues]


@pytest.mark.parametrize("form", ["stream-json", "json", "text"])
def test_a_claude_that_a_tool_starts_is_not_the_session(
    lab: Lab,
    claude: Claude,
    claude_model: ModelFactory,
    claude_task: Task,
    user_home: Path,
    form: str,
) -> None:
    script = {
        "outer": [run_command(f"{claude.native} -p inner"), say("outer done"), say("again")],
        "inner": [say("inner done")],
    }
    claude_model(by_prompt(script))
    done = lab.run(FLAGS, claude_task("outer", form=form))
    assert done.returncode == 0, done.stderr
    said = {path.stem: prompts_in(path)[0] for path in sessions_of(user_home).values()}
    assert sorted(said.values()) == ["inner", "outer"]
    assert said[str(lab.records[0]["thread"])] == "outer"


def test_a_claude_that_keeps_no_session_leaves_none_to_go_on_with(
    lab: Lab, claude_model: ModelFactory, claude_task: Task
) -> None:
    server = claude_model([say("one"), say("two")])
    done = lab.run(FLAGS, [*claude_task("first"), "--no-session-persistence"])
    assert done.returncode == 0, done.stderr
    assert lab.records[0]["thread"] is None
    assert lab.run(FLAGS, claude_task("{resume}", "second")).returncode == 0
    assert server.requests[1].prompts == ["second"]


def test_a_configuration_directory_of_its_own_is_where_its_sessions_are(
    lab: Lab, claude_model: ModelFactory, claude_task: Task, scratch: Path
) -> None:
    server = claude_model([say("one"), say("two")])
    flags = [*FLAGS, "--set", f"CLAUDE_CONFIG_DIR={scratch / 'elsewhere'}"]
    for words in (["first"], ["{resume}", "second"]):
        done = lab.run(flags, claude_task(*words, form="text"))
        assert done.returncode == 0, done.stderr
    assert server.requests[1].prompts == ["first", "second"]


@pytest.mark.parametrize("form", ["stream-json", "text"])
def test_an_interrupted_claude_is_no_success_whatever_it_says(
    lab: Lab, claude_model: ModelFactory, claude_task: Task, form: str
) -> None:
    gate = Gate()
    claude_model([hold(gate, say("never"))])
    with lab.started(FLAGS, claude_task("first", form=form)) as run:
        run.wait_for_gate(gate)
        run.signal(signal.SIGINT)
        status, _, _ = run.finish()
    (record,) = lab.records
    assert (status, record["reason"], record["exit_code"]) == (130, "cancelled", 0)
    assert record["agent_outcome"] == "failed"
