"""A record that a full disk left open is finished, and tells the truth, once there is room."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.lab import Lab
from support.model.codex_responses import Json

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

FLAGS = ["--issue", "1", "--no-repo", "--agent", "generic"]
# What fills it lies beside our files, so that it can be deleted without us.
SPACE = 'cat /dev/zero >"$FULL/big" 2>/dev/null; exit 7'
INODES = 'n=0; while true 2>/dev/null >"$FULL/f$n"; do n=$((n+1)); done; exit 7'
FULL = {"space": (SPACE, "size=12m"), "inodes": (INODES, "size=12m,nr_inodes=200")}


@pytest.fixture
def disk(lab: Lab, scratch: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Put the workspaces on a small filesystem, mounted with the options of the parameter."""
    if os.getuid() != 0:
        pytest.skip("only root can mount")
    place = scratch / "small"
    place.mkdir()
    options = FULL[request.param][1]
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)
    lab.environ.update({"CODEXLAB_WORKSPACES_ROOT": str(place / "ws"), "FULL": str(place)})
    yield place
    subprocess.run(["umount", place], check=True)


def here(lab: Lab, disk: Path) -> Lab:
    return Lab(lab.program, lab.environ, lab.cwd, disk / "ws")


def make_room(disk: Path) -> None:
    for path in disk.iterdir():
        if path.is_file():
            path.unlink()


def go_on(lab: Lab, by: str) -> None:
    if by == "launch":
        assert lab.run(FLAGS, ["true"]).returncode == 0
        return
    done = lab.codexlab("reap", "--json")
    (reaped,) = json.loads(done.stdout)["runs"]
    assert (done.returncode, reaped["action"], reaped["issue"]) == (0, "finished", "1"), done


def ending(record: Json) -> tuple[object, ...]:
    return (
        record["reason"],
        record["exit_status"],
        record["agent_outcome"],
        record["contained"]["proven"],
        record["contained"]["left"],
    )


@pytest.mark.parametrize("by", ["launch", "reap"])
@pytest.mark.parametrize("state", ["elsewhere", "on the same disk"])
@pytest.mark.parametrize("disk", FULL, indirect=True)
def test_how_a_run_ended_on_a_full_disk_is_written_down_once_there_is_room(
    lab: Lab, disk: Path, request: pytest.FixtureRequest, state: str, by: str
) -> None:
    if state != "elsewhere":
        lab.environ["XDG_STATE_HOME"] = str(disk / "state")
    lab = here(lab, disk)
    fill = FULL[request.node.callspec.params["disk"]][0]
    done = lab.run([*FLAGS, "--pass", "FULL"], ["sh", "-c", fill])
    assert done.returncode == 7, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "could not be written" in line]
    assert "record.json: No space left on device" in line
    (record,) = lab.records
    assert (record["reason"], record["contained"]) == (None, None)
    make_room(disk)
    go_on(lab, by)
    first = lab.records[0]
    assert first["run_id"] == record["run_id"]
    assert ending(first) == ("exited", 7, "failed", True, 0)
    assert first["finished"] >= first["started"]
    told = (lab.run_directory(first) / "events.ndjson").read_text()
    events = [json.loads(line) for line in told.splitlines()]
    assert [event["event"] for event in events].count("run.finished") == 1
    assert (events[-1]["reason"], events[-1]["exit_status"]) == ("exited", 7)
    assert sorted(path.name for path in lab.run_directory(first).glob(".*")) == []


def launch_failing(lab: Lab, log: Path, call: str, error: str) -> subprocess.CompletedProcess[str]:
    """Launch with the first such system call of each thread failing."""
    faults = ["-e", f"trace={call}", "-e", f"inject={call}:error={error}:when=1"]
    done = lab.call(
        ["strace", "-f", "-qq", "-o", log, *faults, *lab.argv(FLAGS, ["sh", "-c", "exit 7"])]
    )
    assert "(INJECTED)" in log.read_text()
    return done


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@needs_strace
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_disk_that_fails_when_the_record_is_to_be_made_durable_leaves_none_open(
    lab: Lab, scratch: Path, error: str
) -> None:
    assert lab.run(FLAGS, ["true"]).returncode == 0  # writes what is written only once
    # The record's fsync is the first in the thread that writes it.
    done = launch_failing(lab, scratch / "log", "fsync", error)
    assert done.returncode == 7, done.stderr
    assert f"record.json: {os.strerror(getattr(errno, error))}" in done.stderr
    go_on(lab, "launch")
    assert ending(lab.records[1]) == ("exited", 7, "failed", True, 0)


@needs_strace
def test_a_record_that_cannot_be_begun_is_one_line_that_names_it(lab: Lab, scratch: Path) -> None:
    assert lab.run(FLAGS, ["true"]).returncode == 0
    done = launch_failing(lab, scratch / "log", "renameat", "EIO")
    (line,) = done.stderr.splitlines()
    assert done.returncode == 125
    assert f"{lab.workspace}/.codexlab/runs/" in line
    assert "/record.json: Input/output error; make room or mend it" in line
    assert not list(lab.workspace.rglob("*.tmp"))
    assert lab.run(FLAGS, ["true"]).returncode == 0
