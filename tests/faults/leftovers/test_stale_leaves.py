"""What a killed run leaves of its group goes when the same user next starts any run."""

from __future__ import annotations

import os
import select
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.lab import Lab
from support.processes.killing import kill_at_once, stopped, wait_for_both_halves
from support.processes.leaks import own_cgroup
from support.users.unprivileged import Unprivileged, give

from codexlab.kernel.cgroup.leaf import is_populated

pytestmark = pytest.mark.one_python

FLAGS = ["--agent", "generic", "--no-repo", "--containment", "cgroup"]


@pytest.fixture
def group() -> Iterator[Path]:
    """A group to start runs in; whatever they make in it they must remove."""
    home = own_cgroup()
    if home is None or not os.access(home, os.W_OK):
        pytest.skip("no cgroup v2 we may divide")
    path = home / f"stale-{os.getpid()}"
    path.mkdir()
    yield path
    path.rmdir()


@pytest.fixture(params=["us", "nobody"])
def caller(
    request: pytest.FixtureRequest, lab: Lab, group: Path, scratch: Path, as_nobody: Unprivileged
) -> Lab:
    """Whoever starts the runs: as we are, or an ordinary user to whom the group was given."""
    prefix: list[str] = []
    if request.param == "nobody":
        if os.geteuid() != 0:
            pytest.skip("every run is an ordinary user's already")
        prefix = as_nobody.argv([])
        for path in (group, group / "cgroup.procs", group / "cgroup.subtree_control"):
            give(path)
        home = as_nobody.home
        lab.environ.update(as_nobody.places(), HOME=str(home), CODEX_HOME=str(home / ".codex"))
    program = scratch / "codexlab-run"
    words = shlex.join([*prefix, str(lab.program)])
    program.write_text(f'#!/bin/sh\necho 0 >{group}/cgroup.procs && exec {words} "$@"\n')
    program.chmod(0o755)
    root = Path(lab.environ["CODEXLAB_WORKSPACES_ROOT"])
    return replace(lab, program=program, workspaces_root=root)


def leaf_of(caller: Lab) -> Path:
    """Return the leaf of the only run there is."""
    (record,) = caller.records
    return Path(record["containment"]["leaf"])


def kill_a_run(caller: Lab) -> Path:
    """Kill both halves of a run of issue 1, and with them its agent; return its leaf."""
    command = ["sh", "-c", "read line"]
    with caller.started(["--issue", "1", *FLAGS, "--stdin", "inherit"], command, stdin=-1) as run:
        agent = os.pidfd_open(run.wait_for_event("child.spawned")["pid"])
        leaf = leaf_of(caller)
        kill_at_once(run.guardian, run.supervisor)
        select.select([agent], [], [], 30)
        os.close(agent)
        run.process.wait(30)
        wait_for_both_halves(run)
    return leaf


def test_the_next_start_of_another_issue_removes_it_and_of_the_same_one_ends_the_run(
    caller: Lab, group: Path
) -> None:
    leaf = kill_a_run(caller)
    assert leaf.parent == group
    assert not is_populated(leaf)
    assert leaf.is_dir()
    done = caller.run(["--issue", "2", *FLAGS], ["true"])
    assert (done.returncode, done.stderr) == (0, "")
    assert [path for path in group.iterdir() if path.is_dir()] == []
    assert caller.run(["--issue", "1", *FLAGS], ["true"]).returncode == 0
    lost = caller.records[0]
    assert (lost["reason"], lost["contained"]["left"]) == ("supervisor-lost", 0)


def test_two_starts_at_once_remove_it_and_neither_is_the_worse_for_it(
    caller: Lab, group: Path
) -> None:
    kill_a_run(caller)
    starts = [
        subprocess.Popen(
            caller.argv(["--issue", issue, *FLAGS], ["true"]), cwd=caller.cwd, env=caller.environ
        )
        for issue in ("1", "2", "3")
    ]
    assert [start.wait(60) for start in starts] == [0, 0, 0]
    assert [path for path in group.iterdir() if path.is_dir()] == []


def test_a_run_between_two_attempts_keeps_its_empty_leaf(caller: Lab, scratch: Path) -> None:
    again = scratch / "again"
    flags = ["--issue", "1", *FLAGS, "--retries", "1"]
    with caller.started(flags, ["test", "-e", str(again)]) as run:
        run.wait_for_event("attempt.retrying")
        leaf = leaf_of(caller)
        # Nobody but it would make or remove the leaf meanwhile. A guardian would continue it.
        with stopped(run.guardian), stopped(run.supervisor):
            before = leaf.is_dir()
            assert caller.run(["--issue", "2", *FLAGS], ["true"]).returncode == 0
            assert leaf.is_dir() == before
        again.touch()
        assert run.finish()[0] == 0
    contained = caller.records[0]["contained"]
    assert (contained["mechanism"], contained["proven"]) == ("cgroup", True)
