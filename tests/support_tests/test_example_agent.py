"""The bundled example agent behaves as a small codex."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from support.agents.codex import CHECKOUT
from support.commands import run_to_end
from support.model.codex_responses import Json
from support.rollout.transcripts import read_rollout, rollout_of, rollouts, said


def run(environ: dict[str, str], cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_to_end(
        [CHECKOUT / "examples" / "example_agent.py", *arguments], environ, cwd, timeout=30
    )


def events(done: subprocess.CompletedProcess[str]) -> list[Json]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_it_fixes_the_sample_and_streams_events(
    clean_environ: dict[str, str], scratch: Path
) -> None:
    (scratch / "calculator.py").write_text("def add(a, b):\n    return a - b\n")
    stream = events(run(clean_environ, scratch, "exec", "-s", "workspace-write", "--json", "fix"))
    kinds = [event["type"] for event in stream]
    assert kinds == ["thread.started", "turn.started", "item.completed", "turn.completed"]
    assert "return a + b" in (scratch / "calculator.py").read_text()


def test_a_resumed_thread_appends_to_its_rollout_and_remembers(
    clean_environ: dict[str, str], scratch: Path, shared_home: Path
) -> None:
    first = events(run(clean_environ, scratch, "exec", "--json", "note {this}"))
    thread = str(first[0]["thread_id"])
    before = rollout_of(shared_home, thread).read_bytes()
    second = events(run(clean_environ, scratch, "exec", "--json", "resume", thread, "again"))
    assert second[0]["thread_id"] == thread
    assert "note {this}" in second[2]["item"]["text"]
    assert len(rollouts(shared_home)) == 1
    path = rollout_of(shared_home, thread)
    assert path.read_bytes().startswith(before)
    assert said(path, "user") == ["note {this}", "again"]
    assert read_rollout(path)[0]["payload"]["cwd"] == str(scratch)


def test_an_unknown_thread_is_one_line_and_a_failure(
    clean_environ: dict[str, str], scratch: Path
) -> None:
    done = run(clean_environ, scratch, "exec", "--json", "resume", "none", "prompt")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("example-agent: no rollout of thread none")
