"""The pinned Claude Code runs offline against the scripted model."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.agents.claude import Claude, prompts_in, sessions_of
from support.commands import run_to_end
from support.model.server import (
    Gate,
    ModelFactory,
    Turn,
    fail,
    hold,
    rate_limited,
    run_command,
    say,
)


def execute(
    claude: Claude, environ: dict[str, str], cwd: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return run_to_end(
        [claude.native, "-p", *arguments, "--output-format", "json", "--allowedTools", "Bash"],
        environ,
        cwd,
    )


def test_claude_runs_a_command_when_the_model_says_so(
    claude: Claude,
    claude_model: ModelFactory,
    clean_environ: dict[str, str],
    source_repo: Path,
) -> None:
    server = claude_model([run_command("printf hello > note.txt; echo said"), say("done")])
    done = execute(claude, clean_environ, source_repo, "write a note")
    assert done.returncode == 0, done.stderr
    assert (source_repo / "note.txt").read_text() == "hello"
    assert [request.prompts for request in server.requests] == [["write a note"]] * 2
    assert server.requests[1].tool_outputs == ["said"]
    assert json.loads(done.stdout)["result"] == "done"


def test_claude_resumes_its_session_from_any_directory(
    claude: Claude,
    claude_model: ModelFactory,
    clean_environ: dict[str, str],
    source_repo: Path,
    user_home: Path,
) -> None:
    server = claude_model([say("one"), say("two")])
    session = json.loads(execute(claude, clean_environ, source_repo, "first").stdout)["session_id"]
    elsewhere = source_repo.parent / "elsewhere"
    elsewhere.mkdir()
    again = execute(claude, clean_environ, elsewhere, "--resume", session, "second")
    assert again.returncode == 0, again.stderr
    request = server.requests[1]
    assert (request.thread, request.prompts) == (session, ["first", "second"])
    assert request.replies == ["one"]
    assert prompts_in(sessions_of(user_home)[session]) == ["first", "second"]


@pytest.mark.parametrize("refusal", [fail(500), fail(400), rate_limited(1)])
def test_claude_fails_when_the_model_does(
    claude: Claude,
    claude_model: ModelFactory,
    clean_environ: dict[str, str],
    source_repo: Path,
    refusal: Turn,
) -> None:
    claude_model(lambda _: refusal)
    done = execute(claude, clean_environ, source_repo, "anything")
    assert done.returncode == 1
    assert json.loads(done.stdout)["is_error"] is True


def test_a_turn_of_claude_can_be_held(
    claude: Claude, claude_model: ModelFactory, clean_environ: dict[str, str], source_repo: Path
) -> None:
    gate = Gate()
    claude_model([hold(gate, say("at last"))])
    with subprocess.Popen(
        [claude.native, "-p", "wait"], cwd=source_repo, env=clean_environ,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        gate.wait_reached()
        gate.open()
        out, _ = process.communicate(timeout=60)
    assert out == b"at last\n"
