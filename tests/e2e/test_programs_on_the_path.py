"""A program that an agent left in its workspace is not ours, whatever PATH says."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.lab import Lab

NAMES = ("rg", "less", "git", "rustc", "pnpm", "sccache", "busctl")
THREAD = "01a1f940-9a01-7e93-93fe-6ef7791a84e5"
HEAD = (
    '{"timestamp":"2026-01-01T00:00:00.000Z","type":"session_meta","payload":{"id":"#",'
    '"timestamp":"2026-01-01T00:00:00.000Z","cwd":"/x","originator":"codex_exec",'
    '"cli_version":"0.171.0"}}\n'.replace("#", THREAD)
)
LINE = (
    '{"timestamp":"2026-01-01T00:00:01.000Z","type":"response_item","payload":{"type":"message",'
    '"role":"user","content":[{"type":"input_text","text":"hello"}]}}\n'
)


@pytest.fixture
def planted(lab: Lab, scratch: Path) -> Path:
    """The workdir of an agent that put programs into it; each leaves a mark when it is started."""
    marks = scratch / "marks"
    marks.mkdir()
    script = f"""
        mkdir -p .venv/bin
        for name in {" ".join(NAMES)}; do
            printf '#!/bin/sh\\ntouch {marks}/%s\\n' $name > $name
            chmod +x $name
            cp $name .venv/bin/
        done
    """
    assert lab.run(["--issue", "1"], ["sh", "-c", script]).returncode == 0
    return lab.workspace / "workdir"


@pytest.fixture
def home(lab: Lab) -> Path:
    home = Path(lab.environ["HOME"], ".codex")
    day = home / "sessions" / "2026" / "01" / "01"
    day.mkdir(parents=True, exist_ok=True)
    (day / f"rollout-2026-01-01T00-00-00-{THREAD}.jsonl").write_text(HEAD + LINE * 300)
    return home


COMMANDS = (
    ("rollout", "search", "hello"),
    ("rollout", "show", THREAD, "--pager"),
    ("workspace", "show", "1"),
    ("artifacts", "status"),
)


@pytest.mark.parametrize("entry", [".", "", ".venv/bin", "{workdir}/.venv/bin", "{link}"])
def test_no_command_starts_it(
    lab: Lab, planted: Path, home: Path, scratch: Path, entry: str
) -> None:
    link = scratch / "tools"
    link.symlink_to(planted / ".venv" / "bin")
    lab.environ["PATH"] = (
        f"{entry.format(workdir=planted, link=link)}{os.pathsep}{lab.environ['PATH']}"
    )
    lab.environ["CODEX_HOME"] = str(home)
    for words in COMMANDS:
        _at_a_terminal(lab, words, planted)
    lab.run(["--issue", "1"], ["true"])
    lab.run(["--issue", "2"], ["true"], cwd=lab.cwd)
    assert os.listdir(scratch / "marks") == []


def test_the_planted_programs_do_leave_marks(lab: Lab, planted: Path, scratch: Path) -> None:
    for name in NAMES:
        subprocess.run([planted / name], check=True, env=lab.environ)
    assert sorted(os.listdir(scratch / "marks")) == sorted(NAMES)


def _at_a_terminal(lab: Lab, words: Sequence[str], cwd: Path) -> None:
    """Run a command whose output is a terminal, which starts the pager."""
    ours, theirs = pty.openpty()
    command: list[str | Path] = [lab.program.with_name("codexlab"), *words]
    environ = {**lab.environ, "TERM": "dumb"}
    try:
        process = subprocess.Popen(
            command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        while _read(ours):
            pass
        process.wait(60)
    finally:
        os.close(ours)


def _read(fd: int) -> bytes:
    """Return some output; nothing once the other side of the terminal is closed."""
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""
