"""No command takes the root of the filesystem, or the home directory itself, for a root."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.commands import CODEXLAB
from support.lab import Lab

_PROGRAM = str(CODEXLAB)
_ARTIFACTS = ("env --no-mkdir", "target-dir --scope shared", "setup", "status", "clean")
_WORKSPACES = (
    "workspace list", "workspace show 1", "workspace path 1", "workspace heal 1",
    "workspace remove 1", "workspace gc", "reap --dry-run",
)  # fmt: skip
_WIDE = {"/": "the root of the filesystem", "home": "the home directory itself"}


def codexlab(lab: Lab, words: str, root: str) -> subprocess.CompletedProcess[str]:
    return lab.call([_PROGRAM, *words.split(), "--root", root])


def place_of(lab: Lab, root: str) -> str:
    return lab.environ["HOME"] if root == "home" else root


@pytest.mark.parametrize("root", _WIDE)
@pytest.mark.parametrize("command", _WORKSPACES)
def test_a_command_about_workspaces_refuses_it(lab: Lab, command: str, root: str) -> None:
    done = codexlab(lab, command, place_of(lab, root))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (125, "", 1)
    assert _WIDE[root] in done.stderr
    assert "expected a directory of its own" in done.stderr


@pytest.mark.parametrize("root", _WIDE)
@pytest.mark.parametrize("command", _ARTIFACTS)
def test_a_command_about_artifacts_does_not_use_it(lab: Lab, command: str, root: str) -> None:
    done = codexlab(lab, f"artifacts {command}", place_of(lab, root))
    assert _WIDE[root] in done.stdout + done.stderr
    assert f"{place_of(lab, root).rstrip('/')}/local" not in done.stdout


def test_exports_are_not_made_and_nothing_is_left_in_the_home(lab: Lab) -> None:
    home = Path(lab.environ["HOME"])
    done = codexlab(lab, "artifacts env", str(home))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (125, "", 1)
    assert not (home / "local").exists()


@pytest.mark.parametrize("root", _WIDE)
def test_a_launch_refuses_it(lab: Lab, root: str) -> None:
    lab.environ["CODEXLAB_WORKSPACES_ROOT"] = place_of(lab, root)
    done = lab.run(["--issue", "1", "--dry-run"], ["true"])
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (125, "", 1)
    assert _WIDE[root] in done.stderr


def test_a_launch_goes_on_without_such_an_artifact_root_and_says_so(lab: Lab) -> None:
    home = Path(lab.environ["HOME"])
    lab.environ["CODEX_LAB_DEVELOPER_ARTIFACTS_ROOT"] = str(home)
    done = lab.run(["--issue", "1"], ["true"])
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert _WIDE["home"] in done.stderr
    assert not (home / "local").exists()
