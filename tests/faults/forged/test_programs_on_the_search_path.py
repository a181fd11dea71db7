"""No program is started from a directory of the user's in which an agent has worked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.git.repositories import git, make_repository
from support.lab import Lab

pytestmark = pytest.mark.one_python

NAMES = ("git", "rustc", "rg", "less", "busctl", "pnpm", "sccache", "ssh", "sh")
# What the agent of the first run does: an activated environment gets programs of its own.
PLANT = """
for name in "$@"; do
    printf '#!/bin/sh\\necho "$0 $*" >>%s\\n' "$WITNESS" >bin/$name
    chmod +x bin/$name
done
"""
COMMANDS = (
    ("workspace", "list"),
    ("workspace", "show", "1"),
    ("workspace", "gc", "--idle", "0s"),
    ("ps",),
    ("reap",),
    ("env", "explain", "--", "true"),
    ("artifacts", "status"),
    ("rollout", "search", "x"),
)


@pytest.fixture
def elsewhere(scratch: Path) -> Path:
    """Return another repository, in which no agent has worked."""
    return make_repository(scratch / "elsewhere")


def given(lab: Lab, scratch: Path, kind: str) -> tuple[list[str], Path]:
    """Return a directory of the user's, and the flags of a launch that works there."""
    if kind == "checkout":
        return ["--workdir", "."], lab.cwd
    place = scratch / "yours"
    if kind == "linked":
        git(lab.cwd, "worktree", "add", "-q", "-b", "mine", str(place))
        return [], place
    place.mkdir()
    return ["--workdir", "."], place


@pytest.mark.parametrize("kind", ["plain", "checkout", "linked"])
def test_no_command_and_no_launch_starts_what_an_agent_put_there(
    lab: Lab, scratch: Path, elsewhere: Path, kind: str
) -> None:
    flags, place = given(lab, scratch, kind)
    (place / "bin").mkdir()
    witness = scratch / "witness"
    path = f"{place}/bin:{lab.environ['PATH']}"
    active = replace(lab, environ={**lab.environ, "PATH": path, "WITNESS": str(witness)})
    planting = ["/bin/sh", "-c", PLANT, "sh", *NAMES]
    issue = ["--issue", "1", "--agent", "generic"]
    done = active.run([*issue, *flags, "--pass", "WITNESS"], planting, cwd=place)
    assert done.returncode == 0, done.stderr
    assert sorted(each.name for each in (place / "bin").iterdir()) == sorted(NAMES)
    for command in COMMANDS:
        for cwd in (place, elsewhere, scratch):
            active.codexlab(*command, cwd=cwd)
            assert not witness.exists(), (command, cwd, witness.read_text())
    for number, cwd in enumerate((elsewhere, scratch), 2):
        done = active.run(["--issue", str(number), "--agent", "generic"], ["true"], cwd=cwd)
        assert done.returncode == 0, done.stderr
        assert not witness.exists(), witness.read_text()
    assert active.codexlab("workspace", "remove", "1", "--force", cwd=place).returncode == 0
    active.codexlab("workspace", "gc", "--idle", "0s", cwd=elsewhere)
    assert not witness.exists(), witness.read_text()
