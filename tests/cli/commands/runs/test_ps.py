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
from support.terminal.program import on_terminal
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
        "PROJECT", "ISSUE", "AGENT", "STATE", "AGE", "DURATION", "OUTCOME", "MEMORY", "PROCS",
        "PID", "RUN", "THREAD",
    ]  # fmt: skip
    # The newest run is first.
    assert first[header.index("STATE") :].startswith("done ")
    assert first[header.index("ISSUE") :].startswith("a longer issue ")
    assert second[header.index("STATE") :].startswith("failed: exit 3 ")


def test_refused_runs_are_kept_although_they_have_no_directory(lab: Lab, listed: List) -> None:
    with lab.started(["--issue", "1", *FLAGS], AGENT, stdin=subprocess.PIPE) as run:
        wait_ready(run)
        assert lab.run(["--issue", "1", *FLAGS], ["true"]).returncode == 75
        run.signal(signal.SIGTERM)
        run.finish()
    assert lab.run(["--issue", "2", *FLAGS], ["no-such-command-here"]).returncode == 127
    missing, busy, _ = listed("--all")
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


def test_runs_are_chosen_by_what_is_known_of_them(lab: Lab, listed: List) -> None:
    for issue, project, command in (("1", "p", "true"), ("2", "p", "false"), ("2", "q", "false")):
        flags = ["--issue", issue, "--project", project, *FLAGS]
        assert lab.run(flags, [command]).returncode == (command == "false")
    third, second, first = listed("--all")
    assert (third["why"], third["outcome"], first["outcome"]) == ("exit 1", "failed", "unconfirmed")
    ids = [each["run_id"] for each in (third, second, first)]
    for words, found in (
        ("--outcome failed", ids[:2]),
        ("--all --project p", ids[1:]),
        ("--all --agent codex", []),
        ("--all --since 2999-01-01", []),
        ("--all --since 1h --limit 1", ids[:1]),
    ):
        assert [each["run_id"] for each in listed(*words.split())] == found, words
    more = "1 older runs are not shown; --limit 0 shows all\n"
    assert invoke("-a", "--limit", "2").stderr == more
    assert invoke("-aq").stdout.split() == ids
    for name in ("age", "duration", "cpu", "log_size"):
        assert isinstance(third[name], int | float), name


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (80, "ISSUE AGENT STATE AGE DURATION MEMORY RUN"),
        (200, "PROJECT ISSUE AGENT STATE AGE DURATION OUTCOME MEMORY PROCS PID RUN THREAD"),
    ],
)
def test_the_table_fits_its_terminal(lab: Lab, width: int, columns: str) -> None:
    said = "echo an error of some length that tells why all of this work came to naught >&2; exit 3"
    assert lab.run(["--issue", "a longer issue", *FLAGS], ["sh", "-c", said]).returncode == 3
    program = lab.program.with_name("codexlab")
    sized = ["sh", "-c", f"stty cols {width} <&1; exec {program} ps --all"]
    header, row = on_terminal(sized, lab.environ).splitlines()
    assert header.split() == columns.split()
    assert all(len(line) <= width for line in (header, row))
    assert row[header.index("STATE") :].startswith("failed: exit 3: an error")
    (run,) = json.loads(lab.codexlab("ps", "--all", "--json").stdout)
    short = row[header.index("RUN") :].split()[0]
    assert short == run["run_id"].partition("-")[2][:4]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--outcome", "good"], "'good' is not one of"),
        (["--limit", "-1"], "expected a whole number, 0 or more"),
        (["--since", "yesterday"], "expected a date such as 2026-01-31"),
        (["--issue", ""], "--issue"),
    ],
)
def test_wrong_input_is_one_line(lab: Lab, words: list[str], problem: str) -> None:
    done = lab.codexlab("ps", *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (125, "", 1)
    assert problem in done.stderr


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
