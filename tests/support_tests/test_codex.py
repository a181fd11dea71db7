"""Both pinned codex versions run offline against the scripted model."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from support.agents.codex import Codex
from support.commands import run_to_end
from support.marks import both_codex
from support.model.server import ModelFactory, ModelServer, fail, run_command, say, write_file
from support.rollout.transcripts import rollout_of, said


def execute(
    codex: Codex, environ: dict[str, str], cwd: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return run_to_end(
        [codex.native, "exec", "-s", "workspace-write", "--json", *arguments], environ, cwd
    )


@both_codex
def test_codex_writes_a_file_when_the_model_says_so(
    codex: Codex, model: ModelFactory, clean_environ: dict[str, str], source_repo: Path
) -> None:
    text = 'it\'s {here}\nand "there"\n'
    server = model([write_file("note.txt", text), say("done")])
    done = execute(codex, clean_environ, source_repo, "write a note")
    assert done.returncode == 0, done.stderr
    assert (source_repo / "note.txt").read_text() == text
    assert server.requests[0].prompt == "write a note"
    assert len(server.requests[1].tool_outputs) == 1


@both_codex
def test_codex_resumes_its_thread(
    codex: Codex,
    model: ModelFactory,
    clean_environ: dict[str, str],
    source_repo: Path,
    shared_home: Path,
) -> None:
    server = model([say("one"), say("two")])
    first = execute(codex, clean_environ, source_repo, "first task")
    thread = json.loads(first.stdout.splitlines()[0])["thread_id"]
    second = execute(codex, clean_environ, source_repo, "resume", thread, "second task")
    assert second.returncode == 0, second.stderr
    request = server.requests[1]
    assert (request.thread, request.prompts) == (thread, ["first task", "second task"])
    assert request.replies == ["one"]
    assert said(rollout_of(shared_home, thread), "assistant") == ["one", "two"]


@both_codex
def test_codex_fails_when_the_model_does(
    codex: Codex, model: ModelFactory, clean_environ: dict[str, str], source_repo: Path
) -> None:
    model(lambda _: fail(400, "no such thing"))
    done = execute(codex, clean_environ, source_repo, "anything")
    assert done.returncode == 1
    assert "turn.failed" in done.stdout


def test_the_launcher_of_the_package_runs_the_same_codex(
    codex: Codex, clean_environ: dict[str, str]
) -> None:
    printed = [
        subprocess.run(
            [program, "--version"],
            env=clean_environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for program in (codex.native, codex.launcher)
    ]
    assert printed == [f"codex-cli {codex.version}\n"] * 2


def test_a_long_output_reaches_the_model(
    codex: Codex, model: ModelFactory, clean_environ: dict[str, str], source_repo: Path
) -> None:
    server: ModelServer = model([run_command("seq 1 200000"), say("x" * 1_000_000)])
    done = execute(codex, clean_environ, source_repo, "count")
    assert done.returncode == 0, done.stderr
    assert len(server.requests[1].tool_outputs[0]) > 10_000
    assert "x" * 1_000_000 in done.stdout
