"""The search command prints the same with ripgrep and without it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.agents.codex import find_ripgrep
from support.commands import run_to_end
from support.rollout.files import lines, message, meta, rollout_path, thread_id, write

RG = find_ripgrep()
pytestmark = pytest.mark.skipif(RG is None, reason="no ripgrep, and no codex that brings one")

_COMMAND = "from codexlab.cli import command; command()"
Search = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(scratch: Path) -> Path:
    home = scratch / "codex"
    for number in range(9):
        day = f"2025-01-0{1 + number % 3}T12-00-00"
        path = rollout_path(home, thread_id(number), at=day, archived=number % 4 == 3)
        said = message("user", f"one\na needle {number}", at=f"{day[:10]}T12:00:00.000Z")
        answer = message("assistant", "A NEEDLE")
        head = meta(thread_id(number), cwd=f"/src/{number % 2}")
        write(path, lines(head, said, answer), compressed=number % 3 == 2)
    return home


@pytest.fixture
def programs(scratch: Path) -> Path:
    directory = scratch / "programs"
    directory.mkdir()
    return directory


@pytest.fixture
def environ(home: Path, programs: Path, clean_environ: dict[str, str]) -> dict[str, str]:
    path = f"{programs}:{clean_environ['PATH']}"
    return clean_environ | {"CODEX_HOME": str(home), "PATH": path, "TZ": "UTC"}


@pytest.fixture
def search(environ: dict[str, str]) -> Search:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", _COMMAND, "rollout", "search", *arguments]
        return run_to_end(command, environ)

    return call


def _put_ripgrep(programs: Path, body: str) -> None:
    (programs / "rg").write_text(f"#!/bin/sh\n{body}\n")
    (programs / "rg").chmod(0o755)


_ASKED = [
    ["needle"],
    ["needle", "--json"],
    ["--json", "needle", "-l"],
    ["-i", "needle"],
    ["needle", "--ignore-case", "--threads-only"],
    ["n.?edle", "-e"],
    ["needle", "--role", "assistant", "-i"],
    ["needle", "--role=user", "--limit", "2"],
    ["needle", "--since", "2025-01-02", "--until=2025-01-03"],
    ["needle", "--cwd", "/src/1", "-j", "1"],
    ["needle", "--archived"],
    ["needle", "--active", "-C", "1"],
    ["needle", "--codex-home", "."],
    ["--codex-home=.", "needle"],
    ["needle", "-C1"],
    ["-il", "needle"],
    ["--", "needle"],
    ["needle", "--codex-home", "/nowhere", "--codex-home", "."],
    ["needle", "--form", "plain"],
]
_NOT_ASKED = [
    ["needle", "--form", "compressed"],
    ["needle", "--no-rg"],
    ["ü"],
    ["needle", "--issue", "7"],
]
_WRONG = [
    [],
    ["needle", "needle"],
    ["needle", "--limit", "0"],
    ["needle", "--since", "yesterday-ish"],
    ["needle", "--codex-home", "/nowhere"],
    ["needle", "--role"],
    ["(", "-e"],
    [""],
    ["--help"],
]


@pytest.mark.parametrize("arguments", _ASKED, ids=" ".join)
def test_the_same_is_printed_with_ripgrep_and_without(
    search: Search,
    home: Path,
    programs: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:
    monkeypatch.chdir(home)
    _put_ripgrep(programs, f'echo >> {programs}/calls\nexec {RG} "$@"')
    expected, found = search("--no-rg", *arguments), search(*arguments)
    assert (found.returncode, found.stdout, found.stderr) == (0, expected.stdout, "")
    assert found.stdout
    assert (programs / "calls").read_text() == "\n"  # asked once for all rollouts


@pytest.mark.parametrize("arguments", [*_NOT_ASKED, *_WRONG], ids=" ".join)
def test_ripgrep_is_not_waited_for_where_its_answer_is_not_wanted(
    search: Search, programs: Path, arguments: list[str]
) -> None:
    os.mkfifo(programs / "never")
    expected = search(*arguments)
    _put_ripgrep(programs, f"test $1 = --version || read line < {programs}/never")
    found = search(*arguments)
    printed = (expected.returncode, expected.stdout, expected.stderr)
    assert (found.returncode, found.stdout, found.stderr) == printed


def test_a_closed_stdout_is_not_taken_by_what_ripgrep_says(
    environ: dict[str, str], scratch: Path
) -> None:
    command = [sys.executable, "-c", _COMMAND, "rollout", "search", "needle"]
    script = 'exec "$@" >&- <&-'
    result = subprocess.run(
        ["sh", "-c", script, "sh", *command], env=environ, stderr=subprocess.PIPE, check=False
    )
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_ripgrep_too(
    environ: dict[str, str], programs: Path, signum: signal.Signals
) -> None:
    begun = programs / "begun"
    os.mkfifo(begun)
    _put_ripgrep(programs, f"trap '' INT TERM HUP\nread line < {begun}\nread line < {begun}")
    command = [sys.executable, "-c", _COMMAND, "rollout", "search", "needle"]
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0
    ) as child:
        begun.write_text("\n")
        os.killpg(child.pid, signum)
        output, errors = child.communicate(timeout=30)
    assert (child.returncode, output, errors) == (128 + signum, b"", b"")
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)
