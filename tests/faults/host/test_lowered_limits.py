"""An agent lowers the limits of guardian and supervisor: its run ends all the same, as a whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.lab import Lab, running
from support.users.callers import Caller, caller_named

# One that every user can execute.
PYTHON = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") or "python3"
SLEEP = "391.7"
FLAGS = ["--agent", "generic", "--no-repo"]
CALLERS = [("root", "auto"), ("root", "subreaper"), ("nobody", "auto")]
# Leaves a process of a session of its own, and no more room than is told: LIMITS SOFT HARD WHO.
LOWERS = f"""
import os, resource, subprocess, sys
limits, soft, hard, whom = sys.argv[1:]
me, guardian = os.getpid(), os.getppid()
with open(f"/proc/{{guardian}}/task/{{guardian}}/children") as children:
    supervisor = [int(pid) for pid in children.read().split() if int(pid) != me]
subprocess.Popen(
    ["sleep", "{SLEEP}"], start_new_session=True,
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
for victim in {{
    "both": [guardian, *supervisor], "guardian": [guardian], "supervisor": supervisor
}}[whom]:
    for limit in limits.split(","):
        kind = getattr(resource, "RLIMIT_" + limit)
        before = resource.prlimit(victim, kind)
        resource.prlimit(victim, kind, (int(soft), before[1] if hard == "kept" else int(hard)))
"""


@pytest.fixture(params=CALLERS, ids=lambda value: "-".join(value))
def who(request: pytest.FixtureRequest, lab: Lab, scratch: Path) -> tuple[Caller, list[str]]:
    name, containment = request.param
    return caller_named(name, request, lab, scratch), [*FLAGS, "--containment", containment]


def launch(
    who: tuple[Caller, list[str]], *words: str, command: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    caller, flags = who
    agent = command or (PYTHON, "-c", LOWERS, *words)
    return caller.launch(flags, *agent, cwd=caller.home)


def records(who: tuple[Caller, list[str]]) -> list[dict[str, Any]]:
    caller, _ = who
    root = caller.home / "ws"
    root = root if root.is_dir() else caller.lab.workspaces_root
    found = [
        json.loads(path.read_text()) for path in root.glob("*/*/*/.codexlab/runs/*/record.json")
    ]
    return sorted(found, key=lambda record: str(record["started"]))


@pytest.mark.parametrize(
    ("limits", "soft", "hard"),
    [
        ("NOFILE", "3", "kept"),
        ("NOFILE", "0", "kept"),
        ("FSIZE", "0", "kept"),
        ("CPU", "0", "kept"),
        ("AS,DATA", "1", "1"),
        ("NPROC,STACK,MEMLOCK,SIGPENDING", "0", "0"),
    ],
)
def test_a_limit_that_can_be_raised_again_or_done_without_changes_nothing(
    who: tuple[Caller, list[str]], limits: str, soft: str, hard: str
) -> None:
    done = launch(who, limits, soft, hard, "both")
    assert running(SLEEP) == set()
    assert (done.returncode, done.stderr) == (0, "")
    (record,) = records(who)
    assert (record["reason"], record["exit_status"]) == ("exited", 0)
    contained = record["contained"]
    assert (contained["proven"], contained["swept"], contained["left"]) == (True, 1, 0)


@pytest.mark.parametrize(
    ("limit", "whom"), [("3", "both"), ("3", "guardian"), ("3", "supervisor"), ("9", "both")]
)
def test_a_run_whose_halves_can_open_nothing_more_is_killed_and_written_down(
    who: tuple[Caller, list[str]], limit: str, whom: str
) -> None:
    done = launch(who, "NOFILE", limit, limit, whom)
    assert running(SLEEP) == set()
    assert done.returncode == 125, done.stderr
    assert "Traceback" not in done.stderr
    assert all(line.startswith("codexlab-run: ") for line in done.stderr.splitlines())
    assert "nothing it started is left" in done.stderr.splitlines()[-1]
    (record,) = records(who)
    assert record["reason"] in ("supervisor-lost", "exited")
    assert (record["contained"]["proven"], record["contained"]["left"]) == (True, 0)


def test_a_guardian_that_may_have_no_descriptor_at_all_leaves_the_record_to_the_next_launch(
    who: tuple[Caller, list[str]],
) -> None:
    done = launch(who, "NOFILE,AS,DATA,FSIZE", "0", "0", "both")
    assert running(SLEEP) == set()
    assert done.returncode == 125, done.stderr
    assert "Traceback" not in done.stderr
    assert "nothing it started is left" in done.stderr.splitlines()[-1]
    done = launch(who, command=("true",))
    assert done.returncode == 0, done.stderr
    before, after = records(who)
    assert (before["reason"], before["contained"]["left"]) == ("supervisor-lost", 0)
    assert (after["reason"], after["exit_status"]) == ("exited", 0)


def test_an_agent_starts_with_the_limits_of_its_caller_and_the_usual_signals(lab: Lab) -> None:
    script = (
        "import resource, signal; print(resource.getrlimit(resource.RLIMIT_NOFILE),"
        " signal.getsignal(signal.SIGXCPU) == signal.SIG_DFL)"
    )
    told = lab.call(["prlimit", "--nofile=500:700",
         *lab.argv(["--issue", "1", *FLAGS], ["python3", "-c", script])])  # fmt: skip
    assert told.stdout == "(500, 700) True\n", told.stderr
    assert os.path.isdir(lab.workspace)
