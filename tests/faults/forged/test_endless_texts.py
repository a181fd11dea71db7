"""Texts of an agent that could be read with the square of their length hold nothing up."""

from __future__ import annotations

import json
import subprocess
import uuid

import pytest
from support.lab import Lab

SECONDS = 20.0
"""Far more than any of these takes, and far less than the square of their length would."""


def codexlab(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    return lab.call([lab.program.parent / "codexlab", *words], timeout=SECONDS)


@pytest.mark.parametrize("command", ["show", "remove"])
def test_a_log_of_stashes_that_is_one_endless_line(lab: Lab, command: str) -> None:
    lab.run(["--issue", "1"], ["true"])
    log = lab.cwd / ".git" / "logs" / "refs"
    log.mkdir(parents=True, exist_ok=True)
    (log / "stash").write_text("\tOn " * 2_000_000 + "\n")
    assert codexlab(lab, "workspace", command, "1").returncode in (0, 1, 125)


def test_a_configuration_that_is_one_endless_line(lab: Lab) -> None:
    lab.run(["--issue", "1"], ["true"])
    config = lab.cwd / ".git" / "config"
    config.write_text(config.read_text() + "[a]" * 300_000 + "\n")
    assert codexlab(lab, "workspace", "show", "1").returncode in (0, 1, 125)
    lab.run(["--issue", "1"], ["true"], timeout=SECONDS)


def test_threads_without_end_are_not_all_looked_for(lab: Lab) -> None:
    lab.run(["--issue", "1", "--agent", "codex"], ["true"])
    entry = {"cwd": str(lab.cwd), "agent": "codex", "seen": "2026-01-01T00:00:00+00:00"}
    threads = [{"id": str(uuid.UUID(int=number)), **entry} for number in range(20_000)]
    record = lab.workspace / ".codexlab" / "threads.json"
    record.write_text(json.dumps({"v": 1, "threads": threads, "cargo_key": None}))
    done = lab.run(
        ["--issue", "1", "--agent", "codex"], ["echo", "{resume}", "on"], timeout=SECONDS
    )
    assert done.stdout == "on\n"
    lines = done.stderr.splitlines()
    assert len(lines) < 30
    assert "19980 older threads were not looked for" in lines[-1]
