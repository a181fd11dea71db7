"""What cannot be read is not called empty: a line names it, and the status says it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import CODEXLAB
from support.lab import Lab
from support.users.unprivileged import without_power_over_files

pytestmark = pytest.mark.usefixtures("bound_by_modes")

_COMMANDS = (
    "workspace list", "workspace show 1", "workspace path 1", "workspace heal 1",
    "workspace remove 1", "workspace gc", "reap",
)  # fmt: skip


def codexlab(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    return lab.call(without_power_over_files([CODEXLAB, *words]))


@pytest.fixture
def closed(lab: Lab) -> Iterator[Path]:
    """A project of one workspace, which nobody may look into; another one lies beside it."""
    for project in ("closed", "open"):
        flags = ["--issue", "1", "--project", project, "--agent", "generic", "--no-repo"]
        assert lab.run(flags, ["true"]).returncode == 0
    place = lab.workspaces_root / "closed"
    mode = place.stat().st_mode
    place.chmod(0)
    yield place
    place.chmod(mode)


@pytest.mark.parametrize("command", _COMMANDS)
def test_a_root_that_cannot_be_read_is_refused(lab: Lab, scratch: Path, command: str) -> None:
    root = scratch / "closed-root"
    root.mkdir(mode=0)
    done = codexlab(lab, *command.split(), "--root", str(root))
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr == (
        f"codexlab: {root}: Permission denied; make it readable for yourself (chmod u+rx),"
        " or name another --root\n"
    )


def test_reap_names_a_root_of_its_own_choice_and_goes_on(lab: Lab) -> None:
    lab.workspaces_root.mkdir(mode=0)
    done = codexlab(lab, "reap", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (125, {"runs": [], "leaves": []})
    assert done.stderr.count("\n") == 1
    assert f"{lab.workspaces_root}: Permission denied" in done.stderr


@pytest.mark.parametrize("command", ["workspace list", "workspace show 1", "workspace gc"])
def test_a_project_that_cannot_be_read_hides_no_other(lab: Lab, closed: Path, command: str) -> None:
    done = codexlab(lab, *command.split())
    assert done.returncode == 125
    assert "open" in done.stdout
    assert done.stderr.count(f"{closed}: Permission denied; left out") == 1


def test_reap_does_not_say_that_there_is_nothing(lab: Lab, closed: Path) -> None:
    done = codexlab(lab, "reap")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (125, "", 1)
    assert f"{closed}: Permission denied; left out" in done.stderr


def test_a_workspace_that_its_agent_closed_is_named(lab: Lab, closed: Path) -> None:
    closed.chmod(0o700)
    workspace = closed / "1" / "generic"
    workspace.chmod(0)
    try:
        done = codexlab(lab, "workspace", "list")
    finally:
        workspace.chmod(0o700)
    assert done.returncode == 125
    assert done.stderr.count(f"{workspace}: Permission denied; left out") == 1


def test_only_the_project_asked_for_is_told_of(lab: Lab, closed: Path) -> None:
    done = codexlab(lab, "workspace", "list", "--project", "open")
    assert (done.returncode, done.stderr) == (0, "")
    done = codexlab(lab, "workspace", "path", "1", "--project", "open")
    assert (done.returncode, done.stderr) == (0, "")
    done = codexlab(lab, "workspace", "list", "--project", "closed")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.count("\n") == 1
    assert os.fspath(closed) in done.stderr
