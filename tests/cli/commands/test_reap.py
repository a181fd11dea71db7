"""``codexlab reap``: what a dead run left is ended; nothing else is touched."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from support.lab import Lab, Running, running
from support.processes.killing import kill_at_once
from support.processes.leaks import descendants, end_processes, own_cgroup

from codexlab.cli.commands.reap import reap

MARK = "141.42"
# The one in its own session dies with nobody; it carries the tag, and sits in the leaf.
AGENT = f"setsid sleep {MARK} & echo ready; read line"
FLAGS = ["--agent", "generic", "--no-repo", "--stdin", "inherit"]

Reap = Callable[..., dict[str, Any]]


@pytest.fixture
def call(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Reap:
    monkeypatch.setenv("CODEXLAB_WORKSPACES_ROOT", str(lab.workspaces_root))

    def run(*flags: str) -> dict[str, Any]:
        result = CliRunner().invoke(
            reap, ["--json", *flags], standalone_mode=False, catch_exceptions=False
        )
        found: dict[str, Any] = json.loads(result.stdout)
        return {**found, "status": result.return_value}

    return run


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the same name and user that belongs to nobody's run."""
    with subprocess.Popen(["sleep", MARK], start_new_session=True) as process:
        yield process
        process.kill()


def alive() -> set[int]:
    return {process.pid for process in running(MARK) if not process.is_zombie}


def kill_all(run: Running) -> None:
    """Kill both halves at once, and wait for the agent, which dies with its guardian."""
    assert run.process.stdout is not None
    assert run.process.stdout.readline() == b"ready\n"
    agent = os.pidfd_open(run.wait_for_event("child.spawned")["pid"])
    kill_at_once(run.guardian, run.supervisor)
    select.select([agent], [], [], 30)
    os.close(agent)
    run.process.wait(30)
    while os.read(run.events_fd, 65536):
        pass


@pytest.mark.parametrize("containment", ["auto", "subreaper"])
def test_a_dead_run_is_ended_and_its_record_finished(
    lab: Lab, call: Reap, bystander: subprocess.Popen[bytes], containment: str
) -> None:
    flags = ["--issue", "1", "--containment", containment, *FLAGS]
    with lab.started(flags, ["sh", "-c", AGENT], stdin=subprocess.PIPE) as run:
        kill_all(run)
        (left,) = alive() - {bystander.pid}
        would = call("--dry-run")["runs"]
        assert [(each["action"], each["processes"]) for each in would] == [("would end", 1)]
        assert alive() == {left, bystander.pid}
        found = call()
        assert [(each["action"], each["processes"]) for each in found["runs"]] == [("ended", 1)]
        assert found["status"] == 0
    assert alive() == {bystander.pid}
    (record,) = lab.records
    assert (record["reason"], record["contained"]["left"]) == ("supervisor-lost", 0)
    assert call() == {"runs": [], "leaves": [], "status": 0}


def test_a_run_that_is_alive_is_not_touched(lab: Lab, call: Reap) -> None:
    flags = ["--issue", "1", *FLAGS]
    with lab.started(flags, ["sh", "-c", AGENT], stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        assert call() == {"runs": [], "leaves": [], "status": 0}
        assert len(running(f"sleep {MARK}")) >= 1
        assert run.process.poll() is None
        run.signal(signal.SIGTERM)
        run.finish()


def test_a_run_of_another_host_or_user_is_kept(lab: Lab, call: Reap) -> None:
    assert lab.run(["--issue", "1", *FLAGS], ["true"]).returncode == 0
    owner = lab.workspace / ".codexlab" / "owner.json"
    content = json.loads(owner.read_text())
    uid = os.getuid() + 1
    for changes in ({"host": "elsewhere.example", "boot_id": "its own"}, {"uid": uid}):
        owner.write_text(json.dumps({**content, "contained": False, **changes}))
        (kept,) = call()["runs"]
        assert kept["action"] == "kept"
        assert str(next(iter(changes.values()))) in kept["why"]
        assert json.loads(owner.read_text())["contained"] is False


def test_two_workspaces_of_which_one_cannot_be_claimed_do_not_stop_each_other(
    lab: Lab, call: Reap
) -> None:
    for issue in ("1", "2"):
        assert lab.run(["--issue", issue, *FLAGS], ["true"]).returncode == 0
    for owner in lab.workspaces_root.glob("*/*/*/.codexlab/owner.json"):
        owner.write_text(json.dumps({**json.loads(owner.read_text()), "contained": False}))
    (lock,) = lab.workspaces_root.glob("*/1/*/.codexlab/lock")
    lock.unlink()
    lock.symlink_to("elsewhere")
    assert sorted(each["action"] for each in call()["runs"]) == ["ended", "failed"]


def test_only_empty_leaves_of_dead_runs_are_removed(lab: Lab, call: Reap) -> None:
    group = own_cgroup()
    if group is None or not os.access(group, os.W_OK):
        pytest.skip("no cgroup v2 we may divide")
    assert lab.run(["--issue", "1", *FLAGS], ["true"]).returncode == 0
    run_id = lab.records[0]["run_id"]
    dead, young, other = (
        group / name
        for name in (f"codexlab-{run_id}", "codexlab-20200101T000000Z-00000000", "codexlab-x")
    )
    try:
        for leaf in (dead, young, other):
            leaf.mkdir()
        (dead / "below").mkdir()
        with subprocess.Popen(["sleep", MARK]) as member:
            (dead / "below" / "cgroup.procs").write_text(str(member.pid))
            assert call()["leaves"] == []
            member.kill()
        assert call("--dry-run")["leaves"] == [str(dead)]
        assert call()["leaves"] == [str(dead)]
        assert [leaf.is_dir() for leaf in (dead, young, other)] == [False, True, True]
    finally:
        end_processes({process for process in descendants() if MARK in process.command})
        for leaf in (dead / "below", dead, young, other):
            if leaf.is_dir():
                leaf.rmdir()


def test_the_table_names_the_run_and_what_was_done(lab: Lab, call: Reap) -> None:
    with lab.started(["--issue", "1", *FLAGS], ["sh", "-c", AGENT], stdin=subprocess.PIPE) as run:
        kill_all(run)
        result = CliRunner().invoke(reap, [], standalone_mode=False, catch_exceptions=False)
    header, line = result.stdout.splitlines()
    assert header.split() == ["PROJECT", "ISSUE", "AGENT", "RUN", "WHY"]
    assert line.split()[1:3] == ["1", "generic"]
    assert "ended 1 process" in line
    again = CliRunner().invoke(reap, [], standalone_mode=False, catch_exceptions=False)
    assert (again.stdout, again.stderr) == ("", "nothing to reap\n")


def test_reap_is_a_command_of_codexlab(lab: Lab) -> None:
    done = lab.codexlab("reap", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"runs": [], "leaves": []})
