"""A run beside somebody else's claude in the same directory has a session of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.agents.claude import own_claude, prompts_in, sessions_of
from support.lab import Lab, Task
from support.model.server import (
    Gate,
    ModelFactory,
    ModelServer,
    by_prompt,
    hold,
    run_command,
    say,
)
from support.processes.killing import kill_at_once

FORMS = pytest.mark.parametrize("form", ["stream-json", "json", "text"])


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A claude of the user's own, and the model that it and the runs ask."""

    process: subprocess.Popen[bytes]
    model: ModelServer


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def last() -> Gate:
    return Gate()


@pytest.fixture
def flags(lab: Lab) -> list[str]:
    return ["--issue", "1", "--workdir", str(lab.cwd)]


@pytest.fixture
def neighbour(
    lab: Lab, claude_model: ModelFactory, claude_task: Task, gate: Gate, last: Gate
) -> Generator[Neighbour]:
    """The user's own claude, in the middle of its turn in the same directory."""
    turns = {
        "theirs": [hold(gate, run_command("true")), hold(last, say("theirs"))],
        "mine": [say("mine")],
        "held": [hold(Gate(), say("never"))],
        "again": [say("again")],
    }
    server = claude_model(by_prompt(turns))
    with own_claude(lab, claude_task("theirs")) as process:
        try:
            gate.wait_reached()
            yield Neighbour(process, server)
        finally:
            gate.open()
            last.open()


def named(user_home: Path) -> dict[str, list[str]]:
    return {prompts_in(path)[0]: prompts_in(path) for path in sessions_of(user_home).values()}


def session_of(user_home: Path, prompt: str) -> str:
    (found,) = [
        name for name, path in sessions_of(user_home).items() if prompts_in(path)[0] == prompt
    ]
    return found


@FORMS
@pytest.mark.usefixtures("neighbour")
def test_its_own_session_is_recorded_and_gone_on_with(
    lab: Lab, claude_task: Task, flags: list[str], user_home: Path, form: str
) -> None:
    assert lab.run(flags, claude_task("mine", form=form)).returncode == 0
    own = session_of(user_home, "mine")
    assert lab.records[-1]["thread"] == own
    done = lab.run(flags, claude_task("{resume}", "again", form=form))
    assert done.returncode == 0, done.stderr
    assert lab.records[-1]["resumed"] == own
    assert named(user_home) == {"theirs": ["theirs"], "mine": ["mine", "again"]}


@pytest.mark.parametrize("word", ["--continue", "-c", "-pc"])
def test_its_continue_takes_no_session_of_the_other(
    lab: Lab,
    claude_task: Task,
    flags: list[str],
    user_home: Path,
    word: str,
    neighbour: Neighbour,
) -> None:
    done = lab.run(flags, claude_task(word, "mine"))
    assert done.returncode == 75, done.stderr
    busy = f"session {session_of(user_home, 'theirs')} is being worked on by claude"
    assert f"{busy} (pid {neighbour.process.pid}); wait with --wait, end that, or" in done.stderr
    assert named(user_home) == {"theirs": ["theirs"]}


@FORMS
@pytest.mark.usefixtures("neighbour")
def test_its_fork_of_the_others_session_is_its_own(
    lab: Lab, claude_task: Task, flags: list[str], user_home: Path, form: str
) -> None:
    done = lab.run(flags, claude_task("--continue", "--fork-session", "mine", form=form))
    assert done.returncode == 0, done.stderr
    said = {name: prompts_in(path) for name, path in sessions_of(user_home).items()}
    ((theirs, _),) = [item for item in said.items() if item[1] == ["theirs"]]
    (own,) = said.keys() - {theirs}
    assert lab.records[-1]["thread"] == own
    done = lab.run(flags, claude_task("{resume}", "again", form=form))
    assert lab.records[-1]["resumed"] == own, done.stderr
    assert prompts_in(sessions_of(user_home)[theirs]) == ["theirs"]


@pytest.mark.usefixtures("neighbour")
def test_a_claude_in_another_directory_is_no_hindrance(
    lab: Lab, claude_task: Task, user_home: Path
) -> None:
    assert lab.run(["--issue", "1"], claude_task("mine")).returncode == 0
    done = lab.run(["--issue", "1"], claude_task("--continue", "again"))
    assert done.returncode == 0, done.stderr
    assert lab.records[-1]["thread"] == session_of(user_home, "mine")
    assert named(user_home) == {"theirs": ["theirs"], "mine": ["mine", "again"]}


def test_who_waits_goes_on_when_the_other_has_ended(
    lab: Lab,
    claude_task: Task,
    flags: list[str],
    user_home: Path,
    gate: Gate,
    last: Gate,
    neighbour: Neighbour,
) -> None:
    with lab.started([*flags, "--wait", "60s"], claude_task("--continue", "mine")) as run:
        told = run.wait_for_line("waiting")
        assert f"is being worked on by claude (pid {neighbour.process.pid})" in told
        gate.open()
        last.wait_reached()  # it has gone on, and has not ended
        assert not run.has_written("child.spawned")
        last.open()
        run.wait_for_event("child.spawned")
        assert neighbour.process.wait(30) == 0
        assert run.finish()[0] == 0
    assert neighbour.model.requests[-1].prompts == ["theirs", "mine"]
    assert neighbour.model.requests[-1].replies == ["theirs"]
    assert named(user_home) == {"theirs": ["theirs", "mine"]}


@pytest.mark.usefixtures("sockets_of_the_killed", "neighbour")
def test_a_killed_runs_session_is_found_beside_the_other(
    lab: Lab,
    claude_task: Task,
    flags: list[str],
    user_home: Path,
    gate: Gate,
    last: Gate,
) -> None:
    with lab.started(flags, claude_task("held", form="text")) as run:
        run.wait_for_event("thread.started")
        gate.open()
        last.wait_reached()  # the other one has written meanwhile, and lives
        kill_at_once(run.guardian, run.supervisor)
        run.process.wait(30)
    (log,) = lab.workspaces_root.glob("*/1/claude/.codexlab/threads.json")
    log.unlink()
    done = lab.run(flags, claude_task("{resume}", "again", form="text"))
    assert done.returncode == 0, done.stderr
    assert lab.records[-1]["resumed"] == session_of(user_home, "held")
