"""Whatever an agent made of its temp directory, it ends with the run, and nothing else goes."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from support.lab import Lab
from support.processes.killing import kill_at_once
from support.users.unprivileged import Unprivileged, give

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

FLAGS = ["--issue", "1", "--no-repo", "--agent", "generic"]
KEPT = "kept"
MADE = {
    "closed": "mkdir -p $TMPDIR/a/b; touch $TMPDIR/a/b/f; chmod 0 $TMPDIR/a/b $TMPDIR/a",
    "closed itself": "touch $TMPDIR/f; chmod 0 $TMPDIR",
    "read-only, as a module cache is": "mkdir -p $TMPDIR/a/b; touch $TMPDIR/a/b/f;"
    " chmod -R a-w $TMPDIR",
    "a link": "rmdir $TMPDIR; ln -s $KEPT $TMPDIR",
    "a link to nothing": "rmdir $TMPDIR; ln -s $KEPT/nothing $TMPDIR",
    "a file": "rmdir $TMPDIR; echo x >$TMPDIR",
    "a fifo": "rmdir $TMPDIR; mkfifo $TMPDIR",
    "a link within": "ln -s $KEPT $TMPDIR/a; ln -s $KEPT/f $TMPDIR/b; ln $KEPT/f $TMPDIR/c",
    "gone": "rmdir $TMPDIR",
    "moved": "mv $TMPDIR $TMPDIR-away; mkdir $TMPDIR; rm -r $TMPDIR-away",
}


@pytest.fixture(params=["as we are", "as an ordinary user"])
def who(
    request: pytest.FixtureRequest, lab: Lab, as_nobody: Unprivileged, scratch: Path
) -> Callable[[str], tuple[int, str]]:
    """Return a function that launches a script and returns status and stderr."""
    kept = scratch / KEPT
    kept.mkdir()
    (kept / "f").write_text("precious")
    places = {"KEPT": str(kept)}
    if request.param == "as we are":
        lab.environ.update(places)

        def ours(script: str) -> tuple[int, str]:
            done = lab.run([*FLAGS, "--pass", "KEPT"], ["sh", "-c", script])
            return done.returncode, done.stderr

        return ours
    for path in (kept, kept / "f"):
        give(path)
    places |= as_nobody.places()

    def theirs(script: str) -> tuple[int, str]:
        argv = lab.argv([*FLAGS, "--pass", "KEPT"], ["sh", "-c", script])
        done = as_nobody.run(argv, environ=places)
        return done.returncode, done.stderr

    return theirs


@pytest.mark.parametrize("script", MADE.values(), ids=MADE)
def test_a_temp_directory_ends_with_its_run(
    who: Callable[[str], tuple[int, str]], scratch: Path, script: str
) -> None:
    before = (scratch / KEPT / "f").stat()
    status, said = who(f"{script}; exit 7")
    assert (status, said.count("\n")) == (7, 1)
    assert "nothing left running" in said
    assert list((scratch / "tmp").glob("codexlab-*/*")) == []
    after = (scratch / KEPT / "f").stat()
    assert (scratch / KEPT / "f").read_text() == "precious"
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert stat.S_IMODE((scratch / KEPT).stat().st_mode) == 0o755


@pytest.mark.parametrize("script", MADE.values(), ids=MADE)
def test_the_next_launch_removes_the_temp_directory_of_a_run_whose_halves_were_killed(
    lab: Lab, scratch: Path, script: str
) -> None:
    kept = scratch / KEPT
    kept.mkdir()
    (kept / "f").write_text("precious")
    lab.environ["KEPT"] = str(kept)
    agent = ["sh", "-c", f"{script}; echo ready; exec sleep 331.7"]
    with lab.started([*FLAGS, "--pass", "KEPT"], agent) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        kill_at_once(run.guardian, run.supervisor)
        run.process.wait(30)
        (temporary,) = [json.dumps(record["temporary"]) for record in lab.records]
        assert lab.run(FLAGS, ["true"]).returncode == 0
    assert not os.path.lexists(json.loads(temporary))
    assert list((scratch / "tmp").glob("codexlab-*/*")) == []
    assert (kept / "f").read_text() == "precious"
