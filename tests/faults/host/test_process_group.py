"""The last resort, a process group: what it ends, what leaves it, what the record then claims."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from support.lab import Lab, running
from support.records import without_names
from support.users.unprivileged import Unprivileged

FLAGS = ["--issue", "1", "--agent", "generic", "--no-repo", "--grace", "200ms"]
GROUP = [*FLAGS, "--containment", "process-group"]
# It ignores TERM, and what it starts does too.
STUBBORN = "trap '' TERM; sleep 264.5 & echo started; exit 3"


def record_of(root: Path) -> dict[str, object]:
    (path,) = root.glob("*/*/*/.codexlab/runs/*/record.json")
    found: dict[str, object] = json.loads(path.read_text())
    return found


def test_a_run_that_stays_in_its_group_is_ended_and_proven(lab: Lab) -> None:
    done = lab.run(GROUP, ["sh", "-c", STUBBORN])
    assert (done.returncode, done.stdout) == (3, "started\n"), done.stderr
    assert running("sleep 264.5") == set()
    record = record_of(lab.workspaces_root)
    assert record["containment"] == {
        "mechanism": "process-group", "leaf": None, "why": "not asked for",
    }  # fmt: skip
    assert without_names(record["contained"]) == {
        "mechanism": "process-group", "proven": True, "swept": 1, "left": 0,
    }  # fmt: skip


def test_who_left_the_group_is_reported_as_left_and_ended_by_the_next_launch(lab: Lab) -> None:
    # It holds our output open too, which must not hold up the run.
    left = "setsid sh -c ': > left; exec sleep 264.6' & until test -e left; do :; done"
    leave = f"{left}; echo started; exit 0"
    done = lab.run(GROUP, ["sh", "-c", leave])
    assert (done.returncode, done.stdout) == (0, "started\n")
    assert "1 processes of run" in done.stderr
    assert len(running("sleep 264.6")) == 1
    record = record_of(lab.workspaces_root)
    assert without_names(record["contained"]) == {
        "mechanism": "process-group", "proven": False, "swept": 0, "left": 1,
    }  # fmt: skip
    again = lab.run(FLAGS, ["true"])
    assert (again.returncode, running("sleep 264.6")) == (0, set()), again.stderr


def test_a_lost_supervisors_run_is_ended_by_its_group(lab: Lab) -> None:
    agent = "trap '' TERM; sleep 264.7 & echo started; wait; read line"
    flags = [*GROUP, "--stdin", "inherit"]
    with lab.started(flags, ["sh", "-c", agent], stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"started\n"
        os.kill(run.supervisor, signal.SIGKILL)
        assert run.process.wait(30) == 125
    assert running("sleep 264.7") == set()
    contained = record_of(lab.workspaces_root)["contained"]
    assert without_names(contained) == {
        "mechanism": "process-group", "proven": True, "swept": 2, "left": 0, "leaf_removed": True,
    }  # fmt: skip


def test_an_unprivileged_user_has_it_too(lab: Lab, as_nobody: Unprivileged) -> None:
    done = as_nobody.run(lab.argv(GROUP, ["sh", "-c", STUBBORN]), environ=as_nobody.places())
    assert done.returncode == 3, done.stderr
    assert running("sleep 264.5") == set()
    contained = record_of(as_nobody.home / "ws")["contained"]
    assert isinstance(contained, dict)
    assert (contained["mechanism"], contained["proven"]) == ("process-group", True)


def without_proc(lab: Lab, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run it where /proc shows nothing at all."""
    if os.geteuid() != 0:
        pytest.skip("only root can hide /proc")
    hide = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
    script = 'mount -t tmpfs none /proc && exec "$@"'
    words = [*hide, script, "sh", *lab.argv([*FLAGS, *flags], ["sh", "-c", STUBBORN])]
    return lab.call(words)


def test_without_proc_the_group_is_gone_by_and_nothing_is_claimed(lab: Lab) -> None:
    done = without_proc(lab)
    assert (done.returncode, done.stdout) == (3, "started\n"), done.stderr
    assert running("sleep 264.5") == set()
    record = record_of(lab.workspaces_root)
    assert without_names(record["contained"]) == {
        "mechanism": "process-group", "proven": False, "swept": 1, "left": 0,
    }  # fmt: skip
    containment = record["containment"]
    assert isinstance(containment, dict)
    assert "/proc does not show our own processes" in containment["why"]


def test_without_proc_a_demanded_subreaper_is_refused(lab: Lab) -> None:
    done = without_proc(lab, "--containment", "subreaper")
    assert (done.returncode, done.stderr.count("\n")) == (125, 1), done.stderr
    assert "--containment subreaper /proc: does not show our own processes" in done.stderr
