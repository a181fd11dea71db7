"""Two real claudes never work on one session at once: the second launch is busy."""

from __future__ import annotations

import json
import os
import select
from pathlib import Path

import pytest
from support.agents.claude import own_claude, prompts_in, sessions_of
from support.lab import Lab, Task
from support.model.server import Gate, ModelFactory, Script, hold, say
from support.processes.killing import kill_at_once

FIRST, SECOND = ["--issue", "1"], ["--issue", "2"]


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def session(
    lab: Lab, claude_model: ModelFactory, claude_task: Task, user_home: Path, gate: Gate
) -> str:
    """A session of issue 1; its second turn waits at the gate."""
    script: Script = [say("one"), hold(gate, say("two")), say("three")]
    claude_model(script)
    assert lab.run(FIRST, claude_task("first")).returncode == 0
    (found,) = sessions_of(user_home)
    return found


@pytest.mark.parametrize("words", [["--resume"], ["-r"], ["--resume="]])
def test_a_session_that_another_issues_run_works_on_is_busy(
    lab: Lab, claude_task: Task, session: str, gate: Gate, words: list[str], user_home: Path
) -> None:
    named = [f"--resume={session}"] if words == ["--resume="] else [*words, session]
    with lab.started(FIRST, claude_task("{resume}", "second")) as run:
        run.wait_for_gate(gate)
        done = lab.run(SECOND, claude_task(*named, "third"))
        assert done.returncode == 75, done.stderr
        pid = run.wait_for_event("child.spawned")["pid"]
        (line,) = [line for line in done.stderr.splitlines() if session in line]
        assert f"session {session} is being worked on by claude (pid {pid})" in line
        gate.open()
        assert run.finish()[0] == 0
    assert prompts_in(sessions_of(user_home)[session]) == ["first", "second"]
    assert lab.run(SECOND, claude_task(*named, "third")).returncode == 0
    assert prompts_in(sessions_of(user_home)[session]) == ["first", "second", "third"]


def test_who_waits_goes_on_when_the_other_one_has_ended(
    lab: Lab, claude_task: Task, session: str, gate: Gate, user_home: Path
) -> None:
    with lab.started(FIRST, claude_task("{resume}", "second")) as run:
        run.wait_for_gate(gate)
        flags = [*SECOND, "--wait", "60s"]
        with lab.started(flags, claude_task("--resume", session, "third")) as later:
            pid = run.wait_for_event("child.spawned")["pid"]
            told = later.wait_for_line("waiting")
            assert f"session {session} is being worked on by claude (pid {pid})" in told
            assert not later.has_written("child.spawned")
            gate.open()
            assert run.finish()[0] == 0
            assert later.finish()[0] == 0
    assert prompts_in(sessions_of(user_home)[session]) == ["first", "second", "third"]


def test_a_session_that_the_users_own_claude_works_on_is_busy(
    lab: Lab, claude_task: Task, session: str, gate: Gate
) -> None:
    with own_claude(lab, claude_task("--resume", session, "second")) as process:
        gate.wait_reached()
        done = lab.run(FIRST, claude_task("{resume}", "third"))
        assert done.returncode == 75, done.stderr
        assert f"claude (pid {process.pid})" in done.stderr
        record = lab.records[-1]
        assert record["reason"] in (None, "exited", "busy")
    assert lab.run(FIRST, claude_task("{resume}", "third")).returncode == 0


def test_a_fork_of_a_busy_session_is_a_session_of_its_own(
    lab: Lab, claude_task: Task, session: str, gate: Gate, user_home: Path
) -> None:
    with lab.started(FIRST, claude_task("{resume}", "second")) as run:
        run.wait_for_gate(gate)
        done = lab.run(SECOND, claude_task("--resume", session, "--fork-session", "aside"))
        assert done.returncode == 0, done.stderr
        gate.open()
        assert run.finish()[0] == 0
    assert len(sessions_of(user_home)) == 2


def test_of_two_launches_that_start_together_one_has_the_session(
    lab: Lab, claude_task: Task, session: str, gate: Gate, user_home: Path
) -> None:
    command = claude_task("--resume", session, "second")
    with lab.started(SECOND, command) as one, lab.started(["--issue", "3"], command) as other:
        gate.wait_reached()
        ends = [os.pidfd_open(run.guardian) for run in (one, other)]
        assert select.select(ends, [], [], 60)[0], "both go on"
        gate.open()
        assert sorted((one.finish()[0], other.finish()[0])) == [0, 75]
        for fd in ends:
            os.close(fd)
    assert prompts_in(sessions_of(user_home)[session]) == ["first", "second"]


@pytest.mark.usefixtures("sockets_of_the_killed")
def test_what_a_dead_claude_left_keeps_nobody_away(
    lab: Lab, claude_task: Task, session: str, gate: Gate, user_home: Path
) -> None:
    with lab.started(FIRST, claude_task("{resume}", "second")) as run:
        run.wait_for_gate(gate)
        kill_at_once(run.guardian, run.supervisor)
        run.process.wait(30)
    entries = [json.loads(path.read_bytes()) for path in user_home.glob(".claude/sessions/*.json")]
    assert [entry["sessionId"] for entry in entries] == [session]
    gate.open()
    assert lab.run(FIRST, claude_task("{resume}", "third")).returncode == 0
