"""A file that a killed launch was writing among others' files is gone after a later launch."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.lab import Lab
from support.processes.holding import held_at_call
from support.processes.killing import killed_at_call

from codexlab.env.artifact_root import ARTIFACT_ROOT_VARIABLE

# What is tried here is the kernel or a disk: the same for each Python.
pytestmark = [
    pytest.mark.one_python,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]
NEWER = "2026-02-01T00:00:00Z"
FLAGS = ["--issue", "1", "--no-repo", "--agent", "codex"]
BESIDE = ["--issue", "2", *FLAGS[2:]]
RENAMES = "rename,renameat,renameat2"


def login(refreshed: str) -> str:
    return json.dumps({"tokens": {"account_id": "me"}, "last_refresh": refreshed})


def renew(lab: Lab, shared_home: Path) -> None:
    """Renew the login in the issue's own home as a tool does that renames a file into place."""
    (shared_home / "auth.json").write_text(login("2026-01-01T00:00:00Z"))
    (home,) = lab.workspaces_root.glob("*/1/codex/codex-home")
    (home / "new").write_text(login(NEWER))
    (home / "new").rename(home / "auth.json")


def killed_at(lab: Lab, scratch: Path, step: str, number: int) -> bool:
    """Launch, and kill at the system call of that name and number; False: it has fewer."""
    return killed_at_call(lab, lab.argv(FLAGS, ["true"]), scratch / "log", step, number)


def temporaries(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir() if path.name.endswith(".tmp"))


def leave_one(lab: Lab, scratch: Path, place: Path, step: str, before: Callable[[], None]) -> str:
    """Kill launches at one call after the other until one leaves a temporary file there."""
    number = 1
    while True:
        launch(lab)  # so that no kill meets what the kill before it left to be finished
        before()
        assert killed_at(lab, scratch, step, number), "no kill left a file: nothing is shown"
        if found := temporaries(place):
            (name,) = found
            return name
        number += 1


def launch(lab: Lab, flags: list[str] = FLAGS) -> None:
    done = lab.run(flags, ["true"])
    assert done.returncode == 0, done.stderr


@pytest.fixture
def home(lab: Lab, shared_home: Path) -> Path:
    (shared_home / "auth.json").write_text(login("2026-01-01T00:00:00Z"))
    launch(lab)
    return shared_home


@pytest.fixture
def index(lab: Lab, scratch: Path) -> Path:
    lab.environ[ARTIFACT_ROOT_VARIABLE] = str(scratch / "artifacts")
    (scratch / "artifacts").mkdir()
    launch(lab)
    return scratch / "artifacts/local/.codexlab/index"


@pytest.mark.parametrize("step", ["fchmod", "fsync", "renameat"])
def test_a_login_that_a_killed_launch_was_writing_is_gone_after_the_next(
    lab: Lab, scratch: Path, home: Path, step: str
) -> None:
    assert leave_one(lab, scratch, home, step, lambda: renew(lab, home)).startswith(".auth.json.")
    before = {path for path in home.iterdir() if path.name not in temporaries(home)}
    launch(lab)
    assert set(home.iterdir()) == before
    assert json.loads((home / "auth.json").read_text())["last_refresh"] == NEWER


@pytest.mark.parametrize("step", ["fchmod", "renameat"])
def test_an_entry_that_a_killed_launch_was_writing_is_gone_after_the_next(
    lab: Lab, scratch: Path, index: Path, step: str
) -> None:
    leave_one(lab, scratch, index, step, lambda: None)
    launch(lab)
    assert [path.suffix for path in index.iterdir()] == [".json"]


def test_no_launch_sweeps_the_login_that_another_is_writing(lab: Lab, home: Path) -> None:
    renew(lab, home)
    with held_at_call(lab, lab.argv(FLAGS, ["true"]), RENAMES, home):
        (written,) = temporaries(home)
        launch(lab, BESIDE)
        assert temporaries(home) == [written]
    assert json.loads((home / "auth.json").read_text())["last_refresh"] == NEWER
    assert temporaries(home) == []


def test_no_launch_sweeps_the_entry_that_another_is_writing(lab: Lab, index: Path) -> None:
    (entry,) = index.iterdir()
    entry.unlink()  # so that there is one at the end only if it was written
    with held_at_call(lab, lab.argv(FLAGS, ["true"]), RENAMES, index):
        (written,) = temporaries(index)
        launch(lab, BESIDE)
        assert temporaries(index) == [written]
    assert {path.suffix for path in index.iterdir()} == {".json"}
    assert json.loads(entry.read_text())["issue"] == "1"
    assert len(list(index.iterdir())) == 2


def test_what_is_called_otherwise_or_is_no_file_stays(lab: Lab, home: Path, scratch: Path) -> None:
    (scratch / "mine").write_text("x")
    strange = {
        ".auth.json.tmp",
        ".auth.json.0123456789AB.tmp",
        ".auth.json.0123456789abc.tmp",
        ".config.toml.0123456789ab.tmp",
    }
    for name in strange:
        (home / name).write_text("x")
    (home / ".auth.json.0123456789ab.tmp").symlink_to(scratch / "mine")
    (home / ".auth.json.0123456789ac.tmp").mkdir()
    launch(lab)
    links = {".auth.json.0123456789ab.tmp", ".auth.json.0123456789ac.tmp"}
    assert set(temporaries(home)) == strange | links


def test_who_keeps_the_lock_for_himself_keeps_no_login_from_the_home(lab: Lab, home: Path) -> None:
    renew(lab, home)
    fd = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        launch(lab)
    finally:
        os.close(fd)
    assert json.loads((home / "auth.json").read_text())["last_refresh"] == NEWER
