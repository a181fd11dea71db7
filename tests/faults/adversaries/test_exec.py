"""Agents that cannot be started: one clear line, the right status, nothing half-made left."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from support.lab import Lab

pytestmark = pytest.mark.one_python


@contextmanager
def _script(path: Path, content: bytes, mode: int = 0o755) -> Generator[list[str]]:
    path.write_bytes(content)
    path.chmod(mode)
    yield [str(path)]


@contextmanager
def _being_written(path: Path) -> Generator[list[str]]:
    path.write_bytes(Path("/bin/true").read_bytes())
    path.chmod(0o755)
    with path.open("ab"):  # ETXTBSY: somebody is still writing the program
        yield [str(path)]


@contextmanager
def _loop(path: Path) -> Generator[list[str]]:
    path.symlink_to(path)
    yield [str(path)]


@contextmanager
def _words(path: Path, *words: str) -> Generator[list[str]]:
    yield [*words]


FAILURES: dict[str, tuple[int, Callable[[Path], AbstractContextManager[list[str]]]]] = {
    "not found in PATH": (127, lambda path: _words(path, "no-such-command-anywhere")),
    "not found by path": (127, lambda path: _words(path, str(path))),
    "a directory": (126, lambda path: _words(path, "/")),
    "below a file": (127, lambda path: _words(path, "/etc/passwd/agent")),
    "a link to itself": (127, _loop),
    "no execute bit": (126, lambda path: _script(path, b"#!/bin/sh\n", 0o644)),
    "no such interpreter": (127, lambda path: _script(path, b"#!/no/such/interpreter\n")),
    "an empty file": (126, lambda path: _script(path, b"")),
    "no program at all": (126, lambda path: _script(path, b"just text\n")),
    "a torn program": (126, lambda path: _script(path, b"\x7fELF\x02\x01\x01" + bytes(50))),
    "open for writing": (126, _being_written),
}


@pytest.mark.parametrize("name", FAILURES)
def test_an_agent_that_cannot_be_started_is_one_line_and_leaves_the_issue_free(
    lab: Lab, scratch: Path, name: str
) -> None:
    status, prepare = FAILURES[name]
    flags = ["--issue", "1", "--agent", "generic", "--no-repo"]
    with prepare(scratch / "agent") as command:
        done = lab.run(flags, command)
    assert done.returncode == status, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("codexlab-run: ")
    assert len(done.stderr) < 1000
    for record in lab.records:
        assert (record["reason"], record["exit_status"]) == ("launch-failed", status)
    for owner in lab.workspaces_root.glob("*/*/*/.codexlab/owner.json"):
        assert json.loads(owner.read_text())["contained"] is True
    assert lab.run(flags, ["true"]).returncode == 0


def test_an_environment_too_large_for_exec_is_one_line_too(lab: Lab, scratch: Path) -> None:
    # One string may have 128 KiB (execve(2)); a file can hold more than our own exec could.
    (scratch / "large.env").write_text(f"LARGE={'x' * 200_000}\n")
    flags = ["--issue", "1", "--agent", "generic", "--no-repo"]
    done = lab.run([*flags, "--env-file", scratch / "large.env"], ["true"])
    assert (done.returncode, done.stderr.count("\n")) == (126, 1), done.stderr
    assert "bytes, and the kernel passes at most" in done.stderr
    assert lab.records[0]["reason"] == "launch-failed"
    assert lab.run(flags, ["true"]).returncode == 0


def test_a_workdir_that_went_away_before_the_start_is_named(lab: Lab, scratch: Path) -> None:
    gone = scratch / "gone"
    done = lab.run(["--issue", "1", "--agent", "generic", "--workdir", gone], ["true"])
    assert (done.returncode, done.stderr.count("\n")) == (125, 1), done.stderr
    assert str(gone) in done.stderr
    assert not os.path.lexists(gone)
