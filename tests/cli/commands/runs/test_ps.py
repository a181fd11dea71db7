"""``codexlab ps``: what runs is what the kernel shows, wherever it was started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.lab import Lab, Running, running, wait_until_gone
from support.processes.killing import kill_at_once
from support.users.unprivileged import Unprivileged, give

from codexlab.cli.commands.reap import reap
from codexlab.cli.commands.runs.ps import ps
from codexlab.supervisor.records import registry

MARK = "161.8"
FLAGS = ["--agent", "generic", "--no-repo", "--stdin", "inherit"]
AGENT = ["sh", "-c", f"setsid sleep {MARK} & echo ready; read line"]

List = Callable[..., list[dict[str, Any]]]


def invoke(*flags: str) -> Result:
    return CliRunner().invoke(ps, list(flags), standalone_mode=False, catch_exceptions=False)


@pytest.fixture
def listed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> List:
    monkeypatch.setenv("CODEXLAB_WORKSPACES_ROOT", str(lab.workspaces_root))

    def run(*flags: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(invoke("--json", *flags).stdout)
        return found

    return run


def wait_ready(run: Running) -> None:
    assert run.process.stdout is not None
    assert run.process.stdout.readline() == b"ready\n"
    run.wait_for_event("child.spawned")


def test_a_run_is_listed_while_it_runs_and_with_all_also_afterwards(
    lab: Lab, listed: List, scratch: Path
) -> None:
    elsewhere = ["--workspaces-root", str(scratch / "other"), "--issue", "7", *FLAGS]
    with lab.started(elsewhere, AGENT, stdin=subprocess.PIPE) as run:
        wait_ready(run)
        (found,) = listed()
        assert (found["issue"], found["state"], found["pid"]) == ("7", "running", run.guardian)
        # The shell, and the sleep in a session of its own.
        assert found["processes"] == 2
        assert found["memory"] > 100_000
        assert found["workspace"].startswith(str(scratch / "other"))
        assert listed("--issue", "8") == []
        run.signal(signal.SIGTERM)
        # Before stdin ends, which would end the agent too.
        run.wait_for_event("child.exited")
        assert run.finish()[0] == 143
    assert listed() == []
    (found,) = listed("--all")
    assert (found["state"], found["reason"], found["exit_status"]) == ("finished", "cancelled", 143)
    assert json.loads(Path(found["record"]).read_text())["run_id"] == found["run_id"]


def test_the_table_is_aligned_and_says_so_when_nothing_runs(lab: Lab, listed: List) -> None:
    assert (invoke().stdout, invoke().stderr) == ("", "nothing is running\n")
    assert invoke("--all").stderr == "no runs\n"
    assert lab.run(["--issue", "1", *FLAGS], ["sh", "-c", "exit 3"]).returncode == 3
    assert lab.run(["--issue", "a longer issue", *FLAGS], ["true"]).returncode == 0
    header, first, second = invoke("--all").stdout.splitlines()
    assert header.split() == [
        "PROJECT", "ISSUE", "AGENT", "STATE", "SINCE", "PID", "PROCS", "MEMORY", "RUN", "THREAD",
    ]  # fmt: skip
    assert first[header.index("STATE") :].startswith("exited 3 ")
    assert second[header.index("STATE") :].startswith("exited 0 ")
    assert second[header.index("ISSUE") :].startswith("a longer issue ")


def test_refused_runs_are_kept_although_they_have_no_directory(lab: Lab, listed: List) -> None:
    with lab.started(["--issue", "1", *FLAGS], AGENT, stdin=subprocess.PIPE) as run:
        wait_ready(run)
        assert lab.run(["--issue", "1", *FLAGS], ["true"]).returncode == 75
        run.signal(signal.SIGTERM)
        run.finish()
    assert lab.run(["--issue", "2", *FLAGS], ["no-such-command-here"]).returncode == 127
    _, busy, missing = listed("--all")
    assert (busy["reason"], busy["exit_status"]) == ("busy", 75)
    assert "held by run" in busy["error"]
    assert (missing["reason"], missing["exit_status"]) == ("launch-failed", 127)
    assert "no-such-command-here" in missing["error"]
    assert not Path(missing["workspace"]).exists()
    assert (busy["record"], missing["record"]) == (None, None)


def test_a_run_that_waits_for_its_workspace_is_waiting(lab: Lab, listed: List) -> None:
    with lab.started(["--issue", "1", *FLAGS], AGENT, stdin=subprocess.PIPE) as first:
        wait_ready(first)
        with lab.started(["--issue", "1", "--wait", *FLAGS], ["true"]) as second:
            second.wait_for_event("run.planned")
            states = {each["pid"]: each["state"] for each in listed()}
            assert states == {first.guardian: "running", second.guardian: "waiting"}
            first.signal(signal.SIGTERM)
            first.finish()
            assert second.finish()[0] == 0
    assert listed() == []


def kill(run: Running, *pids: int) -> None:
    agent = run.wait_for_event("child.spawned")["pid"]
    gone = {process for process in running("read line") if process.pid == agent}
    kill_at_once(*pids)
    run.process.wait(30)
    while os.read(run.events_fd, 65536):
        pass
    assert wait_until_gone(gone) == set()


def test_a_killed_run_is_dead_until_reap_has_found_it_in_its_own_root(
    lab: Lab, listed: List, scratch: Path
) -> None:
    flags = ["--workspaces-root", str(scratch / "other"), "--issue", "1", *FLAGS]
    with lab.started(flags, AGENT, stdin=subprocess.PIPE) as run:
        wait_ready(run)
        kill(run, run.guardian, run.supervisor)
        (found,) = listed()
        assert (found["state"], found["processes"]) == ("dead", None)
        assert invoke().stderr == "1 run was killed; codexlab reap ends their processes\n"
        lab.workspaces_root.mkdir()
        named = ["--json", "--root", str(lab.workspaces_root)]
        assert json.loads(CliRunner().invoke(reap, named, standalone_mode=False).stdout) == {
            "runs": [],
            "leaves": [],
        }
        done = json.loads(CliRunner().invoke(reap, ["--json"], standalone_mode=False).stdout)
        assert [each["action"] for each in done["runs"]] == ["ended"]
    assert running(f"sleep {MARK}") == set()
    assert listed() == []
    (found,) = listed("--all")
    assert (found["reason"], found["exit_status"]) == ("supervisor-lost", 125)


@pytest.mark.parametrize("victim", ["supervisor", "guardian"])
def test_a_run_that_lost_one_half_is_finished_by_the_other(
    lab: Lab, listed: List, victim: str
) -> None:
    with lab.started(["--issue", "1", *FLAGS], AGENT, stdin=subprocess.PIPE) as run:
        wait_ready(run)
        kill(run, getattr(run, victim))
    (found,) = listed("--all")
    assert (found["state"], found["reason"]) == ("finished", "supervisor-lost")


def test_an_entry_alone_is_not_believed(lab: Lab, listed: List) -> None:
    assert lab.run(["--issue", "1", *FLAGS], ["true"]).returncode == 0
    (path,) = registry.registry_directory().iterdir()
    first = json.loads(path.read_bytes().splitlines()[0])
    # The pid is somebody's, but not the guardian's.
    path.write_text(json.dumps({**first, "guardian": [os.getpid(), 1]}) + "\n")
    assert listed() == []
    assert [each["reason"] for each in listed("--all")] == ["exited"]
    path.write_text(json.dumps({**first, "place": "elsewhere pid:[1]"}) + "\n")
    assert [each["state"] for each in listed()] == ["elsewhere"]


@pytest.mark.parametrize("kind", ["a file in the way", "read-only"])
def test_a_registry_that_cannot_be_written_is_said_and_ends_nothing(
    lab: Lab, as_nobody: Unprivileged, kind: str
) -> None:
    state = as_nobody.home / "state"
    for place in (state, state / "codexlab"):
        place.mkdir(mode=0o700)
        give(place)
    runs = state / "codexlab" / "runs"
    runs.mkdir(mode=0o555) if kind == "read-only" else runs.write_text("")
    environ = {
        "CODEXLAB_WORKSPACES_ROOT": str(as_nobody.home / "ws"),
        "XDG_STATE_HOME": str(state),
        "XDG_CACHE_HOME": str(as_nobody.home / "cache"),
    }
    done = as_nobody.run(
        lab.argv(["--issue", "1", *FLAGS], ["sh", "-c", "echo ran; exit 7"]), environ=environ
    )
    assert (done.returncode, done.stdout) == (7, "ran\n"), done.stderr
    lines = [line for line in done.stderr.splitlines() if "codexlab ps" in line]
    assert len(lines) == 1
    assert str(runs) in lines[0]
